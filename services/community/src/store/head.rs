//! The part of a topic that lists and pages share: its columns, and how a row becomes a [`TopicHead`].

use portico_chassis::error::Error;
use serde::Deserialize;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::codes;
use crate::domain::attachment::Attachment;
use crate::domain::forum::ForumRef;
use crate::domain::ids::{AttachmentId, ForumId, PersonId, PostId, TopicId};
use crate::domain::view::{Byline, TopicHead};

/// The columns of [`HeadRow`], for queries over [`from_topic`].
macro_rules! head_columns {
    () => {
        "t.id, t.stage, t.type AS kind, t.title, left(t.body, 1000) AS beginning, t.forum, f.slug AS forum_slug, f.name AS forum_name, \
         f.parent AS forum_parent, t.audience, t.tags, t.author, p.name AS author_name, p.role AS author_role, t.votes, t.posts, t.views, \
         t.accepted, t.lock_reason, t.created_at, t.last_activity_at, t.version"
    };
}

/// Topics with their forums and writers.
macro_rules! from_topic {
    () => {
        " FROM topic t LEFT JOIN forum f ON f.id = t.forum LEFT JOIN person p ON p.id = t.author "
    };
}

/// The files of topic `t` itself, as JSON: one round trip instead of two.
macro_rules! topic_files {
    () => {
        "(SELECT coalesce(json_agg(json_build_object('id', a.id, 'name', a.name, 'size', a.size, 'content_type', a.content_type, \
           'sha256', encode(a.sha256, 'hex'), 'state', a.state, 'micros', (extract(epoch FROM a.created_at) * 1000000)::bigint) \
           ORDER BY a.place), '[]') FROM attachment a WHERE a.topic = t.id AND a.post IS NULL) AS files"
    };
}

pub(super) use {from_topic, head_columns, topic_files};

/// One row of [`head_columns`].
#[derive(Debug, FromRow)]
pub struct HeadRow {
    id: TopicId,
    stage: String,
    kind: String,
    title: String,
    beginning: String,
    forum: Option<ForumId>,
    forum_slug: Option<String>,
    forum_name: Option<String>,
    forum_parent: Option<ForumId>,
    audience: i16,
    tags: Vec<String>,
    author: PersonId,
    author_name: Option<String>,
    author_role: Option<String>,
    votes: i64,
    posts: i64,
    views: i64,
    accepted: Option<PostId>,
    pub(super) lock_reason: Option<String>,
    created_at: OffsetDateTime,
    last_activity_at: OffsetDateTime,
    version: i64,
}

impl HeadRow {
    /// The topic's head.
    pub fn head(self) -> Result<TopicHead, Error> {
        let forum = match (self.forum, self.forum_slug, self.forum_name) {
            (Some(id), Some(slug), Some(name)) => {
                Some(ForumRef { id, slug, name, parent: self.forum_parent, audience: codes::audience(self.audience)? })
            }
            _ => None,
        };
        Ok(TopicHead {
            id: self.id,
            stage: codes::stage(&self.stage)?,
            kind: codes::topic_type(&self.kind)?,
            title: self.title,
            beginning: self.beginning,
            forum,
            tags: self.tags,
            author: byline(self.author, self.author_name, self.author_role.as_deref()),
            votes: self.votes,
            posts: self.posts,
            views: self.views,
            accepted: self.accepted,
            locked: self.lock_reason.is_some(),
            created_at: self.created_at,
            last_activity_at: self.last_activity_at,
            version: self.version,
        })
    }
}

/// A person under a text.
pub fn byline(id: PersonId, name: Option<String>, role: Option<&str>) -> Byline {
    Byline { id, name: name.unwrap_or_default(), role: codes::role(role) }
}

/// A file in JSON, as [`topic_files`] makes it.
#[derive(Debug, Deserialize)]
pub struct FileJson {
    id: AttachmentId,
    name: String,
    size: i64,
    content_type: String,
    sha256: String,
    state: String,
    micros: i64,
}

impl FileJson {
    /// The attachment.
    pub fn attachment(self) -> Result<Attachment, Error> {
        let sha256 = hex::decode(&self.sha256).map_err(|_| Error::internal("a hash that is no hex"))?;
        let created_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.micros) * 1000)
            .map_err(|_| Error::internal("a time out of range"))?;
        let state = codes::scan(&self.state)?;
        Ok(Attachment { id: self.id, name: self.name, size: self.size, content_type: self.content_type, sha256, state, created_at })
    }
}

/// All files of one JSON array.
pub fn attachments(files: Vec<FileJson>) -> Result<Vec<Attachment>, Error> {
    files.into_iter().map(FileJson::attachment).collect()
}
