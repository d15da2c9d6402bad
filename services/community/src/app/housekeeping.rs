//! What nobody asks for: scanning files, sweeping what has left.

use std::time::Duration;

use async_trait::async_trait;
use portico_chassis::blobs::Blobs;
use portico_chassis::db::Db;
use portico_chassis::error::Error;
use portico_chassis::run::Boot;
use portico_chassis::scan::{Quarantine, Verdict};
use portico_chassis::uuid::Uuid;
use portico_chassis::{chore, scan};
use sqlx::PgPool;
use time::OffsetDateTime;

use super::attachment;
use crate::config::Config;
use crate::domain::attachment::ScanState;
use crate::domain::ids::AttachmentId;
use crate::store;

/// How often old rows and objects without a row are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Starts both, each on one replica at a time; they end with the intake.
pub fn start(boot: &Boot<Config>, db: &Db, blobs: &Blobs) {
    scan::start(boot, db, blobs, boot.config.scanner.clone(), Files { db: db.clone() });
    let (pool, blobs, clock) = (db.system().clone(), blobs.clone(), boot.clock.clone());
    chore::start(boot, db, "sweeper", SWEEP_EVERY, move |_| sweep(pool.clone(), blobs.clone(), clock.now()));
}

struct Files {
    db: Db,
}

#[async_trait]
impl Quarantine for Files {
    async fn waiting(&self, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error> {
        store::scan::waiting(self.db.system(), resting, limit).await
    }

    fn path(&self, file: Uuid) -> String {
        attachment::path(AttachmentId::new(file))
    }

    async fn judged(&self, file: Uuid, verdict: Verdict) -> Result<(), Error> {
        let state = match verdict {
            Verdict::Clean => ScanState::Clean,
            Verdict::Infected => ScanState::Infected,
        };
        store::scan::set(self.db.system(), AttachmentId::new(file), state).await
    }
}

async fn sweep(pool: PgPool, blobs: Blobs, now: OffsetDateTime) -> Result<(), Error> {
    store::housekeeping::sweep(&pool, now).await?;
    blobs.sweep_lost("community", now, |ids| store::scan::known(&pool, ids)).await.map(drop)
}
