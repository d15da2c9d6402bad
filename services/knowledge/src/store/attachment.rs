//! Rows of files.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{PgConnection, PgExecutor, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::attachment::{Attachment, ScanState};
use crate::domain::ids::{ArticleId, AttachmentId};

#[derive(sqlx::FromRow)]
struct Row {
    id: AttachmentId,
    article: ArticleId,
    name: String,
    size: i64,
    content_type: String,
    sha256: Vec<u8>,
    state: String,
    created_at: OffsetDateTime,
}

impl Row {
    fn into_file(self) -> (ArticleId, Attachment) {
        let Self { id, article, name, size, content_type, sha256, state, created_at } = self;
        (article, Attachment { id, name, size, content_type, sha256, state: ScanState::from_word(&state), created_at })
    }
}

/// Keeps files that were claimed.
pub async fn insert(conn: &mut PgConnection, files: &[(PortalId, ArticleId, Attachment)]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO attachment (portal, id, article, name, size, content_type, sha256, state, created_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::bytea[], $8::text[], $9::timestamptz[])",
    )
    .bind(files.iter().map(|(portal, ..)| portal.as_str()).collect::<Vec<_>>())
    .bind(files.iter().map(|(.., file)| file.id.uuid()).collect::<Vec<_>>())
    .bind(files.iter().map(|(_, article, _)| article.uuid()).collect::<Vec<_>>())
    .bind(files.iter().map(|(.., file)| file.name.as_str()).collect::<Vec<_>>())
    .bind(files.iter().map(|(.., file)| file.size).collect::<Vec<_>>())
    .bind(files.iter().map(|(.., file)| file.content_type.as_str()).collect::<Vec<_>>())
    .bind(files.iter().map(|(.., file)| file.sha256.as_slice()).collect::<Vec<_>>())
    .bind(files.iter().map(|(.., file)| file.state.word()).collect::<Vec<_>>())
    .bind(files.iter().map(|(.., file)| file.created_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets files; their objects are swept later.
pub async fn delete(conn: &mut PgConnection, files: &[AttachmentId]) -> Result<(), Error> {
    if !files.is_empty() {
        let ids: Vec<Uuid> = files.iter().map(|id| id.uuid()).collect();
        sqlx::query("DELETE FROM attachment WHERE id = ANY ($1)").bind(ids).execute(conn).await?;
    }
    Ok(())
}

/// The files of an article, oldest first.
pub async fn of_article(conn: &mut PgConnection, portal: &PortalId, article: ArticleId) -> Result<Vec<Attachment>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, article, name, size, content_type, sha256, state, created_at FROM attachment \
          WHERE portal = $1 AND article = $2 ORDER BY created_at, id",
    )
    .bind(portal.as_str())
    .bind(article)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_file().1).collect())
}

/// A file and its article.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: AttachmentId) -> Result<Option<(ArticleId, Attachment)>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, article, name, size, content_type, sha256, state, created_at FROM attachment WHERE portal = $1 AND id = $2",
    )
    .bind(portal.as_str())
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Row::into_file))
}

/// Files that were not looked at, oldest first, but for those that rest.
pub async fn waiting(pool: &PgPool, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error> {
    let sql = "SELECT id FROM attachment WHERE state = 'quarantined' AND id <> ALL ($1) ORDER BY created_at LIMIT $2";
    Ok(sqlx::query_scalar(sql).bind(resting).bind(limit).fetch_all(pool).await?)
}

/// Records what the scanner found.
pub async fn set_state(pool: &PgPool, id: AttachmentId, state: ScanState) -> Result<(), Error> {
    sqlx::query("UPDATE attachment SET state = $2 WHERE id = $1 AND state = 'quarantined'")
        .bind(id)
        .bind(state.word())
        .execute(pool)
        .await?;
    Ok(())
}

/// Which of these files there are, so that objects without a row can be told.
pub async fn known(db: impl PgExecutor<'_>, ids: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar("SELECT id FROM attachment WHERE id = ANY ($1)").bind(ids).fetch_all(db).await?)
}
