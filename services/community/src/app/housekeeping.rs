//! What nobody asks for: scanning files, sweeping what has left.

use std::time::Duration;

use async_trait::async_trait;
use portico_chassis::blobs::Blobs;
use portico_chassis::clock::Clock;
use portico_chassis::db::Db;
use portico_chassis::error::Error;
use portico_chassis::run::Boot;
use portico_chassis::scan::{Quarantine, Verdict};
use portico_chassis::uuid::Uuid;
use portico_chassis::{chore, scan};

use super::attachment;
use crate::config::Config;
use crate::domain::attachment::ScanState;
use crate::domain::ids::AttachmentId;
use crate::store;

/// How often old rows and objects without a row are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// An object without a row is left alone for this long: its entry may be on its way, and in a folder it is as old as its upload, which may be
/// claimed for a day.
const GRACE: time::Duration = time::Duration::days(3);

/// Starts both, each on one replica at a time; they end with the intake.
pub fn start(boot: &Boot<Config>, db: &Db, blobs: &Blobs) {
    scan::start(boot, db, blobs, boot.config.scanner.clone(), Files { db: db.clone() });
    let sweeper = Sweeper { db: db.clone(), blobs: blobs.clone(), clock: boot.clock.clone() };
    chore::start(boot, db, "sweeper", SWEEP_EVERY, move |_| sweeper.clone().sweep());
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

#[derive(Clone)]
struct Sweeper {
    db: Db,
    blobs: Blobs,
    clock: Clock,
}

impl Sweeper {
    async fn sweep(self) -> Result<(), Error> {
        let now = self.clock.now();
        store::housekeeping::sweep(self.db.system(), now).await?;
        let known = store::scan::all(self.db.system()).await?;
        let has_row =
            |path: &str| path.rsplit('/').next().and_then(|name| Uuid::try_parse(name).ok()).is_some_and(|id| known.contains(&id));
        self.blobs.sweep("community", now - GRACE, has_row).await?;
        Ok(())
    }
}
