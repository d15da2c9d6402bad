//! Rows of files.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use sqlx::{PgConnection, PgExecutor, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::column;
use crate::domain::ids::{AttachmentId, PortalId, TicketId};
use crate::domain::kinds::ScanState;

/// A file as it lies in the table.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AttachmentRow {
    /// In which portal.
    pub portal: PortalId,
    /// Its name inside the house; the blob lies under it.
    pub id: Uuid,
    /// Of which ticket.
    pub ticket_id: Uuid,
    /// Of which item.
    pub item_id: Uuid,
    /// Its place among the item's files.
    pub place: i16,
    /// The name that people gave it, cleaned.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// By content and extension.
    pub content_type: String,
    /// Of the content.
    pub sha256: Vec<u8>,
    /// Whether it may be downloaded.
    pub state: i16,
    /// Agents only.
    pub internal: bool,
    /// Who added it.
    pub actor_id: Option<Uuid>,
    /// When.
    pub created_at: OffsetDateTime,
}

/// Selects what [`AttachmentRow`] reads, and more; `a` is the file.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT a.portal, a.id, a.ticket_id, a.item_id, a.place, a.name, a.size, a.content_type, a.sha256, a.state, a.internal, a.actor_id, ",
            "a.created_at",
            $rest
        )
    };
}

/// Inserts files.
pub(super) async fn insert(conn: &mut PgConnection, rows: &[AttachmentRow]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO attachment (portal, id, ticket_id, item_id, place, name, size, content_type, sha256, state, internal, actor_id, created_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[], $6::text[], $7::bigint[], $8::text[], $9::bytea[], \
           $10::smallint[], $11::boolean[], $12::uuid[], $13::timestamptz[])",
    )
    .bind(column(rows, |row| row.portal.as_str()))
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.ticket_id))
    .bind(column(rows, |row| row.item_id))
    .bind(column(rows, |row| row.place))
    .bind(column(rows, |row| row.name.as_str()))
    .bind(column(rows, |row| row.size))
    .bind(column(rows, |row| row.content_type.as_str()))
    .bind(column(rows, |row| row.sha256.as_slice()))
    .bind(column(rows, |row| row.state))
    .bind(column(rows, |row| row.internal))
    .bind(column(rows, |row| row.actor_id))
    .bind(column(rows, |row| row.created_at))
    .execute(conn)
    .await?;
    Ok(())
}

/// The files of some items, in their order.
pub async fn of_items(conn: &mut PortalConn, portal: &PortalId, items: &[Uuid]) -> Result<Vec<AttachmentRow>, Error> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(select!(" FROM attachment a WHERE a.portal = $1 AND a.item_id = ANY ($2) ORDER BY a.item_id, a.place"))
        .bind(portal.as_str())
        .bind(items)
        .fetch_all(&mut **conn)
        .await?)
}

/// One file.
pub async fn find(conn: &mut PortalConn, portal: &PortalId, id: AttachmentId) -> Result<Option<AttachmentRow>, Error> {
    Ok(sqlx::query_as(select!(" FROM attachment a WHERE a.portal = $1 AND a.id = $2"))
        .bind(portal.as_str())
        .bind(id.uuid())
        .fetch_optional(&mut **conn)
        .await?)
}

/// A file of a ticket's list, with the name of who added it.
#[derive(Debug, sqlx::FromRow)]
pub struct FileFound {
    /// The row.
    #[sqlx(flatten)]
    pub row: AttachmentRow,
    /// Who added it.
    pub actor_name: Option<String>,
    /// What they were.
    pub actor_role: i16,
}

/// A page of a ticket's files after (time, id), oldest first.
pub async fn of_ticket(
    conn: &mut PortalConn,
    portal: &PortalId,
    ticket: TicketId,
    internal: bool,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<FileFound>, Error> {
    let (at, id) = after.unwrap_or((OffsetDateTime::UNIX_EPOCH, Uuid::nil()));
    Ok(sqlx::query_as(select!(
        ", p.name AS actor_name, i.actor_role FROM attachment a JOIN item i ON i.id = a.item_id \
           LEFT JOIN person p ON p.portal = a.portal AND p.id = a.actor_id \
         WHERE a.portal = $1 AND a.ticket_id = $2 AND ($3 OR NOT a.internal) AND (a.created_at, a.id) > ($4, $5) \
         ORDER BY a.created_at, a.id LIMIT $6"
    ))
    .bind(portal.as_str())
    .bind(ticket.uuid())
    .bind(internal)
    .bind(at)
    .bind(id)
    .bind(limit)
    .fetch_all(&mut **conn)
    .await?)
}

/// Files that wait for the scanner, oldest first, of all portals, but for those that rest.
pub async fn quarantined(pool: &PgPool, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar("SELECT id FROM attachment WHERE state = $1 AND id <> ALL ($2) ORDER BY created_at, id LIMIT $3")
        .bind(ScanState::Quarantined.code())
        .bind(resting)
        .bind(limit)
        .fetch_all(pool)
        .await?)
}

/// Which of these files there are, for the sweep.
pub async fn known(db: impl PgExecutor<'_>, ids: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar("SELECT id FROM attachment WHERE id = ANY ($1)").bind(ids).fetch_all(db).await?)
}

/// Notes what the scanner said about a file that still waits.
pub async fn scanned(pool: &PgPool, id: AttachmentId, state: ScanState) -> Result<(), Error> {
    sqlx::query("UPDATE attachment SET state = $2 WHERE id = $1 AND state = $3")
        .bind(id.uuid())
        .bind(state.code())
        .bind(ScanState::Quarantined.code())
        .execute(pool)
        .await?;
    Ok(())
}
