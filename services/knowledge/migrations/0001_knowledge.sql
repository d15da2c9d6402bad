-- Articles, comments, feedback, announcements, and the documents of the search index.

-- People as bylines show them: copies of identity's facts.
CREATE TABLE person (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL,
    version bigint NOT NULL
);
SELECT portico_protect('person');

CREATE TABLE article (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    slug text NOT NULL,
    source_id text,
    title text NOT NULL,
    -- Markdown.
    body text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    audience text NOT NULL,
    organizations uuid[] NOT NULL,
    -- Groups of people that may read it once it is published; a caller's groups are compared with these.
    readers text[] NOT NULL,
    department text NOT NULL,
    category text NOT NULL,
    -- The category's name in lower case with hyphens; empty when there is none.
    category_id text NOT NULL,
    tags text[] NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    updated_at timestamptz NOT NULL,
    -- Counted in batches, outside the journal.
    views bigint NOT NULL DEFAULT 0,
    comment_count integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX article_slug ON article (portal, slug);
CREATE UNIQUE INDEX article_source ON article (portal, source_id) WHERE source_id IS NOT NULL;
CREATE INDEX article_recent ON article (portal, updated_at DESC, id DESC);
CREATE INDEX article_viewed ON article (portal, views DESC, id DESC);
CREATE INDEX article_category ON article (portal, category_id) WHERE category_id <> '';
SELECT portico_protect('article');

CREATE TABLE attachment (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    article uuid NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL,
    content_type text NOT NULL,
    sha256 bytea NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX attachment_article ON attachment (article);
CREATE INDEX attachment_waiting ON attachment (created_at) WHERE state = 'quarantined';
SELECT portico_protect('attachment');

CREATE TABLE article_comment (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    article uuid NOT NULL,
    author uuid NOT NULL,
    -- Markdown.
    body text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX article_comment_article ON article_comment (article, id);
SELECT portico_protect('article_comment');

CREATE TABLE article_feedback (
    portal text NOT NULL,
    article uuid NOT NULL,
    -- A person's id, or a hash of where a guest comes from.
    voter text NOT NULL,
    helpful boolean NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (article, voter)
);
SELECT portico_protect('article_feedback');

CREATE TABLE announcement (
    portal text NOT NULL,
    id uuid PRIMARY KEY,
    title text NOT NULL,
    -- Markdown.
    body text NOT NULL,
    severity text NOT NULL,
    audience text NOT NULL,
    organizations uuid[] NOT NULL,
    readers text[] NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX announcement_newest ON announcement (portal, valid_from DESC, id DESC);
SELECT portico_protect('announcement');

CREATE TABLE announcement_dismissal (
    portal text NOT NULL,
    announcement uuid NOT NULL,
    person uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (announcement, person)
);
SELECT portico_protect('announcement_dismissal');

-- Where the search documents are: whoever writes some takes the row first, so positions are in commit order.
CREATE TABLE search_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Another epoch makes every replica build its index anew.
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    position bigint NOT NULL DEFAULT 0
);
INSERT INTO search_head DEFAULT VALUES;
SELECT portico_share('search_head');

-- What can be found, as of now: the indexes tail it by position, and every hit is checked against it.
CREATE TABLE search_docs (
    portal text NOT NULL,
    id uuid NOT NULL,
    -- 1 article, 2 FAQ, 3 topic, 4 announcement.
    kind smallint NOT NULL,
    position bigint NOT NULL,
    -- Version of what it was made from.
    version bigint NOT NULL,
    -- Unpublished or gone: takes it out of the indexes.
    deleted boolean NOT NULL,
    title text NOT NULL,
    -- Plain text.
    body text NOT NULL,
    readers text[] NOT NULL,
    department text NOT NULL,
    -- Category of an article, forum id of a topic.
    category text NOT NULL,
    source_id text,
    slug text NOT NULL,
    -- Unix seconds.
    valid_from bigint NOT NULL,
    valid_until bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (portal, id)
);
CREATE UNIQUE INDEX search_docs_position ON search_docs (position);
SELECT portico_protect('search_docs');

-- How far the index of each replica is.
CREATE TABLE index_replica (
    name text PRIMARY KEY,
    epoch uuid NOT NULL,
    position bigint NOT NULL,
    seen_at timestamptz NOT NULL
);
SELECT portico_share('index_replica');
