-- Portals. The slug is the portal's name everywhere; `id` is only for the journal.
CREATE TABLE portal (
    portal text PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    title text NOT NULL,
    -- json and not jsonb: the document keeps the order of its members.
    settings json NOT NULL,
    settings_version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX portal_settings_version ON portal (settings_version);
SELECT portico_protect('portal');

-- Drawn under the journal's head lock, so that versions become visible in order.
CREATE SEQUENCE settings_version;
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SEQUENCE settings_version TO %I, %I', current_user || '_app', current_user || '_system');
END $$;

CREATE TABLE person (
    portal text NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    status text NOT NULL,
    internal boolean NOT NULL,
    registered boolean NOT NULL,
    organization_id uuid,
    visibility text NOT NULL,
    locale text NOT NULL,
    time_zone text NOT NULL,
    generation bigint NOT NULL,
    epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (portal, id),
    UNIQUE (portal, email)
);
CREATE INDEX person_newest ON person (portal, created_at DESC, id DESC);
CREATE INDEX person_members ON person (portal, organization_id, created_at DESC, id DESC) WHERE organization_id IS NOT NULL;
CREATE INDEX person_name ON person (portal, lower(name) text_pattern_ops);
CREATE INDEX person_email ON person (portal, email text_pattern_ops);
CREATE INDEX person_admins ON person (portal) WHERE role = 'admin' AND status = 'active' AND registered;
SELECT portico_protect('person');

-- Apart from the person, so that no query about people can show a hash.
CREATE TABLE credential (
    portal text NOT NULL,
    person_id uuid NOT NULL,
    -- A PHC string: algorithm, parameters, salt, hash.
    password_hash text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (portal, person_id)
);
SELECT portico_protect('credential');

CREATE TABLE organization (
    portal text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    name_key text NOT NULL,
    domains text[] NOT NULL,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (portal, id),
    UNIQUE (portal, name_key)
);
CREATE INDEX organization_name ON organization (portal, name_key text_pattern_ops, id);
SELECT portico_protect('organization');

-- One-time links. Of a token only its hash is here.
CREATE TABLE link (
    portal text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    person_id uuid NOT NULL,
    invitation_id uuid,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- The address was confirmed by it; registering is still possible.
    confirmed boolean NOT NULL,
    PRIMARY KEY (portal, id)
);
CREATE UNIQUE INDEX link_token ON link (portal, token_hash);
CREATE INDEX link_person ON link (portal, person_id, issued_at);
SELECT portico_protect('link');

CREATE TABLE invitation (
    portal text NOT NULL,
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    invited_by uuid,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    organization_id uuid,
    visibility text NOT NULL,
    state text NOT NULL,
    link_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (portal, id)
);
CREATE INDEX invitation_newest ON invitation (portal, created_at DESC, id DESC);
CREATE INDEX invitation_person ON invitation (portal, person_id);
CREATE INDEX invitation_inviter ON invitation (portal, invited_by, created_at DESC);
SELECT portico_protect('invitation');

-- A browser's cookie: its value is sealed with the id and this sequence, so nothing secret is here. A browser is of no portal.
CREATE TABLE browser (
    id uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL
);
SELECT portico_share('browser');

CREATE TABLE session (
    portal text NOT NULL,
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    browser_id uuid,
    refresh_sequence bigint NOT NULL,
    -- The request that exchanged the token before this one, so that a repeated request gets the same answer.
    refresh_request text NOT NULL DEFAULT '',
    epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL,
    ended_at timestamptz,
    end_reason text,
    version bigint NOT NULL,
    PRIMARY KEY (portal, id)
);
CREATE INDEX session_person ON session (portal, person_id, created_at DESC, id DESC) WHERE ended_at IS NULL;
CREATE INDEX session_browser ON session (browser_id, portal) WHERE ended_at IS NULL AND browser_id IS NOT NULL;
CREATE INDEX session_expiry ON session (expires_at);
SELECT portico_protect('session');

-- Attempts on an account since the last that succeeded. The key is a keyed hash of the address, known or not, and of the device.
CREATE TABLE throttle (
    portal text NOT NULL,
    key bytea NOT NULL,
    count integer NOT NULL,
    locked_until timestamptz,
    tried_at timestamptz NOT NULL,
    PRIMARY KEY (portal, key)
);
CREATE INDEX throttle_tried ON throttle (tried_at);
SELECT portico_protect('throttle');

-- Challenges that were answered, until they would have expired anyway and for as long as the request may be repeated.
CREATE TABLE captcha_spend (
    portal text NOT NULL,
    nonce bytea NOT NULL,
    -- Empty when a wrong code burnt it.
    request text NOT NULL,
    spent_at timestamptz NOT NULL,
    PRIMARY KEY (portal, nonce)
);
CREATE INDEX captcha_spend_at ON captcha_spend (spent_at);
SELECT portico_protect('captcha_spend');

-- Wishes for a mail, written the same way whether the address is known or not; a timer looks at them a moment later.
CREATE TABLE intake (
    portal text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    -- The ticket whose writer is meant, when the address has to be asked for.
    ticket_id uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (portal, id)
);
SELECT portico_protect('intake');

-- What makes tokens void before they end; `position` is the journal's head when it was committed, so it only grows.
CREATE TABLE revocation (
    portal text NOT NULL,
    position bigint NOT NULL,
    -- An ended session, or a person with the lowest generation that is believed.
    session_id uuid,
    person_id uuid,
    generation bigint,
    at timestamptz NOT NULL
);
CREATE INDEX revocation_position ON revocation (position);
CREATE INDEX revocation_at ON revocation (at);
SELECT portico_protect('revocation');
