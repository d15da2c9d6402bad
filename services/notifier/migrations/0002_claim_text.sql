-- What an agent reads to decide about a claim: the beginning of its text, while it waits; empty in every other state.
ALTER TABLE inbound_mail ADD COLUMN excerpt text NOT NULL DEFAULT '';
