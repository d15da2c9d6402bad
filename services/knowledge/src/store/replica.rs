//! Where the search documents are, and how far each replica's index is.

use portico_chassis::error::Error;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

/// The epoch and the last position of the search documents.
pub async fn head(pool: &PgPool) -> Result<(Uuid, i64), Error> {
    Ok(sqlx::query_as("SELECT epoch, position FROM search_head").fetch_one(pool).await?)
}

/// Begins a new epoch: every replica builds its index anew.
pub async fn renew(pool: &PgPool) -> Result<Uuid, Error> {
    Ok(sqlx::query_scalar("UPDATE search_head SET epoch = gen_random_uuid() RETURNING epoch").fetch_one(pool).await?)
}

/// Says how far this replica is.
pub async fn report(pool: &PgPool, name: &str, epoch: Uuid, position: i64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO index_replica (name, epoch, position, seen_at) VALUES ($1, $2, $3, clock_timestamp()) \
         ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position, seen_at = excluded.seen_at",
    )
    .bind(name)
    .bind(epoch)
    .bind(position)
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes this replica off the list.
pub async fn leave(pool: &PgPool, name: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM index_replica WHERE name = $1").bind(name).execute(pool).await?;
    Ok(())
}

/// A replica's index.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Replica {
    /// Its name.
    pub name: String,
    /// The epoch that it answers from.
    pub epoch: Uuid,
    /// Up to where.
    pub position: i64,
    /// When it last said so.
    pub seen_at: OffsetDateTime,
}

/// The replicas that were seen in the last ten seconds.
pub async fn living(pool: &PgPool) -> Result<Vec<Replica>, Error> {
    Ok(sqlx::query_as(
        "SELECT name, epoch, position, seen_at FROM index_replica WHERE seen_at > clock_timestamp() - interval '10 seconds' ORDER BY name",
    )
    .fetch_all(pool)
    .await?)
}

/// Forgets replicas that are gone.
pub async fn forget(pool: &PgPool) -> Result<(), Error> {
    sqlx::query("DELETE FROM index_replica WHERE seen_at < clock_timestamp() - interval '1 day'").execute(pool).await?;
    Ok(())
}
