//! What nobody asks for: scanning files, sweeping what has left.

use std::time::Duration;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::run::Boot;
use portico_chassis::scan::{Quarantine, Verdict};
use portico_chassis::{chore, scan};
use uuid::Uuid;

use super::{Inner, Knowledge, attachment};
use crate::config::Config;
use crate::domain::attachment::ScanState;
use crate::domain::ids::AttachmentId;
use crate::store;

/// How often old rows and objects without a row are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Starts both, each on one replica at a time; they end with the intake.
pub(super) fn start(boot: &Boot<Config>, knowledge: &Knowledge) {
    scan::start(boot, &knowledge.db, &knowledge.blobs, boot.config.scanner.clone(), Files(knowledge.clone()));
    let sweeper = knowledge.clone();
    chore::start(boot, &knowledge.db, "sweeper", SWEEP_EVERY, move |_| {
        let sweeper = sweeper.clone();
        async move { sweeper.sweep().await }
    });
}

struct Files(Knowledge);

#[async_trait]
impl Quarantine for Files {
    async fn waiting(&self, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error> {
        store::attachment::waiting(self.0.db.system(), resting, limit).await
    }

    fn path(&self, file: Uuid) -> String {
        attachment::path(AttachmentId::new(file))
    }

    async fn judged(&self, file: Uuid, verdict: Verdict) -> Result<(), Error> {
        let state = match verdict {
            Verdict::Clean => ScanState::Clean,
            Verdict::Infected => ScanState::Infected,
        };
        store::attachment::set_state(self.0.db.system(), AttachmentId::new(file), state).await
    }
}

impl Inner {
    async fn sweep(&self) -> Result<(), Error> {
        let pool = self.db.system();
        store::search_doc::forget(pool).await?;
        store::replica::forget(pool).await?;
        self.blobs.sweep_lost("knowledge", self.clock.now(), |ids| store::attachment::known(pool, ids)).await.map(drop)
    }
}
