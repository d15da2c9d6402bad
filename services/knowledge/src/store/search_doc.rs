//! What can be found, by position: the indexes tail it and every hit is checked against it.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::search::document::{Reader, SearchKind};

/// Characters of a body that a snippet is made from.
const SNIPPET_CHARACTERS: i32 = 20_000;

/// A document as it is written; the position comes with the write.
#[derive(Debug, Clone)]
pub struct DocWrite {
    /// In which portal.
    pub portal: PortalId,
    /// Of the article, announcement or topic.
    pub id: Uuid,
    /// What it is.
    pub kind: SearchKind,
    /// Of what it was made from.
    pub version: i64,
    /// Unpublished or gone.
    pub deleted: bool,
    /// Plain text.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// Who may find it.
    pub readers: Vec<Reader>,
    /// Empty when none.
    pub department: String,
    /// Empty when none.
    pub category: String,
    /// The id that an import brought along.
    pub source_id: Option<String>,
    /// Last part of its address.
    pub slug: String,
    /// Unix seconds.
    pub valid_from: i64,
    /// Unix seconds.
    pub valid_until: i64,
    /// When its content last changed.
    pub updated_at: OffsetDateTime,
}

impl DocWrite {
    /// What takes a document out of the search.
    #[must_use]
    pub fn gone(portal: PortalId, id: Uuid, kind: SearchKind, version: i64, at: OffsetDateTime) -> Self {
        Self {
            portal,
            id,
            kind,
            version,
            deleted: true,
            title: String::new(),
            body: String::new(),
            readers: Vec::new(),
            department: String::new(),
            category: String::new(),
            source_id: None,
            slug: String::new(),
            valid_from: 0,
            valid_until: 0,
            updated_at: at,
        }
    }
}

#[derive(Serialize)]
struct Stored<'a> {
    portal: &'a str,
    id: Uuid,
    kind: i16,
    position: i64,
    version: i64,
    deleted: bool,
    title: &'a str,
    body: &'a str,
    readers: Vec<String>,
    department: &'a str,
    category: &'a str,
    source_id: Option<&'a str>,
    slug: &'a str,
    valid_from: i64,
    valid_until: i64,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// Writes documents at the next positions; one that is older than what is there changes nothing.
pub async fn write(conn: &mut PgConnection, documents: &[DocWrite]) -> Result<(), Error> {
    let Ok(count) = i64::try_from(documents.len()) else { return Err(Error::internal("too many documents")) };
    if count == 0 {
        return Ok(());
    }
    // The row stays locked until the commit: positions become visible in their order.
    let last: i64 =
        sqlx::query_scalar("UPDATE search_head SET position = position + $1 RETURNING position").bind(count).fetch_one(&mut *conn).await?;
    let rows: Vec<Stored<'_>> = documents.iter().zip(last - count + 1..).map(|(document, position)| stored(document, position)).collect();
    sqlx::query(
        "INSERT INTO search_docs (portal, id, kind, position, version, deleted, title, body, readers, department, category, source_id, slug, \
             valid_from, valid_until, updated_at) \
         SELECT * FROM jsonb_to_recordset($1) AS w (portal text, id uuid, kind smallint, position bigint, version bigint, deleted boolean, \
             title text, body text, readers text[], department text, category text, source_id text, slug text, valid_from bigint, \
             valid_until bigint, updated_at timestamptz) \
         ON CONFLICT (portal, id) DO UPDATE SET kind = excluded.kind, position = excluded.position, version = excluded.version, \
             deleted = excluded.deleted, title = excluded.title, body = excluded.body, readers = excluded.readers, \
             department = excluded.department, category = excluded.category, source_id = excluded.source_id, slug = excluded.slug, \
             valid_from = excluded.valid_from, valid_until = excluded.valid_until, updated_at = excluded.updated_at \
         WHERE search_docs.version <= excluded.version",
    )
    .bind(sqlx::types::Json(rows))
    .execute(conn)
    .await?;
    Ok(())
}

fn stored(document: &DocWrite, position: i64) -> Stored<'_> {
    Stored {
        portal: document.portal.as_str(),
        id: document.id,
        kind: i16::from(document.kind.code()),
        position,
        version: document.version,
        deleted: document.deleted,
        title: &document.title,
        body: &document.body,
        readers: document.readers.iter().map(Reader::word).collect(),
        department: &document.department,
        category: &document.category,
        source_id: document.source_id.as_deref(),
        slug: &document.slug,
        valid_from: document.valid_from,
        valid_until: document.valid_until,
        updated_at: document.updated_at,
    }
}

