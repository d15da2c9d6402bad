//! Counters of attempts, shared by all replicas and kept over restarts (S17).

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{Connection, PgConnection};
use time::{Duration, OffsetDateTime};

use crate::domain::throttle::{Attempts, Charge};

/// Counts an attempt, or refuses it. The row is made or locked by one statement, so many at once are counted one by one, also while
/// somebody's success deletes it.
pub async fn charge(
    conn: &mut PgConnection,
    portal: &PortalId,
    key: &[u8; 32],
    now: OffsetDateTime,
    limit: i64,
    lock: Duration,
) -> Result<Charge, Error> {
    let mut tx = conn.begin().await?;
    let (count, locked_until): (i32, Option<OffsetDateTime>) = sqlx::query_as(
        "INSERT INTO throttle (portal, key, count, tried_at) VALUES ($1, $2, 0, $3) \
         ON CONFLICT (portal, key) DO UPDATE SET tried_at = EXCLUDED.tried_at RETURNING count, locked_until",
    )
    .bind(portal)
    .bind(&key[..])
    .bind(now)
    .fetch_one(&mut *tx)
    .await?;
    let (attempts, charge) = Attempts { count, locked_until }.charge(now, limit, lock);
    sqlx::query("UPDATE throttle SET count = $3, locked_until = $4, tried_at = $5 WHERE portal = $1 AND key = $2")
        .bind(portal)
        .bind(&key[..])
        .bind(attempts.count)
        .bind(attempts.locked_until)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(charge)
}

/// Forgets the attempts of a key: one succeeded, or the password was reset.
pub async fn clear(conn: &mut PgConnection, portal: &PortalId, key: &[u8; 32]) -> Result<(), Error> {
    sqlx::query("DELETE FROM throttle WHERE portal = $1 AND key = $2").bind(portal).bind(&key[..]).execute(conn).await?;
    Ok(())
}
