-- Forums, topics, posts. Texts in English words, audiences as numbers because they are compared:
-- 0 public, 1 customers, 2 agents; each includes the ones above it.

CREATE TABLE forum (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    parent uuid REFERENCES forum,
    audience smallint NOT NULL CHECK (audience BETWEEN 0 AND 2),
    -- Published topics of this forum alone, and the posts in them; sub-forums are added when read.
    topics bigint NOT NULL DEFAULT 0,
    posts bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX forum_slug ON forum (portal, slug);
SELECT portico_protect('forum');

CREATE TABLE topic (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    stage text NOT NULL CHECK (stage IN ('draft', 'published', 'deleted')),
    type text NOT NULL CHECK (type IN ('question', 'idea', 'problem', 'discussion', 'announcement')),
    title text NOT NULL,
    body text NOT NULL,
    forum uuid REFERENCES forum,
    -- The forum's; 2 while there is no forum.
    audience smallint NOT NULL,
    tags text[] NOT NULL,
    author uuid NOT NULL,
    -- Who gets a copy when the draft is published; empty afterwards.
    notify text[] NOT NULL,
    votes bigint NOT NULL DEFAULT 0,
    posts bigint NOT NULL DEFAULT 0,
    -- Written in batches, a few seconds late.
    views bigint NOT NULL DEFAULT 0,
    has_replies boolean NOT NULL DEFAULT false,
    accepted uuid,
    -- NULL: open.
    lock_reason text,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    last_activity_at timestamptz NOT NULL,
    edited_at timestamptz NOT NULL,
    version bigint NOT NULL
);
-- One index for each order of the lists; ids make the keys unique.
CREATE INDEX topic_recent ON topic (portal, last_activity_at DESC, id DESC) WHERE stage = 'published';
CREATE INDEX topic_most_discussed ON topic (portal, posts DESC, id DESC) WHERE stage = 'published';
CREATE INDEX topic_most_viewed ON topic (portal, views DESC, id DESC) WHERE stage = 'published';
CREATE INDEX topic_top ON topic (portal, votes DESC, id DESC) WHERE stage = 'published';
CREATE INDEX topic_forum ON topic (forum, last_activity_at DESC, id DESC) WHERE stage = 'published';
CREATE INDEX topic_unanswered ON topic (portal, last_activity_at DESC, id DESC)
    WHERE stage = 'published' AND accepted IS NULL AND type IN ('question', 'problem');
CREATE INDEX topic_drafts ON topic (portal, author, edited_at DESC, id DESC) WHERE stage = 'draft';
CREATE INDEX topic_author ON topic (portal, author, created_at);
SELECT portico_protect('topic');

-- The tags of topics again, one row each: row-level security keeps a GIN index on topic.tags from being used, because "contains" may tell
-- of rows that the policy hides; equality may not.
CREATE TABLE topic_tag (
    portal text NOT NULL,
    tag text NOT NULL,
    topic uuid NOT NULL REFERENCES topic,
    PRIMARY KEY (portal, tag, topic)
);
CREATE INDEX topic_tag_topic ON topic_tag (topic);
SELECT portico_protect('topic_tag');

CREATE TABLE post (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    topic uuid NOT NULL REFERENCES topic,
    -- 1, 2, 3, … in the topic.
    number bigint NOT NULL,
    author uuid NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX post_number ON post (topic, number);
CREATE INDEX post_author ON post (portal, author, created_at);
SELECT portico_protect('post');

-- Files of topics (post is NULL) and of posts.
CREATE TABLE attachment (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    topic uuid NOT NULL REFERENCES topic,
    post uuid REFERENCES post,
    name text NOT NULL,
    size bigint NOT NULL,
    content_type text NOT NULL,
    sha256 bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('quarantined', 'clean', 'infected')),
    created_at timestamptz NOT NULL,
    -- Files are shown in the order in which they were attached.
    place bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX attachment_topic ON attachment (topic, post);
SELECT portico_protect('attachment');

CREATE TABLE vote (
    portal text NOT NULL,
    topic uuid NOT NULL REFERENCES topic,
    person uuid NOT NULL,
    PRIMARY KEY (topic, person)
);
SELECT portico_protect('vote');

CREATE TABLE follow (
    portal text NOT NULL,
    topic uuid NOT NULL REFERENCES topic,
    person uuid NOT NULL,
    PRIMARY KEY (topic, person)
);
SELECT portico_protect('follow');

CREATE TABLE report (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    topic uuid NOT NULL REFERENCES topic,
    reporter uuid NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL
);
CREATE UNIQUE INDEX report_once ON report (topic, reporter);
CREATE INDEX report_newest ON report (portal, at DESC, id DESC);
SELECT portico_protect('report');

-- Neutral mails that a writer asked for. Rows leave after 8 days, with the address.
CREATE TABLE copy (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    topic uuid NOT NULL REFERENCES topic,
    writer uuid NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX copy_writer ON copy (writer, at);
CREATE INDEX copy_at ON copy (at);
SELECT portico_protect('copy');

-- Which copies count against an address, over all portals; only a hash of the address is kept, for two days.
CREATE TABLE copy_count (
    address_hash bytea NOT NULL,
    copy uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (address_hash, copy)
);
CREATE INDEX copy_count_at ON copy_count (at);
SELECT portico_share('copy_count');

-- Copies of the people who wrote something here: identity owns them.
CREATE TABLE person (
    id uuid PRIMARY KEY,
    portal text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    version bigint NOT NULL
);
SELECT portico_protect('person');