/// Writes copies and takes those out that are gone, in a transaction of its own. What was never there leaves no trace.
pub async fn replace(pool: &PgPool, portal: &PortalId, documents: &[DocWrite], gone: &[Uuid]) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    write(&mut tx, documents).await?;
    if !gone.is_empty() {
        let count = i64::try_from(gone.len()).unwrap_or(i64::MAX);
        let last: i64 = sqlx::query_scalar("UPDATE search_head SET position = position + $1 RETURNING position")
            .bind(count)
            .fetch_one(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE search_docs d SET deleted = true, title = '', body = '', readers = '{}', updated_at = now(), position = $3 + w.place \
               FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place) WHERE d.portal = $1 AND d.id = w.id AND NOT d.deleted",
        )
        .bind(portal.as_str())
        .bind(gone)
        .bind(last - count)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A row as the index reads it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct IndexRow {
    /// In which portal.
    pub portal: String,
    /// Of the document.
    pub id: Uuid,
    /// Code of the kind.
    pub kind: i16,
    /// Where it stands.
    pub position: i64,
    /// Out of the search.
    pub deleted: bool,
    /// Plain text.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// Words of the groups.
    pub readers: Vec<String>,
    /// Empty when none.
    pub department: String,
    /// Empty when none.
    pub category: String,
    /// Unix seconds.
    pub valid_from: i64,
    /// Unix seconds.
    pub valid_until: i64,
}

/// Documents after a position, in order.
pub async fn after(pool: &PgPool, position: i64, limit: i64) -> Result<Vec<IndexRow>, Error> {
    Ok(sqlx::query_as(
        "SELECT portal, id, kind, position, deleted, title, body, readers, department, category, valid_from, valid_until \
           FROM search_docs WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .bind(position)
    .bind(limit)
    .fetch_all(pool)
    .await?)
}

/// A hit as it is now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct HitRow {
    /// Of the article, announcement or topic.
    pub id: Uuid,
    /// Code of the kind.
    pub kind: i16,
    /// Plain text.
    pub title: String,
    /// Plain text, cut; empty when it was not asked for.
    pub body: String,
    /// The id that an import brought along.
    pub source_id: Option<String>,
    /// Last part of the address.
    pub slug: String,
    /// The category's name, or the forum's id; empty when none, and when bodies were not asked for.
    pub category: String,
    /// When its content last changed.
    pub updated_at: OffsetDateTime,
}

/// Those of the hits that these groups may see at this moment, whatever the index says.
pub async fn check(
    conn: &mut PgConnection,
    portal: &PortalId,
    ids: &[Uuid],
    readers: &[String],
    now: i64,
    with_bodies: bool,
) -> Result<Vec<HitRow>, Error> {
    Ok(sqlx::query_as(
        "SELECT d.id, d.kind, d.title, CASE WHEN $5 THEN left(d.body, $6) ELSE '' END AS body, d.source_id, d.slug, d.updated_at, \
                CASE WHEN $5 THEN coalesce((SELECT a.category FROM article a WHERE a.portal = $1 AND a.id = d.id), d.category) ELSE '' END \
                  AS category \
           FROM search_docs d \
          WHERE d.portal = $1 AND d.id = ANY ($2) AND NOT d.deleted AND d.readers && $3 AND d.valid_from <= $4 AND d.valid_until > $4",
    )
    .bind(portal.as_str())
    .bind(ids)
    .bind(readers)
    .bind(now)
    .bind(with_bodies)
    .bind(SNIPPET_CHARACTERS)
    .fetch_all(conn)
    .await?)
}

/// Topics that can be found, with their versions.
pub async fn topics(pool: &PgPool) -> Result<Vec<(String, Uuid, i64)>, Error> {
    let topic = i16::from(SearchKind::Topic.code());
    Ok(sqlx::query_as("SELECT portal, id, version FROM search_docs WHERE kind = $1 AND NOT deleted").bind(topic).fetch_all(pool).await?)
}

/// Forgets documents that left the search long ago: an index that missed it shows nothing, because hits are checked.
pub async fn forget(pool: &PgPool) -> Result<(), Error> {
    sqlx::query("DELETE FROM search_docs WHERE deleted AND updated_at < now() - interval '30 days'").execute(pool).await?;
    Ok(())
}

/// Takes the version of every topic back to 0, so that whatever the community says now replaces it; returns portal, id and version.
pub async fn outdate_topics(conn: &mut PgConnection) -> Result<Vec<(String, Uuid, i64)>, Error> {
    let topic = i16::from(SearchKind::Topic.code());
    let sql = "UPDATE search_docs SET version = 0 WHERE kind = $1 RETURNING portal, id, version";
    Ok(sqlx::query_as(sql).bind(topic).fetch_all(conn).await?)
}
