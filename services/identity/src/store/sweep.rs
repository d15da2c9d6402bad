//! Rows that are of no use any more.

use portico_chassis::error::Error;
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};

/// A captcha's spend outlives the day in which its request may be repeated.
const SPEND_KEPT: Duration = Duration::hours(25);
/// Attempts that nobody repeated.
const ATTEMPTS_KEPT: Duration = Duration::days(30);
/// Sessions that ran out or were ended.
const SESSIONS_KEPT: Duration = Duration::days(30);
/// No token lives longer than minutes.
const REVOCATIONS_KEPT: Duration = Duration::days(1);

/// Removes what is old; answers how many rows went.
pub async fn sweep(pool: &PgPool, now: OffsetDateTime) -> Result<u64, Error> {
    let mut gone = 0;
    gone += sqlx::query("DELETE FROM captcha_spend WHERE spent_at < $1").bind(now - SPEND_KEPT).execute(pool).await?.rows_affected();
    gone += sqlx::query("DELETE FROM throttle WHERE tried_at < $1").bind(now - ATTEMPTS_KEPT).execute(pool).await?.rows_affected();
    gone += sqlx::query("DELETE FROM session WHERE expires_at < $1").bind(now - SESSIONS_KEPT).execute(pool).await?.rows_affected();
    gone += sqlx::query("DELETE FROM revocation WHERE at < $1").bind(now - REVOCATIONS_KEPT).execute(pool).await?.rows_affected();
    gone += sqlx::query(
        "DELETE FROM browser b WHERE rotated_at < $1 AND NOT EXISTS (SELECT FROM session s WHERE s.browser_id = b.id AND s.ended_at IS NULL)",
    )
    .bind(now - SESSIONS_KEPT)
    .execute(pool)
    .await?
    .rows_affected();
    Ok(gone)
}
