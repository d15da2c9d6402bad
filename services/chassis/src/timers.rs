//! Durable timers: due rows become calls, each at least once; the effect removes the row in its own transaction, which makes it once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use opentelemetry::metrics::Histogram;
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::db::Db;
use crate::error::Error;
use crate::ids::PortalId;
use crate::run::{Boot, Phase};
use crate::telemetry;

/// Timers claimed at once.
const PAGE: i64 = 128;
/// Timers in work at once.
const AT_ONCE: usize = 16;
/// How long a claimed timer is left to its replica.
const CLAIM: Duration = Duration::from_secs(30);
/// When nobody wakes the timers they look by themselves.
const TICK: Duration = Duration::from_millis(500);

/// A timer whose time has come.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DueTimer {
    /// Its id, also the idempotency key of its effect.
    pub id: Uuid,
    /// In which portal.
    pub portal: PortalId,
    /// What the service calls it.
    pub kind: String,
    /// Whose timer.
    pub aggregate_id: Uuid,
    /// When it was due.
    pub due_at: OffsetDateTime,
    /// Tries before this one.
    pub attempts: i32,
}

/// Takes effect for a timer.
#[async_trait]
pub trait TimerHandler: Send + Sync + 'static {
    /// Has the effect committed together with [`crate::journal::TimerChange::Done`], or finds that there is none any more.
    /// After `Ok` the row is removed if it is still there; after an error it is tried again, later each time.
    async fn fire(&self, timer: DueTimer) -> Result<(), Error>;
}

/// Starts the timers; they end in [`Phase::Intake`].
pub fn start<C>(boot: &Boot<C>, db: &Db, armed: Arc<Notify>, handler: Arc<dyn TimerHandler>) {
    let lateness = telemetry::meter()
        .f64_histogram("portico.timer.lateness")
        .with_unit("s")
        .with_description("How long after they were due timers took effect.")
        .build();
    let timers = Timers { pool: db.system().clone(), handler, lateness };
    boot.tasks.spawn(Phase::Intake, "timers", move |stop| timers.run(armed, stop));
}

struct Timers {
    pool: PgPool,
    handler: Arc<dyn TimerHandler>,
    lateness: Histogram<f64>,
}

impl Timers {
    async fn run(self, armed: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.claim().await {
                Ok(due) if !due.is_empty() => {
                    futures_util::stream::iter(due).for_each_concurrent(AT_ONCE, |timer| self.traced(timer)).await;
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "timers could not be read"),
            }
            tokio::select! {
                () = armed.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// The claim commits before anything is done, so that a dying replica's timers come back after [`CLAIM`].
    async fn claim(&self) -> Result<Vec<DueTimer>, Error> {
        Ok(sqlx::query_as(
            "UPDATE timer SET next_at = clock_timestamp() + make_interval(secs => $1), attempts = attempts + 1 \
              WHERE id IN (SELECT id FROM timer WHERE next_at <= clock_timestamp() ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
             RETURNING id, portal, kind, aggregate_id, due_at, attempts - 1 AS attempts",
        )
        .bind(CLAIM.as_secs_f64())
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?)
    }

    /// What a timer does days later is a trace of its own.
    async fn traced(&self, timer: DueTimer) {
        let span = tracing::info_span!("timer", otel.name = format!("timer {}", timer.kind), timer.kind = timer.kind);
        self.fire(timer).instrument(span).await;
    }

    async fn fire(&self, timer: DueTimer) {
        let (id, attempts, due_at) = (timer.id, timer.attempts, timer.due_at);
        let settled = match self.handler.fire(timer).await {
            Ok(()) => sqlx::query("DELETE FROM timer WHERE id = $1").bind(id).execute(&self.pool).await,
            Err(error) => {
                tracing::warn!(timer = %id, attempts, %error, "a timer did not take effect");
                let pause = f64::from(1 << attempts.clamp(0, 8));
                sqlx::query("UPDATE timer SET next_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1")
                    .bind(id)
                    .bind(pause)
                    .execute(&self.pool)
                    .await
            }
        };
        match settled {
            Ok(_) => self.record(due_at).await,
            // The claim ends by itself and the timer comes again; its effect is once by its id.
            Err(error) => tracing::warn!(timer = %id, %error, "a timer could not be settled"),
        }
    }

    async fn record(&self, due_at: OffsetDateTime) {
        let late: Result<f64, _> =
            sqlx::query_scalar("SELECT extract(epoch FROM clock_timestamp() - $1)::float8").bind(due_at).fetch_one(&self.pool).await;
        if let Ok(late) = late {
            self.lateness.record(late, &[]);
        }
    }
}
