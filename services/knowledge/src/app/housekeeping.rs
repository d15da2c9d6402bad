//! What nobody asks for: scanning files, sweeping what has left.

use std::time::Duration;

use futures_util::TryStreamExt;
use portico_chassis::error::Error;
use portico_chassis::lease::Lease;
use portico_chassis::run::{Boot, Phase};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Inner, Knowledge, attachment};
use crate::domain::attachment::ScanState;
use crate::domain::ids::AttachmentId;
use crate::store;

/// How long a new file waits for the scanner at most.
const SCAN_EVERY: Duration = Duration::from_millis(500);
/// Files in one pass.
const SCAN_PAGE: i64 = 16;
/// How often old rows and objects without a row are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// An object without a row is left alone for this long: its entry may be on its way, and in a folder it is as old as its upload, which may be
/// claimed for a day.
const GRACE: time::Duration = time::Duration::days(3);
/// The test string that every scanner knows; it is harmless and stands for what is not (S55).
const EICAR: &[u8] = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!";

/// Starts both, each on one replica at a time; they end with the intake.
pub(super) fn start<C>(boot: &Boot<C>, knowledge: &Knowledge) {
    let lease = |name: &str| Lease::new(knowledge.db.system().clone(), name, boot.common.replica.clone());
    let (scanner, scan_lease) = (knowledge.clone(), lease("scanner"));
    boot.tasks.spawn_vital(Phase::Intake, "scanner", move |stop| async move {
        while pause(SCAN_EVERY, &stop).await {
            if let Err(error) = held(&scan_lease, scanner.scan()).await {
                tracing::debug!(%error, "files wait to be scanned");
            }
        }
        give_back(&scan_lease).await;
    });
    let (sweeper, sweep_lease) = (knowledge.clone(), lease("sweeper"));
    boot.tasks.spawn_vital(Phase::Intake, "sweeper", move |stop| async move {
        while pause(SWEEP_EVERY, &stop).await {
            if let Err(error) = held(&sweep_lease, sweeper.sweep()).await {
                tracing::warn!(%error, "the sweep is put off");
            }
        }
        give_back(&sweep_lease).await;
    });
}

/// Does the work if this replica has the lease.
pub(super) async fn held(lease: &Lease, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    if lease.hold().await?.is_some() { work.await } else { Ok(()) }
}

impl Inner {
    async fn scan(&self) -> Result<(), Error> {
        for id in store::attachment::waiting(self.db.system(), SCAN_PAGE).await? {
            let state = match self.look(id).await {
                Ok(state) => state,
                // Without its object a file can't be downloaded anyway; it must not keep the others waiting.
                Err(Error::NotFound { .. }) => ScanState::Infected,
                Err(error) => return Err(error),
            };
            store::attachment::set_state(self.db.system(), id, state).await?;
        }
        Ok(())
    }

    /// Reads the content once; the tail of each chunk is kept, because the string may lie across two.
    async fn look(&self, id: AttachmentId) -> Result<ScanState, Error> {
        let mut content = self.blobs.get(&attachment::path(id)).await?;
        let mut window: Vec<u8> = Vec::new();
        while let Some(chunk) = content.try_next().await? {
            window.extend_from_slice(&chunk);
            if window.windows(EICAR.len()).any(|part| part == EICAR) {
                return Ok(ScanState::Infected);
            }
            let keep = window.len().saturating_sub(EICAR.len() - 1);
            window.drain(..keep);
        }
        Ok(ScanState::Clean)
    }

    async fn sweep(&self) -> Result<(), Error> {
        let pool = self.db.system();
        store::search_doc::forget(pool).await?;
        store::replica::forget(pool).await?;
        let known = store::attachment::all(pool).await?;
        let has_row =
            |path: &str| path.rsplit('/').next().and_then(|name| Uuid::try_parse(name).ok()).is_some_and(|id| known.contains(&id));
        self.blobs.sweep("knowledge", self.clock.now() - GRACE, has_row).await?;
        Ok(())
    }
}

/// Waits; false when it is time to end.
pub(super) async fn pause(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = stop.cancelled() => false,
    }
}

/// So that another replica need not wait until it runs out.
async fn give_back(lease: &Lease) {
    if let Err(error) = lease.release().await {
        tracing::debug!(%error, "a lease runs out by itself");
    }
}
