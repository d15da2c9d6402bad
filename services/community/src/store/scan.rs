//! Files that wait for the scanner, and files that are there at all.

use portico_chassis::error::Error;
use portico_chassis::uuid::Uuid;
use sqlx::PgPool;

use super::codes;
use crate::domain::attachment::ScanState;
use crate::domain::ids::AttachmentId;

/// Files that were not looked at, oldest first, but for those that rest.
pub async fn waiting(pool: &PgPool, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar("SELECT id FROM attachment WHERE state = 'quarantined' AND id <> ALL ($1) ORDER BY created_at LIMIT $2")
        .bind(resting)
        .bind(limit)
        .fetch_all(pool)
        .await?)
}

/// Records what the scanner found.
pub async fn set(pool: &PgPool, id: AttachmentId, state: ScanState) -> Result<(), Error> {
    sqlx::query("UPDATE attachment SET state = $2 WHERE id = $1 AND state = 'quarantined'")
        .bind(id)
        .bind(codes::scan_word(state))
        .execute(pool)
        .await?;
    Ok(())
}

/// Which of these files there are, so that objects without a row can be told.
pub async fn known(pool: &PgPool, ids: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar("SELECT id FROM attachment WHERE id = ANY ($1)").bind(ids).fetch_all(pool).await?)
}
