-- Tickets, their timeline, files, shares, and the words to find them by.
-- Closed sets are stored as the numbers of the contract (see src/domain/kinds.rs); they never change.

CREATE TABLE ticket (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    -- What people call it, in capitals: PREFIX-SEQ.
    number text NOT NULL,
    seq bigint NOT NULL,
    version bigint NOT NULL,
    -- Counts what customers may know of.
    public_version bigint NOT NULL,
    subject text NOT NULL,
    ticket_type smallint NOT NULL,
    channel smallint NOT NULL,
    status smallint NOT NULL,
    sub_status text,
    reason smallint,
    impact smallint,
    urgency smallint,
    priority smallint NOT NULL,
    department_id uuid,
    product_id uuid,
    category_id uuid,
    group_id uuid,
    assignee_id uuid,
    -- Null while nobody has proven the writer's address; then guest_email and guest_name are set.
    requester_id uuid,
    guest_email text,
    guest_name text,
    contact_name text NOT NULL,
    organization_id uuid,
    follow_up_of uuid,
    tags jsonb NOT NULL,
    score smallint,
    score_comment text,
    rated_at timestamptz,
    first_rated_at timestamptz,
    reopen_count integer NOT NULL,
    keep_open_count smallint NOT NULL,
    -- [{at, kind}]: what will happen by itself; the timer table holds the soonest.
    due jsonb NOT NULL,
    shares integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    public_updated_at timestamptz NOT NULL,
    first_replied_at timestamptz,
    resolved_at timestamptz,
    closed_at timestamptz,
    CHECK ((requester_id IS NULL) = (guest_email IS NOT NULL))
);
-- One index for each list that is opened without a search: all are read by keyset, newest first or backwards.
CREATE UNIQUE INDEX ticket_number ON ticket (portal, number);
CREATE INDEX ticket_created ON ticket (portal, created_at DESC, id DESC);
CREATE INDEX ticket_open ON ticket (portal, created_at DESC, id DESC) WHERE status <= 5;
CREATE INDEX ticket_resolved ON ticket (portal, created_at DESC, id DESC) WHERE status = 6;
CREATE INDEX ticket_updated ON ticket (portal, updated_at DESC, id DESC);
CREATE INDEX ticket_status ON ticket (portal, status, id DESC);
CREATE INDEX ticket_priority ON ticket (portal, priority, id DESC);
CREATE INDEX ticket_requester ON ticket (portal, requester_id, created_at DESC, id DESC);
CREATE INDEX ticket_organization ON ticket (portal, organization_id, created_at DESC, id DESC) WHERE organization_id IS NOT NULL;
CREATE INDEX ticket_assignee ON ticket (portal, assignee_id, created_at DESC, id DESC) WHERE assignee_id IS NOT NULL;
CREATE INDEX ticket_unassigned ON ticket (portal, created_at DESC, id DESC) WHERE assignee_id IS NULL AND status <= 5;
CREATE INDEX ticket_group ON ticket (portal, group_id, created_at DESC, id DESC) WHERE group_id IS NOT NULL;
CREATE INDEX ticket_guest ON ticket (portal, guest_email, created_at DESC, id DESC) WHERE guest_email IS NOT NULL;
CREATE INDEX ticket_unverified ON ticket (portal, created_at DESC, id DESC) WHERE guest_email IS NOT NULL;
CREATE INDEX ticket_follow_up ON ticket (portal, follow_up_of, id) WHERE follow_up_of IS NOT NULL;
SELECT portico_protect('ticket');

-- The timeline: one row for each event that people see. version is the event's version, so rows order themselves.
CREATE TABLE item (
    portal text NOT NULL,
    ticket_id uuid NOT NULL,
    version bigint NOT NULL,
    public_version bigint NOT NULL,
    id uuid NOT NULL,
    kind smallint NOT NULL,
    at timestamptz NOT NULL,
    -- Null: an unverified guest or the system; actor_role tells which.
    actor_id uuid,
    actor_role smallint NOT NULL,
    internal boolean NOT NULL,
    -- Markdown; the description for kind created.
    body text NOT NULL,
    channel smallint,
    from_status smallint,
    to_status smallint,
    reason smallint,
    sub_status text,
    -- [{field, before, after}] with ids and closed words.
    changes jsonb,
    related_ticket uuid,
    score smallint,
    PRIMARY KEY (ticket_id, version)
);
CREATE UNIQUE INDEX item_id ON item (id);
SELECT portico_protect('item');

CREATE TABLE attachment (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    ticket_id uuid NOT NULL,
    item_id uuid NOT NULL,
    -- Position among the files of its item.
    place smallint NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL,
    content_type text NOT NULL,
    sha256 bytea NOT NULL,
    state smallint NOT NULL,
    internal boolean NOT NULL,
    actor_id uuid,
    created_at timestamptz NOT NULL
);
CREATE INDEX attachment_item ON attachment (portal, item_id, place);
CREATE INDEX attachment_ticket ON attachment (portal, ticket_id, created_at, id);
CREATE INDEX attachment_quarantine ON attachment (created_at, id) WHERE state = 1;
SELECT portico_protect('attachment');

CREATE TABLE collaborator (
    portal text NOT NULL,
    ticket_id uuid NOT NULL,
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    state smallint NOT NULL,
    access smallint NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    acted boolean NOT NULL
);
CREATE UNIQUE INDEX collaborator_person ON collaborator (ticket_id, person_id);
CREATE INDEX collaborator_shared_with ON collaborator (portal, person_id, created_at DESC);
SELECT portico_protect('collaborator');

-- The words of a ticket: public ones for everybody who sees it, internal ones for agents only.
CREATE TABLE ticket_words (
    portal text NOT NULL,
    ticket_id uuid PRIMARY KEY,
    public tsvector NOT NULL,
    internal tsvector NOT NULL
);
CREATE INDEX ticket_words_public ON ticket_words USING gin (public) WITH (fastupdate = on);
CREATE INDEX ticket_words_internal ON ticket_words USING gin (internal) WITH (fastupdate = on);
SELECT portico_protect('ticket_words');

-- When a person last looked at a ticket. No event tells it.
CREATE TABLE ticket_seen (
    portal text NOT NULL,
    person_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (portal, person_id, ticket_id)
);
SELECT portico_protect('ticket_seen');

-- Copies of identity's facts.
CREATE TABLE person (
    portal text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    role smallint NOT NULL,
    active boolean NOT NULL,
    registered boolean NOT NULL,
    organization_id uuid,
    -- Sees all tickets of the organisation.
    sees_organization boolean NOT NULL,
    locale text NOT NULL,
    time_zone text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (portal, id)
);
CREATE INDEX person_email ON person (portal, email);
CREATE INDEX person_staff ON person (portal, name, id) WHERE role IN (2, 3) AND active;
SELECT portico_protect('person');

CREATE TABLE organization (
    portal text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (portal, id)
);
SELECT portico_protect('organization');

CREATE TABLE department (
    portal text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (portal, id)
);
SELECT portico_protect('department');

CREATE TABLE product (
    portal text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    department_id uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (portal, id)
);
SELECT portico_protect('product');

CREATE TABLE category (
    portal text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    product_id uuid,
    parent_id uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (portal, id)
);
SELECT portico_protect('category');

CREATE TABLE agent_group (
    portal text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (portal, id)
);
SELECT portico_protect('agent_group');
