//! Copies by reference: an event marks (kind, id, version) dirty; a keeper fetches the facts in batches from their owner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::db::Db;
use crate::error::Error;
use crate::ids::PortalId;
use crate::run::{Boot, Phase};
use crate::telemetry;

/// Ids in one call to the owner.
const BATCH: i64 = 200;
/// When nobody wakes the keeper it looks by itself.
const TICK: Duration = Duration::from_millis(500);
/// How long one call may take, with its rows.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often what waits is counted.
const COUNT: Duration = Duration::from_secs(15);
/// A copy that is stale for longer than this, in seconds, is worth a warning.
const LATE: f64 = 60.0;
const SILENCE: Error = Error::Unavailable("the database does not answer");

/// Keeps one kind of copy.
#[async_trait]
pub trait Keeper: Send + Sync + 'static {
    /// The kind in the table `dirty`, such as `person`.
    fn kind(&self) -> &'static str;

    /// Fetches the facts of these ids from their owner and upserts them where the version is higher; what is gone is deleted.
    async fn refresh(&self, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error>;
}

/// Marks a copy dirty, in the transaction of the event.
pub async fn mark(conn: &mut PgConnection, kind: &str, marks: &[(String, Uuid, i64)]) -> Result<(), Error> {
    // The same id twice in one statement would be refused; the highest version counts.
    let mut latest: BTreeMap<Uuid, (&str, i64)> = BTreeMap::new();
    for (portal, id, version) in marks {
        let entry = latest.entry(*id).or_insert((portal, *version));
        entry.1 = entry.1.max(*version);
    }
    sqlx::query(
        "INSERT INTO dirty (kind, id, portal, version) SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::bigint[]) \
         ON CONFLICT (kind, id) DO UPDATE SET version = greatest(dirty.version, excluded.version), next_at = now(), attempts = 0",
    )
    .bind(kind)
    .bind(latest.keys().copied().collect::<Vec<_>>())
    .bind(latest.values().map(|(portal, _)| *portal).collect::<Vec<_>>())
    .bind(latest.values().map(|(_, version)| *version).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Starts a keeper; it ends in [`Phase::Intake`]. `wake` is for the consumer that marks.
pub fn start<C>(boot: &Boot<C>, db: &Db, keeper: Arc<dyn Keeper>, wake: Arc<Notify>) {
    let pool = db.system().clone();
    boot.tasks.spawn_vital(Phase::Intake, "keeper", move |stop| run(pool, keeper, wake, stop));
}

async fn run(pool: PgPool, keeper: Arc<dyn Keeper>, wake: Arc<Notify>, stop: CancellationToken) {
    let waiting = telemetry::meter().i64_gauge("portico.keeper.dirty").with_description("Copies that are to be fetched again.").build();
    let oldest = telemetry::meter()
        .f64_gauge("portico.keeper.age")
        .with_unit("s")
        .with_description("How long the oldest copy has been stale.")
        .build();
    let mut counted = None::<Instant>;
    while !stop.is_cancelled() {
        let passed = tokio::select! {
            passed = pass(&pool, keeper.as_ref()) => passed,
            () = stop.cancelled() => return,
        };
        if counted.is_none_or(|at| at.elapsed() >= COUNT) {
            counted = Some(Instant::now());
            if let Ok(Ok((count, age))) = tokio::time::timeout(PATIENCE, stale(&pool, keeper.kind())).await {
                let kind = [KeyValue::new("kind", keeper.kind())];
                waiting.record(count, &kind);
                oldest.record(age, &kind);
                if age > LATE {
                    tracing::warn!(kind = keeper.kind(), count, age, "copies are stale");
                }
            }
        }
        match passed {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::debug!(kind = keeper.kind(), %error, "copies could not be refreshed"),
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// How many copies are dirty, and for how many seconds the oldest has been.
async fn stale(pool: &PgPool, kind: &str) -> Result<(i64, f64), Error> {
    let sql = "SELECT count(*), coalesce(extract(epoch FROM now() - min(marked_at)), 0)::float8 FROM dirty WHERE kind = $1";
    Ok(sqlx::query_as(sql).bind(kind).fetch_one(pool).await?)
}

#[derive(sqlx::FromRow)]
struct Dirty {
    portal: PortalId,
    id: Uuid,
    version: i64,
    next_at: OffsetDateTime,
}

/// Refreshes one batch; true when there was something and all of it went well.
async fn pass(pool: &PgPool, keeper: &dyn Keeper) -> Result<bool, Error> {
    // Two replicas may refresh the same copy: upserts go by version, so that is only work done twice.
    let looking =
        sqlx::query_as("SELECT portal, id, version, next_at FROM dirty WHERE kind = $1 AND next_at <= now() ORDER BY next_at LIMIT $2")
            .bind(keeper.kind())
            .bind(BATCH)
            .fetch_all(pool);
    let due: Vec<Dirty> = tokio::time::timeout(PATIENCE, looking).await.map_err(|_| SILENCE)??;
    let mut by_portal: BTreeMap<PortalId, Vec<Dirty>> = BTreeMap::new();
    for row in due {
        by_portal.entry(row.portal.clone()).or_default().push(row);
    }
    let mut all_well = !by_portal.is_empty();
    for (portal, rows) in by_portal {
        // Halved until the copies that can't be refreshed stand alone; the others of the batch do not wait for them.
        let mut parts = vec![rows];
        while let Some(mut rows) = parts.pop() {
            match refresh(pool, keeper, &portal, &rows).await {
                Ok(()) => {}
                Err(error) if rows.len() > 1 && !error.is_transient() => {
                    parts.push(rows.split_off(rows.len() / 2));
                    parts.push(rows);
                }
                Err(error) => {
                    all_well = false;
                    tracing::warn!(kind = keeper.kind(), %portal, copies = rows.len(), %error, "copies stay dirty");
                    postpone(pool, keeper.kind(), &rows).await?;
                }
            }
        }
    }
    Ok(all_well)
}

async fn refresh(pool: &PgPool, keeper: &dyn Keeper, portal: &PortalId, rows: &[Dirty]) -> Result<(), Error> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    tokio::time::timeout(PATIENCE, keeper.refresh(portal, &ids)).await.map_err(|_| Error::Deadline)??;
    // A copy that was marked again meanwhile stays dirty, also at a version that was seen: a restored owner counts from an earlier one.
    let cleaning = sqlx::query(
        "DELETE FROM dirty d USING unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) AS w (id, version, next_at) \
         WHERE d.kind = $1 AND d.id = w.id AND d.version = w.version AND d.next_at = w.next_at",
    )
    .bind(keeper.kind())
    .bind(&ids)
    .bind(rows.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.next_at).collect::<Vec<_>>())
    .execute(pool);
    tokio::time::timeout(PATIENCE, cleaning).await.map_err(|_| SILENCE)??;
    Ok(())
}

async fn postpone(pool: &PgPool, kind: &str, rows: &[Dirty]) -> Result<(), Error> {
    let postponing = sqlx::query(
        "UPDATE dirty SET attempts = attempts + 1, next_at = now() + make_interval(secs => least(60, power(2, attempts))) \
         WHERE kind = $1 AND id = ANY ($2)",
    )
    .bind(kind)
    .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .execute(pool);
    tokio::time::timeout(PATIENCE, postponing).await.map_err(|_| SILENCE)??;
    Ok(())
}
