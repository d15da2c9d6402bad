//! What leaves by time.

use portico_chassis::error::Error;
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};

/// Deletes copies older than 8 days (an event older than 7 makes no mail) and counts older than 2 days.
pub async fn sweep(pool: &PgPool, now: OffsetDateTime) -> Result<u64, Error> {
    let copies = sqlx::query("DELETE FROM copy WHERE at < $1").bind(now - Duration::days(8)).execute(pool).await?;
    let counts = sqlx::query("DELETE FROM copy_count WHERE at < $1").bind(now - Duration::days(2)).execute(pool).await?;
    Ok(copies.rows_affected() + counts.rows_affected())
}
