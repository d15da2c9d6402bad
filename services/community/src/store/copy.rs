//! Copies: what a writer has sent, and what an address has got.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{FromRow, PgPool};
use time::{Duration, OffsetDateTime};

use crate::domain::copy::COPY_WINDOW_SECONDS;
use crate::domain::ids::{CopyId, PersonId, TopicId};

/// A copy that is to be sent.
#[derive(Clone, Debug, FromRow)]
pub struct CopyRow {
    /// About what.
    pub topic: TopicId,
    /// Where to.
    pub address: String,
    /// When it was asked for.
    pub at: OffsetDateTime,
}

/// How many copies the writer sent within the window before `now`, and when the oldest of them was sent.
pub async fn sent(
    conn: &mut PortalConn,
    portal: &PortalId,
    writer: PersonId,
    now: OffsetDateTime,
) -> Result<(i64, Option<OffsetDateTime>), Error> {
    let since = now - Duration::seconds(COPY_WINDOW_SECONDS);
    Ok(sqlx::query_as("SELECT count(*), min(at) FROM copy WHERE portal = $1 AND writer = $2 AND at > $3")
        .bind(portal.as_str())
        .bind(writer)
        .bind(since)
        .fetch_one(&mut **conn)
        .await?)
}

/// One copy.
pub async fn one(conn: &mut PortalConn, portal: &PortalId, id: CopyId) -> Result<Option<CopyRow>, Error> {
    Ok(sqlx::query_as("SELECT topic, address, at FROM copy WHERE portal = $1 AND id = $2")
        .bind(portal.as_str())
        .bind(id)
        .fetch_optional(&mut **conn)
        .await?)
}

/// Counts the copy against its address, once, and says whether it is among the first `most` of the window. Over all portals, hence without one.
pub async fn count(pool: &PgPool, address_hash: &[u8], id: CopyId, most: usize, now: OffsetDateTime) -> Result<bool, Error> {
    let since = now - Duration::seconds(COPY_WINDOW_SECONDS);
    sqlx::query("INSERT INTO copy_count (address_hash, copy, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(address_hash)
        .bind(id)
        .bind(now)
        .execute(pool)
        .await?;
    // The first ones stay sendable, so that rendering again gives the same answer.
    let before: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM copy_count o JOIN copy_count me ON me.address_hash = o.address_hash AND me.copy = $2 \
          WHERE o.address_hash = $1 AND o.at > $3 AND (o.at, o.copy) < (me.at, me.copy)",
    )
    .bind(address_hash)
    .bind(id)
    .bind(since)
    .fetch_one(pool)
    .await?;
    Ok(usize::try_from(before).unwrap_or(usize::MAX) < most)
}
