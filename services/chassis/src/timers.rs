//! Durable timers: due rows become calls, each at least once; the effect removes the row in its own transaction, which makes it once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
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

/// Timers in work at once. No more are claimed than can be worked on, so that a slow one delays only itself.
const AT_ONCE: usize = 16;
/// Places that are free before timers are claimed again: one look for several.
const FREE: usize = 4;
/// How long a claimed timer is left to its replica.
const CLAIM: Duration = Duration::from_secs(30);
/// How long one timer may take: it ends before its claim does.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long PostgreSQL may take to answer.
const DATABASE: Duration = Duration::from_secs(5);
/// The longest pause before a timer is tried again that failed because something was away: it fires soon after that is back.
const SHORT_PAUSE: f64 = 15.0;
/// The longest pause before a timer is tried again that can't take effect.
const LONG_PAUSE: f64 = 256.0;
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
    /// The trace of whatever armed it; empty when that had none.
    pub traceparent: String,
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
        .with_boundaries(vec![0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0])
        .build();
    let timers = Arc::new(Timers { pool: db.system().clone(), handler, lateness });
    boot.tasks.spawn_vital(Phase::Intake, "timers", move |stop| async move { timers.run(armed, stop).await });
}

struct Timers {
    pool: PgPool,
    handler: Arc<dyn TimerHandler>,
    lateness: Histogram<f64>,
}

impl Timers {
    /// Keeps [`AT_ONCE`] timers in work while there are due ones.
    async fn run(&self, armed: Arc<Notify>, stop: CancellationToken) {
        let mut working = FuturesUnordered::new();
        let mut look = true;
        while !stop.is_cancelled() {
            if let Some(free) = room(working.len()).filter(|_| look) {
                let due = self.claim_while(free, &mut working).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "timers could not be read");
                    Vec::new()
                });
                look = due.len() == free;
                working.extend(due.into_iter().map(|timer| self.traced(timer)));
            }
            tokio::select! {
                Some(()) = working.next(), if !working.is_empty() => {}
                () = armed.notified() => look = true,
                () = tokio::time::sleep(TICK) => look = true,
                () = stop.cancelled() => {}
            }
        }
        // What was begun is ended; the rest comes again when its claim ends.
        while working.next().await.is_some() {}
    }

    /// Claims while others go on: those hold connections of the pool, or wait for one before the claim does.
    async fn claim_while<F: Future<Output = ()>>(&self, most: usize, working: &mut FuturesUnordered<F>) -> Result<Vec<DueTimer>, Error> {
        let mut claiming = std::pin::pin!(self.claim(most));
        loop {
            tokio::select! {
                claimed = &mut claiming => return claimed,
                Some(()) = working.next(), if !working.is_empty() => {}
            }
        }
    }

    /// The claim commits before anything is done, so that a dying replica's timers come back after [`CLAIM`].
    async fn claim(&self, most: usize) -> Result<Vec<DueTimer>, Error> {
        let claiming = sqlx::query_as(
            "UPDATE timer SET next_at = clock_timestamp() + make_interval(secs => $1), attempts = attempts + 1 \
              WHERE id IN (SELECT id FROM timer WHERE next_at <= clock_timestamp() ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
             RETURNING id, portal, kind, aggregate_id, due_at, attempts - 1 AS attempts, traceparent",
        )
        .bind(CLAIM.as_secs_f64())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.pool);
        Ok(tokio::time::timeout(DATABASE, claiming).await.map_err(|_| Error::Unavailable("the database does not answer"))??)
    }

    /// What a timer does days later is a trace of its own, linked to that of whatever armed it.
    async fn traced(&self, timer: DueTimer) {
        let span = tracing::info_span!("timer", otel.name = format!("timer {}", timer.kind), timer.kind = timer.kind);
        telemetry::link_trace(&span, &timer.traceparent);
        self.fire(timer).instrument(span).await;
    }

    async fn fire(&self, timer: DueTimer) {
        let (id, attempts, due_at) = (timer.id, timer.attempts, timer.due_at);
        let fired = tokio::time::timeout(PATIENCE, self.handler.fire(timer)).await.unwrap_or(Err(Error::Deadline));
        let settled = match fired {
            Ok(()) => tokio::time::timeout(DATABASE, self.done(id, due_at)).await,
            Err(error) => {
                tracing::warn!(timer = %id, attempts, %error, "a timer did not take effect");
                tokio::time::timeout(DATABASE, self.postpone(id, pause(attempts, error.is_transient()))).await
            }
        };
        // The claim ends by itself and the timer comes again; its effect is once by its id.
        match settled {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(timer = %id, %error, "a timer could not be settled"),
            Err(_) => tracing::warn!(timer = %id, "a timer could not be settled in time"),
        }
    }

    async fn done(&self, id: Uuid, due_at: OffsetDateTime) -> Result<(), Error> {
        // Its effect has removed it already, if there was one to commit.
        let sql = "WITH gone AS (DELETE FROM timer WHERE id = $1) SELECT extract(epoch FROM clock_timestamp() - $2)::float8";
        let late: f64 = sqlx::query_scalar(sql).bind(id).bind(due_at).fetch_one(&self.pool).await?;
        self.lateness.record(late, &[]);
        Ok(())
    }

    async fn postpone(&self, id: Uuid, seconds: f64) -> Result<(), Error> {
        sqlx::query("UPDATE timer SET next_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1")
            .bind(id)
            .bind(seconds)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// How many timers to claim while so many are in work; `None` when it is not worth a look.
fn room(working: usize) -> Option<usize> {
    let free = AT_ONCE.saturating_sub(working);
    (free >= FREE).then_some(free)
}

/// Seconds until a timer is tried again that was tried `attempts` times before.
fn pause(attempts: i32, is_transient: bool) -> f64 {
    let doubled = f64::from(1 << attempts.clamp(0, 8));
    doubled.min(if is_transient { SHORT_PAUSE } else { LONG_PAUSE })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AT_ONCE, CLAIM, DATABASE, LONG_PAUSE, PATIENCE, SHORT_PAUSE, pause, room};

    proptest! {
        /// I07: a timer that fails again and again is tried for as long as it fails, less often each time and never later than the longest
        /// pause; one that fails because something is away is back soon after that.
        #[test]
        fn pauses_grow_and_have_a_ceiling(attempts in 0..i32::MAX, is_transient in any::<bool>()) {
            let (this, next) = (pause(attempts, is_transient), pause(attempts + 1, is_transient));
            prop_assert!((1.0..=LONG_PAUSE).contains(&this) && this <= next && next <= this * 2.0);
            prop_assert!(pause(attempts, true) <= SHORT_PAUSE.min(pause(attempts, false)));
        }

        #[test]
        fn no_more_is_claimed_than_can_be_worked_on(working in 0_usize..AT_ONCE * 2) {
            prop_assert!(room(working).is_none_or(|free| free > 0 && working + free <= AT_ONCE));
            prop_assert!(working > AT_ONCE / 2 || room(working).is_some());
        }
    }

    #[test]
    fn a_claim_outlasts_the_work_that_it_is_for() {
        assert!(PATIENCE + DATABASE < CLAIM, "or the next claim would overtake who is at work");
    }

    #[test]
    fn what_is_away_delays_a_timer_by_fifteen_seconds_at_most() {
        assert_eq!([0, 1, 2, 3, 4, 20].map(|attempts| pause(attempts, true)), [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]);
        assert_eq!([0, 4, 20].map(|attempts| pause(attempts, false)), [1.0, 16.0, 256.0]);
    }
}
