//! What time does: claims expire, raw messages and old deliveries go, the oldest due delivery is measured.

use std::time::Duration;

use portico_chassis::error::Error;
use portico_chassis::run::Phase;
use portico_chassis::telemetry;
use tokio_util::sync::CancellationToken;

use super::App;
use super::inbound::PREFIX;
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
    let age = telemetry::meter()
        .f64_gauge("portico.notifier.oldest_due")
        .with_unit("s")
        .with_description("How long the oldest due delivery has waited.")
        .build();
    let mut rounds = 0u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        match app.oldest_due_age().await {
            Ok(seconds) => age.record(seconds, &[]),
            Err(error) => tracing::debug!(%error, "the oldest delivery could not be measured"),
        }
        rounds = rounds.wrapping_add(1);
        if let Err(error) = app.tidy(rounds.is_multiple_of(SWEEP_EVERY)).await {
            tracing::warn!(%error, "old rows or messages could not be removed");
        }
    }
}

impl App {
    async fn oldest_due_age(&self) -> Result<f64, Error> {
        let mut conn = self.db.system().acquire().await?;
        let now = self.clock.now();
        Ok(delivery::oldest_due(&mut conn, now).await?.map_or(0.0, |due| (now - due).as_seconds_f64().max(0.0)))
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
