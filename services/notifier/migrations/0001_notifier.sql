-- Deliveries, the bell, preferences, and the mail that came in.

-- One message of one event to one recipient over one channel. The id is derived from the three, so an event read twice adds nothing.
CREATE TABLE delivery (
    id             uuid PRIMARY KEY,
    portal         text NOT NULL,
    producer       text NOT NULL,
    event_id       uuid NOT NULL,
    aggregate_kind text NOT NULL,
    aggregate_id   text NOT NULL,
    recipient      text NOT NULL,
    is_person      boolean NOT NULL,
    kind           text NOT NULL,
    channel        text NOT NULL CHECK (channel IN ('mail', 'bell')),
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'cancelled', 'failed')),
    -- Destination of a mail, known after it was rendered once; lets a slow destination wait without holding up others.
    domain         text,
    attempts       integer NOT NULL DEFAULT 0,
    event_at       timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    -- While `lease` is set: the moment at which the delivery may be taken away from its worker.
    due_at         timestamptz NOT NULL,
    lease          uuid,
    reason         text NOT NULL DEFAULT '',
    ended_at       timestamptz,
    -- W3C trace context of the event: one trace reaches from the request to the mail.
    traceparent    text NOT NULL
);
CREATE INDEX delivery_due ON delivery (channel, due_at, id) WHERE state = 'pending';
CREATE INDEX delivery_failed ON delivery (ended_at DESC, id DESC) WHERE state = 'failed';
CREATE INDEX delivery_ended ON delivery (ended_at) WHERE state IN ('sent', 'cancelled');
SELECT portico_protect('delivery');

-- A mark of the bell. Ids only: its owner gives the words when it is read.
CREATE TABLE notification (
    id             uuid PRIMARY KEY,
    portal         text NOT NULL,
    person_id      text NOT NULL,
    producer       text NOT NULL,
    event_id       uuid NOT NULL,
    aggregate_kind text NOT NULL,
    aggregate_id   text NOT NULL,
    kind           text NOT NULL,
    created_at     timestamptz NOT NULL,
    read_at        timestamptz,
    -- Set when its owner says that the person may not see it any more.
    withdrawn_at   timestamptz
);
CREATE INDEX notification_newest ON notification (portal, person_id, created_at DESC, id DESC) WHERE withdrawn_at IS NULL;
CREATE INDEX notification_unread ON notification (portal, person_id, created_at DESC, id DESC) WHERE withdrawn_at IS NULL AND read_at IS NULL;
SELECT portico_protect('notification');

-- What a person switched off, as `channel.kind`. No row: everything is on.
CREATE TABLE preference (
    portal     text NOT NULL,
    person_id  text NOT NULL,
    off        text[] NOT NULL,
    version    bigint NOT NULL,
    request_id text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (portal, person_id)
);
SELECT portico_protect('preference');

-- Which ticket and reader a reply address stands for. The token is a MAC over them, computed again when it is used.
CREATE TABLE reply_address (
    token      text PRIMARY KEY,
    portal     text NOT NULL,
    ticket_id  text NOT NULL,
    person_id  text NOT NULL,
    created_at timestamptz NOT NULL
);
SELECT portico_protect('reply_address');

-- A message that came in. The raw bytes are in the blob store under `blob` until `raw_until`.
CREATE TABLE inbound_mail (
    id            uuid PRIMARY KEY,
    portal        text NOT NULL,
    message_id    text NOT NULL,
    blob          text NOT NULL,
    size          bigint NOT NULL,
    state         text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'ticket_created', 'comment_added', 'unverified_ticket', 'claimed', 'ignored', 'quarantined')),
    ticket_number text,
    reason        text NOT NULL DEFAULT '',
    from_address  text NOT NULL DEFAULT '',
    subject       text NOT NULL DEFAULT '',
    -- The person to whom an answer that explains a refusal goes, and that person's address.
    person_id     text,
    received_at   timestamptz NOT NULL,
    due_at        timestamptz NOT NULL,
    lease         uuid,
    attempts      integer NOT NULL DEFAULT 0,
    ended_at      timestamptz,
    -- The agent and the request that accepted or dropped a claim.
    decided_by    text,
    decided_request text,
    raw_until     timestamptz,
    UNIQUE (portal, message_id)
);
CREATE INDEX inbound_mail_due ON inbound_mail (due_at, id) WHERE state = 'queued';
CREATE INDEX inbound_mail_newest ON inbound_mail (portal, received_at DESC, id DESC);
CREATE INDEX inbound_mail_by_state ON inbound_mail (portal, state, received_at DESC, id DESC);
CREATE INDEX inbound_mail_by_sender ON inbound_mail (portal, from_address, received_at);
CREATE INDEX inbound_mail_raw ON inbound_mail (raw_until) WHERE raw_until IS NOT NULL;
CREATE INDEX inbound_mail_claims ON inbound_mail (ended_at) WHERE state = 'claimed';
SELECT portico_protect('inbound_mail');
