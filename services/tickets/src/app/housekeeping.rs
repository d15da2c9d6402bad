//! What nobody asks for: scanning files, sweeping objects that lost their row.

use std::time::Duration;

use async_trait::async_trait;
use portico_chassis::blobs::Blobs;
use portico_chassis::db::Db;
use portico_chassis::error::Error;
use portico_chassis::run::Boot;
use portico_chassis::scan::{Quarantine, Verdict};
use portico_chassis::{chore, scan};
use uuid::Uuid;

use super::upload::path;
use crate::config::Config;
use crate::domain::ids::AttachmentId;
use crate::domain::kinds::ScanState;
use crate::store;

/// How often objects without a row are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Starts both, each on one replica at a time; they end with the intake.
pub fn start(boot: &Boot<Config>, db: &Db, blobs: &Blobs) {
    scan::start(boot, db, blobs, boot.config.scanner.clone(), Files { db: db.clone() });
    let (pool, blobs, clock) = (db.system().clone(), blobs.clone(), boot.clock.clone());
    chore::start(boot, db, "sweeper", SWEEP_EVERY, move |_| {
        let (pool, blobs, now) = (pool.clone(), blobs.clone(), clock.now());
        async move { blobs.sweep_lost("tickets", now, |ids| store::attachment::known(&pool, ids)).await.map(drop) }
    });
}

struct Files {
    db: Db,
}

#[async_trait]
impl Quarantine for Files {
    async fn waiting(&self, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error> {
        store::attachment::quarantined(self.db.system(), resting, limit).await
    }

    fn path(&self, file: Uuid) -> String {
        path(AttachmentId::new(file))
    }

    async fn judged(&self, file: Uuid, verdict: Verdict) -> Result<(), Error> {
        let state = match verdict {
            Verdict::Clean => ScanState::Clean,
            Verdict::Infected => ScanState::Infected,
        };
        store::attachment::scanned(self.db.system(), AttachmentId::new(file), state).await
    }
}
