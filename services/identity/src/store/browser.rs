//! Browsers: the cookie's id and its present sequence.

use portico_chassis::error::Error;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{column, last_of_each};
use crate::domain::ids::BrowserId;

/// A row of `browser`.
#[derive(Debug, Clone)]
pub struct BrowserRow {
    /// Which browser.
    pub id: BrowserId,
    /// Cookies of an earlier sequence are dead.
    pub sequence: i64,
    /// When the cookie was renewed.
    pub rotated_at: OffsetDateTime,
}

/// Whether a cookie of this sequence is the browser's present one.
pub async fn is_current(conn: &mut PgConnection, id: BrowserId, sequence: i64) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM browser WHERE id = $1 AND sequence = $2)")
        .bind(id)
        .bind(sequence)
        .fetch_one(conn)
        .await?)
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<BrowserRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    sqlx::query(
        "INSERT INTO browser (id, sequence, created_at, rotated_at) \
         SELECT id, sequence, rotated_at, rotated_at FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS w (id, sequence, rotated_at) \
         ON CONFLICT (id) DO UPDATE SET sequence = greatest(browser.sequence, excluded.sequence), rotated_at = excluded.rotated_at",
    )
    .bind(column(&rows, |row| row.id))
    .bind(column(&rows, |row| row.sequence))
    .bind(column(&rows, |row| row.rotated_at))
    .execute(conn)
    .await?;
    Ok(())
}
