//! What the database tells about work that waits: events for the broker, timers, inboxes that stand still, parked events.
//!
//! Every replica looks, whether it does that work or not: then it is seen also when nobody does it. It looks over a connection of its own, so
//! that busy background work does not hide what waits. While it can't look, the series are absent: an old figure would pass for a new one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::error::Error;
use crate::telemetry;

/// Pause between two looks.
const PERIOD: Duration = Duration::from_secs(5);
/// How long PostgreSQL may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one look saw.
#[derive(Debug, Default)]
struct Sample {
    backlog: i64,
    age: f64,
    overdue: f64,
    /// Each producer: whether its inbox stands still, and how many of its events are parked.
    inboxes: Vec<(String, bool, i64)>,
}

/// The last look; `None` when it failed.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Option<Sample>>>);

/// Looks until it is told to end.
pub(crate) async fn run(db: Db, stop: CancellationToken) {
    let shown = Shown::default();
    shown.register();
    let mut conn = None;
    loop {
        let looked = tokio::select! {
            looked = look(&db, &mut conn) => looked,
            () = stop.cancelled() => return,
        };
        if let Err(error) = &looked {
            tracing::debug!(%error, "what waits could not be measured");
        }
        shown.set(looked.ok());
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Looks once. A connection that failed is made again with the next look.
async fn look(db: &Db, kept: &mut Option<PgConnection>) -> Result<Sample, Error> {
    // Out of its place while it is asked: an answer that came too late must not be taken for the next one's.
    let before = kept.take();
    let looking = async {
        let mut conn = match before {
            Some(conn) => conn,
            None => db.system_connection().await?,
        };
        let (backlog, age) = outbox(&mut conn).await?;
        let sample = Sample { backlog, age, overdue: overdue(&mut conn).await?, inboxes: inboxes(&mut conn).await? };
        Ok::<_, Error>((sample, conn))
    };
    let (sample, conn) =
        tokio::time::timeout(PATIENCE, looking).await.map_err(|_| Error::Unavailable("the database does not answer"))??;
    *kept = Some(conn);
    Ok(sample)
}

impl Shown {
    fn set(&self, sample: Option<Sample>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sample;
    }

    fn with(&self, show: impl FnOnce(&Sample)) {
        if let Some(sample) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            show(sample);
        }
    }

    fn register(&self) {
        let meter = telemetry::meter();
        let shown = self.clone();
        meter
            .i64_observable_gauge("portico.relay.backlog")
            .with_description("Events that are not handed to the broker yet.")
            .with_callback(move |gauge| shown.with(|sample| gauge.observe(sample.backlog, &[])))
            .build();
        self.register_seconds(
            "portico.relay.age",
            "How long the oldest event has waited that is not handed to the broker yet.",
            |sample| sample.age,
        );
        self.register_seconds(
            "portico.timer.overdue",
            "How long the oldest timer has waited that is due and did not take effect yet.",
            |sample| sample.overdue,
        );
        self.register_inboxes(
            "portico.inbox.stopped",
            "1 while the inbox of a producer stands still until an operator reconciles it.",
            |stopped, _| i64::from(stopped),
        );
        self.register_inboxes(
            "portico.inbox.parked",
            "Events of a producer that are put aside until an operator drives them again.",
            |_, parked| parked,
        );
    }

    fn register_seconds(&self, name: &'static str, description: &'static str, of: fn(&Sample) -> f64) {
        let shown = self.clone();
        telemetry::meter()
            .f64_observable_gauge(name)
            .with_unit("s")
            .with_description(description)
            .with_callback(move |gauge| shown.with(|sample| gauge.observe(of(sample), &[])))
            .build();
    }

    fn register_inboxes(&self, name: &'static str, description: &'static str, of: fn(bool, i64) -> i64) {
        let shown = self.clone();
        telemetry::meter()
            .i64_observable_gauge(name)
            .with_description(description)
            .with_callback(move |gauge| {
                shown.with(|sample| {
                    for (producer, stopped, parked) in &sample.inboxes {
                        gauge.observe(of(*stopped, *parked), &[KeyValue::new("producer", producer.clone())]);
                    }
                });
            })
            .build();
    }
}

/// How many rows of the journal are not published, and for how many seconds the oldest has waited.
async fn outbox(conn: &mut PgConnection) -> Result<(i64, f64), Error> {
    let sql = "SELECT greatest(h.position - r.published, 0), \
                      greatest(coalesce((SELECT extract(epoch FROM clock_timestamp() - j.at) FROM journal j \
                                          WHERE j.position = r.published + 1), 0), 0)::float8 \
                 FROM relay r, journal_head h";
    Ok(sqlx::query_as(sql).fetch_one(conn).await?)
}

/// For how many seconds the oldest due timer has waited. One in work or to be tried again is looked at again within five minutes, so the
/// index finds it.
async fn overdue(conn: &mut PgConnection) -> Result<f64, Error> {
    let sql = "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float8 FROM timer \
                WHERE next_at <= clock_timestamp() + interval '5 minutes' AND due_at <= clock_timestamp()";
    Ok(sqlx::query_scalar(sql).fetch_one(conn).await?)
}

/// Each producer: whether its inbox stands still, and how many of its events are parked.
async fn inboxes(conn: &mut PgConnection) -> Result<Vec<(String, bool, i64)>, Error> {
    let sql = "SELECT i.producer, i.stopped IS NOT NULL, (SELECT count(*) FROM parked_event p WHERE p.producer = i.producer) FROM inbox i";
    Ok(sqlx::query_as(sql).fetch_all(conn).await?)
}
