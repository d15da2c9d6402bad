//! Posts and the files of topics and posts.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::page::First;
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::codes;
use super::head::{self, FileJson};
use crate::domain::attachment::Attachment;
use crate::domain::ids::{AttachmentId, PersonId, PostId, TopicId};
use crate::domain::post::Accepted;
use crate::domain::view::PostView;

/// Bytes of text in one page: far below gRPC's bound for a message.
const PAGE_BYTES: i64 = 1024 * 1024;

#[derive(FromRow)]
struct PostRow {
    id: PostId,
    topic: TopicId,
    number: i64,
    author: PersonId,
    author_name: Option<String>,
    author_role: Option<String>,
    body: String,
    files: Json<Vec<FileJson>>,
    accepted: bool,
    created_at: OffsetDateTime,
}

impl PostRow {
    fn view(self) -> Result<PostView, Error> {
        Ok(PostView {
            id: self.id,
            topic: self.topic,
            number: self.number,
            author: head::byline(self.author, self.author_name, self.author_role.as_deref()),
            body: self.body,
            attachments: head::attachments(self.files.0)?,
            accepted: self.accepted,
            created_at: self.created_at,
        })
    }
}

macro_rules! post_columns {
    () => {
        "SELECT b.id, b.topic, b.number, b.author, p.name AS author_name, p.role AS author_role, b.body, b.created_at, \
                (b.id = t.accepted) IS TRUE AS accepted, \
                (SELECT coalesce(json_agg(json_build_object('id', a.id, 'name', a.name, 'size', a.size, 'content_type', a.content_type, \
                   'sha256', encode(a.sha256, 'hex'), 'state', a.state, 'micros', (extract(epoch FROM a.created_at) * 1000000)::bigint) \
                   ORDER BY a.place), '[]') FROM attachment a WHERE a.topic = b.topic AND a.post = b.id) AS files "
    };
}

macro_rules! page_of_posts {
    ($after:literal, $order:literal) => {
        concat!(
            post_columns!(),
            "FROM (SELECT *, sum(octet_length(body)) OVER (ORDER BY ",
            $order,
            ") - octet_length(body) AS before FROM (SELECT * FROM post WHERE portal = $1 AND topic = $2 AND ($3::bigint IS NULL OR ",
            $after,
            ") ORDER BY ",
            $order,
            " LIMIT $4) page) b JOIN topic t ON t.id = b.topic LEFT JOIN person p ON p.id = b.author WHERE b.before < $5 ORDER BY b.",
            $order
        )
    };
}

/// Posts of a topic after number `after`: at most `limit`, fewer when their texts reach [`PAGE_BYTES`], but at least one.
pub async fn page(
    conn: &mut PortalConn,
    portal: &PortalId,
    topic: TopicId,
    first: First,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<PostView>, Error> {
    let sql = match first {
        First::Oldest => page_of_posts!("number > $3", "number"),
        First::Newest => page_of_posts!("number < $3", "number DESC"),
    };
    let rows: Vec<PostRow> =
        sqlx::query_as(sql).bind(portal.as_str()).bind(topic).bind(after).bind(limit).bind(PAGE_BYTES).fetch_all(&mut **conn).await?;
    rows.into_iter().map(PostRow::view).collect()
}

/// One post of a topic.
pub async fn one(conn: &mut PortalConn, portal: &PortalId, topic: TopicId, id: PostId) -> Result<Option<PostView>, Error> {
    let row: Option<PostRow> = sqlx::query_as(concat!(
        post_columns!(),
        "FROM post b JOIN topic t ON t.id = b.topic LEFT JOIN person p ON p.id = b.author \
         WHERE b.portal = $1 AND b.topic = $2 AND b.id = $3"
    ))
    .bind(portal.as_str())
    .bind(topic)
    .bind(id)
    .fetch_optional(&mut **conn)
    .await?;
    row.map(PostRow::view).transpose()
}

/// A post as something to accept; `None` when it is not of this topic.
pub async fn to_accept(conn: &mut PortalConn, portal: &PortalId, topic: TopicId, id: PostId) -> Result<Option<Accepted>, Error> {
    let author: Option<PersonId> = sqlx::query_scalar("SELECT author FROM post WHERE portal = $1 AND topic = $2 AND id = $3")
        .bind(portal.as_str())
        .bind(topic)
        .bind(id)
        .fetch_optional(&mut **conn)
        .await?;
    Ok(author.map(|author| Accepted { id, author }))
}

#[derive(FromRow)]
struct AttachmentRow {
    id: AttachmentId,
    topic: TopicId,
    name: String,
    size: i64,
    content_type: String,
    sha256: Vec<u8>,
    state: String,
    created_at: OffsetDateTime,
}

/// A file and the topic that decides who may read it.
pub async fn attachment(conn: &mut PortalConn, portal: &PortalId, id: AttachmentId) -> Result<Option<(TopicId, Attachment)>, Error> {
    let row: Option<AttachmentRow> = sqlx::query_as(
        "SELECT id, topic, name, size, content_type, sha256, state, created_at FROM attachment WHERE portal = $1 AND id = $2",
    )
    .bind(portal.as_str())
    .bind(id)
    .fetch_optional(&mut **conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let state = codes::scan(&row.state)?;
    let AttachmentRow { id, topic, name, size, content_type, sha256, created_at, .. } = row;
    Ok(Some((topic, Attachment { id, name, size, content_type, sha256, state, created_at })))
}
