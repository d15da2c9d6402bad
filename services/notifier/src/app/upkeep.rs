//! What time does: claims expire, raw messages and old deliveries go, the age of the oldest deliveries is measured.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Gauge;
use portico_chassis::error::Error;
use portico_chassis::run::Phase;
use portico_chassis::telemetry;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::App;
use super::inbound::PREFIX;
use crate::domain::delivery::Channel;
use crate::domain::inbound::CLAIM_LASTS;
use crate::store::{delivery, inbound};

/// How often.
const PERIOD: Duration = Duration::from_secs(15);
/// Ended deliveries are kept this long: longer than any event makes one.
const DELIVERIES_KEPT: time::Duration = time::Duration::days(30);
/// Rows or objects handled in one go.
const PAGE: i64 = 500;
/// Between two looks for raw messages without a row: every two hours.
const SWEEP_EVERY: u32 = 480;

/// Starts the upkeep; it ends with the intake. Every replica may do it.
pub fn start(app: &App) {
    let app = app.clone();
    app.tasks.clone().spawn(Phase::Intake, "upkeep", move |stop| async move { run(app, stop).await });
}

async fn run(app: App, stop: CancellationToken) {
    let ages = Ages::new();
    let mut rounds = 0u32;
    loop {
        if let Err(error) = app.measure(&ages).await {
            tracing::debug!(%error, "the oldest deliveries could not be measured");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        rounds = rounds.wrapping_add(1);
        if let Err(error) = app.tidy(rounds.is_multiple_of(SWEEP_EVERY)).await {
            tracing::warn!(%error, "old rows or messages could not be removed");
        }
    }
}

/// How old the oldest deliveries are: the one that nobody works on, and the one that did not leave yet.
struct Ages {
    due: Gauge<f64>,
    pending: Gauge<f64>,
}

impl Ages {
    fn new() -> Self {
        let gauge = |name: &'static str, description: &'static str| {
            telemetry::meter().f64_gauge(name).with_unit("s").with_description(description).build()
        };
        Self {
            due: gauge("portico.notifier.oldest_due", "How long the oldest due delivery has waited."),
            pending: gauge(
                "portico.notifier.oldest_pending",
                "How long ago the event happened whose delivery has waited longest, by channel.",
            ),
        }
    }
}

impl App {
    async fn measure(&self, ages: &Ages) -> Result<(), Error> {
        let mut conn = self.db.system().acquire().await?;
        let now = self.clock.now();
        let age = |since: Option<OffsetDateTime>| since.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
        ages.due.record(age(delivery::oldest_due(&mut conn, now).await?), &[]);
        for channel in [Channel::Mail, Channel::Bell] {
            let pending = age(delivery::oldest_pending(&mut conn, channel).await?);
            ages.pending.record(pending, &[KeyValue::new("channel", channel.name())]);
        }
        Ok(())
    }

    /// One round of upkeep. `orphans`: also look for raw messages that have no row.
    pub async fn tidy(&self, orphans: bool) -> Result<(), Error> {
        let now = self.clock.now();
        let mut conn = self.db.system().acquire().await?;
        inbound::expire_claims(&mut conn, now - CLAIM_LASTS, now).await?;
        delivery::sweep(&mut conn, now - DELIVERIES_KEPT, PAGE).await?;
        let outdated = inbound::outdated_raw(&mut conn, now, PAGE).await?;
        for (_, blob) in &outdated {
            self.blobs.delete(blob).await?;
        }
        let ids: Vec<_> = outdated.iter().map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            inbound::forget_raw(&mut conn, &ids).await?;
        }
        if orphans {
            drop(conn);
            self.blobs.sweep_lost(PREFIX, now, |ids| inbound::with_raw(self.db.system(), ids)).await?;
        }
        Ok(())
    }
}
