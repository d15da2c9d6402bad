-- What every service with a database has: journal, leases, inbox, timers, copies.

-- Row-level security for one tenant table: the app role sees the portals that were set for it, the system role sees all.
CREATE FUNCTION portico_protect(target text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    app text := current_user || '_app';
    system text := current_user || '_system';
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY portal ON %I TO %I USING (portal = ANY (string_to_array(current_setting(''portico.portals'', true), '','')))',
        target, app);
    EXECUTE format('CREATE POLICY system ON %I TO %I USING (true)', target, system);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I, %I', target, app, system);
END $$;

-- A table without portals, for both roles.
CREATE FUNCTION portico_share(target text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I, %I', target, current_user || '_app', current_user || '_system');
END $$;

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I, %I', current_user || '_app', current_user || '_system');
END $$;

-- The journal's head: locked by every append before any aggregate, so positions are gapless and in commit order.
CREATE TABLE journal_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    position bigint NOT NULL DEFAULT 0,
    last_event uuid
);
INSERT INTO journal_head DEFAULT VALUES;
SELECT portico_share('journal_head');

CREATE TABLE journal (
    position bigint PRIMARY KEY,
    event_id uuid NOT NULL,
    previous_event uuid,
    portal text NOT NULL,
    aggregate_kind text NOT NULL,
    aggregate_id uuid NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    traceparent text NOT NULL,
    body bytea NOT NULL
);
CREATE UNIQUE INDEX journal_event ON journal (event_id);
CREATE UNIQUE INDEX journal_version ON journal (aggregate_id, version);
SELECT portico_protect('journal');

-- The version of every aggregate: what an append expects is compared here.
CREATE TABLE aggregate (
    portal text NOT NULL,
    kind text NOT NULL,
    id uuid PRIMARY KEY,
    version bigint NOT NULL
);
SELECT portico_protect('aggregate');

-- What may exist once: a mail address in a portal, a slug, the nonce of an upload.
CREATE TABLE claim (
    portal text NOT NULL,
    space text NOT NULL,
    key text NOT NULL,
    owner uuid NOT NULL,
    PRIMARY KEY (portal, space, key)
);
SELECT portico_protect('claim');

-- Answers by idempotency key, committed with their effect; kept 24 hours.
CREATE TABLE request (
    portal text NOT NULL,
    caller text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (portal, caller, operation, key)
);
CREATE INDEX request_at ON request (at);
SELECT portico_protect('request');

-- Numbers that people read, one series a portal and name, without gaps.
CREATE TABLE sequence (
    portal text NOT NULL,
    name text NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (portal, name)
);
SELECT portico_protect('sequence');

CREATE TABLE timer (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    kind text NOT NULL,
    aggregate_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    -- When to try: due_at at first, later after a failure or while another replica works on it.
    next_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX timer_next ON timer (next_at);
CREATE INDEX timer_aggregate ON timer (aggregate_id);
SELECT portico_protect('timer');

CREATE TABLE lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    -- Grows each time the holder changes: what a former holder writes carries the old term and is refused.
    term bigint NOT NULL,
    until timestamptz NOT NULL
);
SELECT portico_share('lease');

CREATE TABLE relay (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    published bigint NOT NULL DEFAULT 0
);
INSERT INTO relay DEFAULT VALUES;
SELECT portico_share('relay');

-- One cursor a producer, moved in the transaction of the effect.
CREATE TABLE inbox (
    producer text PRIMARY KEY,
    epoch text NOT NULL,
    position bigint NOT NULL,
    last_event uuid,
    -- Why the inbox stands still: the producer's journal is not the one that was read before.
    stopped text
);
SELECT portico_share('inbox');

-- Events that can't be applied, with those that follow on the same aggregate, until somebody drives them again.
CREATE TABLE parked_event (
    producer text NOT NULL,
    position bigint NOT NULL,
    portal text NOT NULL,
    aggregate_id uuid NOT NULL,
    event bytea NOT NULL,
    error text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (producer, position)
);
CREATE INDEX parked_event_aggregate ON parked_event (producer, aggregate_id);
SELECT portico_share('parked_event');

-- Facts of other services whose copy is older than what an event told.
CREATE TABLE dirty (
    kind text NOT NULL,
    id uuid NOT NULL,
    portal text NOT NULL,
    version bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, id)
);
CREATE INDEX dirty_next ON dirty (kind, next_at);
SELECT portico_share('dirty');

-- The copy of each portal's settings document.
CREATE TABLE portal_settings (
    portal text PRIMARY KEY,
    version bigint NOT NULL,
    title text NOT NULL,
    document jsonb NOT NULL
);
SELECT portico_share('portal_settings');
