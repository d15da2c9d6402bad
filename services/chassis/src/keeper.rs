//! Copies by reference: an event marks (kind, id, version) dirty; a keeper fetches the facts in batches from their owner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::db::Db;
use crate::error::Error;
use crate::ids::PortalId;
use crate::run::{Boot, Phase};

/// Ids in one call to the owner.
const BATCH: i64 = 200;
/// When nobody wakes the keeper it looks by itself.
const TICK: Duration = Duration::from_millis(500);

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
    boot.tasks.spawn(Phase::Intake, "keeper", move |stop| run(pool, keeper, wake, stop));
}

async fn run(pool: PgPool, keeper: Arc<dyn Keeper>, wake: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match pass(&pool, keeper.as_ref()).await {
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

#[derive(sqlx::FromRow)]
struct Dirty {
    portal: PortalId,
    id: Uuid,
    version: i64,
}

/// Refreshes one batch; true when there was something and all of it went well.
async fn pass(pool: &PgPool, keeper: &dyn Keeper) -> Result<bool, Error> {
    // Two replicas may refresh the same copy: upserts go by version, so that is only work done twice.
    let due: Vec<Dirty> =
        sqlx::query_as("SELECT portal, id, version FROM dirty WHERE kind = $1 AND next_at <= now() ORDER BY next_at LIMIT $2")
            .bind(keeper.kind())
            .bind(BATCH)
            .fetch_all(pool)
            .await?;
    let mut by_portal: BTreeMap<PortalId, Vec<Dirty>> = BTreeMap::new();
    for row in due {
        by_portal.entry(row.portal.clone()).or_default().push(row);
    }
    let mut all_well = !by_portal.is_empty();
    for (portal, rows) in by_portal {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        match keeper.refresh(&portal, &ids).await {
            Ok(()) => {
                let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
                sqlx::query(
                    "DELETE FROM dirty d USING unnest($2::uuid[], $3::bigint[]) AS w (id, version) \
                     WHERE d.kind = $1 AND d.id = w.id AND d.version <= w.version",
                )
                .bind(keeper.kind())
                .bind(&ids)
                .bind(versions)
                .execute(pool)
                .await?;
            }
            Err(error) => {
                tracing::debug!(kind = keeper.kind(), %portal, %error, "copies stay dirty");
                all_well = false;
                sqlx::query(
                    "UPDATE dirty SET attempts = attempts + 1, next_at = now() + make_interval(secs => least(60, power(2, attempts))) \
                     WHERE kind = $1 AND id = ANY ($2)",
                )
                .bind(keeper.kind())
                .bind(&ids)
                .execute(pool)
                .await?;
            }
        }
    }
    Ok(all_well)
}
