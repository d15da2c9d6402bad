//! One topic: its state for decisions, and its page.

use std::collections::BTreeSet;

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::uuid::Uuid;
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::head::{self, FileJson, HeadRow, from_topic, head_columns, topic_files};
use crate::domain::ids::{PersonId, TopicId};
use crate::domain::topic::{Content, Topic};
use crate::domain::view::{TopicHead, TopicView};

#[derive(FromRow)]
struct PageRow {
    #[sqlx(flatten)]
    head: HeadRow,
    body: String,
    files: Json<Vec<FileJson>>,
    notify: Vec<String>,
    has_replies: bool,
    edited_at: OffsetDateTime,
    published_at: Option<OffsetDateTime>,
    voted: bool,
    following: bool,
}

/// A topic with its text as `reader` sees it; whether the reader may see it is for the caller to check.
pub async fn page(conn: &mut PortalConn, portal: &PortalId, id: TopicId, reader: Option<PersonId>) -> Result<Option<TopicView>, Error> {
    let row: Option<PageRow> = sqlx::query_as(concat!(
        "SELECT ",
        head_columns!(),
        ", t.body, t.notify, t.has_replies, t.edited_at, t.published_at, ",
        topic_files!(),
        ", EXISTS (SELECT FROM vote v WHERE v.topic = t.id AND v.person = $3) AS voted, \
           EXISTS (SELECT FROM follow w WHERE w.topic = t.id AND w.person = $3) AS following",
        from_topic!(),
        "WHERE t.portal = $1 AND t.id = $2"
    ))
    .bind(portal.as_str())
    .bind(id)
    .bind(reader)
    .fetch_optional(&mut **conn)
    .await?;
    row.map(PageRow::view).transpose()
}

impl PageRow {
    fn view(self) -> Result<TopicView, Error> {
        let lock_reason = self.head.lock_reason.clone();
        Ok(TopicView {
            head: self.head.head()?,
            body: self.body,
            attachments: head::attachments(self.files.0)?,
            notify: self.notify,
            has_replies: self.has_replies,
            lock_reason,
            edited_at: self.edited_at,
            published_at: self.published_at,
            voted: self.voted,
            following: self.following,
        })
    }
}

/// The head of a topic: enough to say who may see it.
pub async fn head(conn: &mut PortalConn, portal: &PortalId, id: TopicId) -> Result<Option<TopicHead>, Error> {
    let row: Option<HeadRow> = sqlx::query_as(concat!("SELECT ", head_columns!(), from_topic!(), "WHERE t.portal = $1 AND t.id = $2"))
        .bind(portal.as_str())
        .bind(id)
        .fetch_optional(&mut **conn)
        .await?;
    row.map(HeadRow::head).transpose()
}

#[derive(FromRow)]
struct StateRow {
    #[sqlx(flatten)]
    page: PageRow,
    is_reported: bool,
    voters: Vec<Uuid>,
    followers: Vec<Uuid>,
}

/// The state that decisions need, as the head of its page and the domain's topic.
pub async fn load(conn: &mut PortalConn, portal: &PortalId, id: TopicId) -> Result<Option<(Topic, TopicHead)>, Error> {
    let row: Option<StateRow> = sqlx::query_as(concat!(
        "SELECT ",
        head_columns!(),
        ", t.body, t.notify, t.has_replies, t.edited_at, t.published_at, ",
        topic_files!(),
        ", false AS voted, false AS following, EXISTS (SELECT FROM report r WHERE r.topic = t.id) AS is_reported, ARRAY (SELECT person FROM vote v WHERE v.topic = t.id) AS voters, \
           ARRAY (SELECT person FROM follow w WHERE w.topic = t.id) AS followers",
        from_topic!(),
        "WHERE t.portal = $1 AND t.id = $2"
    ))
    .bind(portal.as_str())
    .bind(id)
    .fetch_optional(&mut **conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let view = row.page.view()?;
    let topic = Topic { is_reported: row.is_reported, voters: people(row.voters), followers: people(row.followers), ..state(view.clone()) };
    Ok(Some((topic, view.head)))
}

fn people(ids: Vec<Uuid>) -> BTreeSet<PersonId> {
    ids.into_iter().map(PersonId::new).collect()
}

/// What a page and a decision have in common.
fn state(view: TopicView) -> Topic {
    let head = view.head;
    Topic {
        id: head.id,
        stage: head.stage,
        author: head.author.id,
        content: Content { kind: head.kind, title: head.title, body: view.body, forum: head.forum, tags: head.tags },
        attachments: view.attachments,
        notify: view.notify,
        posts: head.posts,
        has_replies: view.has_replies,
        accepted: head.accepted,
        locked: view.lock_reason,
        is_reported: false,
        voters: BTreeSet::new(),
        followers: BTreeSet::new(),
        created_at: head.created_at,
        published_at: view.published_at,
        last_activity_at: head.last_activity_at,
        edited_at: view.edited_at,
    }
}
