//! Parked events: what could not be applied, with all that waits behind it, by position.

use portico_proto::events::v1::{Envelope, ParkedEvent};
use prost::Message;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::apply::Consumer;
use crate::clock::to_proto;
use crate::error::Error;

#[derive(sqlx::FromRow)]
struct Row {
    position: i64,
    portal: String,
    aggregate_kind: String,
    aggregate_id: Uuid,
    version: i64,
    event_id: Option<Uuid>,
    error: String,
    at: OffsetDateTime,
}

/// A page of what is parked of a producer, by position.
pub(super) async fn list(pool: &PgPool, producer: &str, after: i64, limit: i64) -> Result<Vec<ParkedEvent>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT position, portal, aggregate_kind, aggregate_id, version, event_id, error, at FROM parked_event \
          WHERE producer = $1 AND position > $2 ORDER BY position LIMIT $3",
    )
    .bind(producer)
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ParkedEvent {
            position: row.position,
            portal: row.portal,
            aggregate_kind: row.aggregate_kind,
            aggregate_id: row.aggregate_id.to_string(),
            version: row.version,
            event_id: row.event_id.map(|id| id.to_string()).unwrap_or_default(),
            error: row.error,
            parked_at: Some(to_proto(row.at)),
        })
        .collect())
}

/// How many events of each producer are parked.
pub(super) async fn counts(pool: &PgPool) -> Result<Vec<(String, i64)>, Error> {
    Ok(sqlx::query_as("SELECT producer, count(*) FROM parked_event GROUP BY producer").fetch_all(pool).await?)
}

/// Applies parked events again, aggregate by aggregate and in order; returns how many were applied and how many are left.
pub(super) async fn redrive(pool: &PgPool, consumer: &dyn Consumer, only: Option<Uuid>) -> Result<(i64, i64), Error> {
    let producer = consumer.producer();
    let aggregates: Vec<Uuid> = sqlx::query_scalar(
        "SELECT aggregate_id FROM parked_event WHERE producer = $1 AND ($2::uuid IS NULL OR aggregate_id = $2) \
          GROUP BY aggregate_id ORDER BY min(position)",
    )
    .bind(producer)
    .bind(only)
    .fetch_all(pool)
    .await?;
    let mut applied = 0;
    for aggregate in aggregates {
        while redrive_first(pool, consumer, aggregate).await? {
            applied += 1;
        }
    }
    if applied > 0 {
        consumer.applied();
    }
    let left = sqlx::query_scalar("SELECT count(*) FROM parked_event WHERE producer = $1 AND ($2::uuid IS NULL OR aggregate_id = $2)")
        .bind(producer)
        .bind(only)
        .fetch_one(pool)
        .await?;
    Ok((applied, left))
}

/// Applies the first parked event of an aggregate; false when there is none, or when it still can't be applied.
async fn redrive_first(pool: &PgPool, consumer: &dyn Consumer, aggregate: Uuid) -> Result<bool, Error> {
    let producer = consumer.producer();
    let mut tx = pool.begin().await?;
    // The cursor's lock: while the last parked event is applied here, the inbox parks no follower behind it.
    sqlx::query("SELECT FROM inbox WHERE producer = $1 FOR UPDATE").bind(producer).execute(&mut *tx).await?;
    let first: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT position, event FROM parked_event WHERE producer = $1 AND aggregate_id = $2 ORDER BY position LIMIT 1")
            .bind(producer)
            .bind(aggregate)
            .fetch_optional(&mut *tx)
            .await?;
    let Some((position, bytes)) = first else { return Ok(false) };
    let event = Envelope::decode(bytes.as_slice()).map_err(Error::internal)?;
    match consumer.apply(&mut tx, std::slice::from_ref(&event)).await {
        Ok(()) => {
            forget(&mut tx, producer, position).await?;
            tx.commit().await?;
            Ok(true)
        }
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            tx.rollback().await?;
            sqlx::query("UPDATE parked_event SET error = $3 WHERE producer = $1 AND position = $2")
                .bind(producer)
                .bind(position)
                .bind(error.to_string())
                .execute(pool)
                .await?;
            Ok(false)
        }
    }
}

async fn forget(conn: &mut PgConnection, producer: &str, position: i64) -> Result<(), Error> {
    sqlx::query("DELETE FROM parked_event WHERE producer = $1 AND position = $2").bind(producer).bind(position).execute(conn).await?;
    Ok(())
}
