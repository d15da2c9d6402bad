//! What nobody asks for: scanning files, sweeping objects that lost their row.

use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use portico_chassis::blobs::Blobs;
use portico_chassis::clock::Clock;
use portico_chassis::db::Db;
use portico_chassis::error::Error;
use portico_chassis::lease::Lease;
use portico_chassis::run::{Boot, Phase};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::upload::path;
use crate::domain::ids::AttachmentId;
use crate::domain::kinds::ScanState;
use crate::store;

/// How often new files are looked for: also about how long a file waits at most.
const SCAN_EVERY: Duration = Duration::from_millis(500);
/// Files in one pass.
const SCAN_PAGE: i64 = 16;
/// How long the scanner may take for one file.
const SCAN_PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of one chunk to the scanner.
const CHUNK: usize = 64 * 1024;
/// How often objects without a row are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// An object without a row is left alone for this long: its entry may be on its way, and in a folder it is as old as its upload, which may be
/// claimed for a day.
const GRACE: time::Duration = time::Duration::days(3);

/// Starts both, each on one replica at a time; they end with the intake. Without a scanner no file waits for one.
pub fn start<C>(boot: &Boot<C>, db: &Db, blobs: &Blobs, scanner: Option<String>) {
    let keeper = Keeper { db: db.clone(), blobs: blobs.clone(), clock: boot.clock.clone() };
    let lease = |name: &str| Lease::new(db.system().clone(), name, boot.common.replica.clone());
    if let Some(address) = scanner {
        let (scans, lease) = (keeper.clone(), lease("scanner"));
        boot.tasks.spawn_vital(Phase::Intake, "scanner", move |stop| scans.scan_forever(address, lease, stop));
    }
    let lease = lease("sweeper");
    boot.tasks.spawn_vital(Phase::Intake, "sweeper", move |stop| keeper.sweep_forever(lease, stop));
}

#[derive(Clone)]
struct Keeper {
    db: Db,
    blobs: Blobs,
    clock: Clock,
}

impl Keeper {
    /// With the scanner down every file stays quarantined, and tickets work (S55).
    async fn scan_forever(self, address: String, lease: Lease, stop: CancellationToken) {
        while pause(SCAN_EVERY, &stop).await {
            let scanned = async { if lease.hold().await?.is_some() { self.scan(&address).await } else { Ok(()) } };
            if let Err(error) = scanned.await {
                tracing::warn!(%error, "files wait to be scanned");
            }
        }
        give_back(&lease).await;
    }

    async fn scan(&self, address: &str) -> Result<(), Error> {
        for row in store::attachment::quarantined(self.db.system(), SCAN_PAGE).await? {
            let id = AttachmentId::new(row.id);
            let look = tokio::time::timeout(SCAN_PATIENCE, self.look(address, id)).await;
            let state = match look.map_err(|_| Error::Unavailable("the scanner"))? {
                Ok(state) => state,
                // Without its object a file can't be downloaded anyway; it must not keep the others waiting.
                Err(Error::NotFound { .. }) => ScanState::Infected,
                Err(error) => return Err(error),
            };
            store::attachment::scanned(self.db.system(), id, state).await?;
        }
        Ok(())
    }

    /// clamd's INSTREAM: chunks, each after its length, until one of length 0; the answer ends in `OK` or `FOUND`.
    async fn look(&self, address: &str, id: AttachmentId) -> Result<ScanState, Error> {
        let down = |_| Error::Unavailable("the scanner");
        let mut content = self.blobs.get(&path(id)).await?;
        let mut scanner = TcpStream::connect(address).await.map_err(down)?;
        scanner.write_all(b"zINSTREAM\0").await.map_err(down)?;
        while let Some(bytes) = content.try_next().await? {
            for chunk in bytes.chunks(CHUNK) {
                send(&mut scanner, chunk).await.map_err(down)?;
            }
        }
        send(&mut scanner, &Bytes::new()).await.map_err(down)?;
        let mut answer = Vec::new();
        scanner.take(4096).read_to_end(&mut answer).await.map_err(down)?;
        verdict(&answer)
    }

    async fn sweep_forever(self, lease: Lease, stop: CancellationToken) {
        while pause(SWEEP_EVERY, &stop).await {
            let swept = async { if lease.hold().await?.is_some() { self.sweep().await } else { Ok(()) } };
            if let Err(error) = swept.await {
                tracing::warn!(%error, "the sweep is put off");
            }
        }
        give_back(&lease).await;
    }

    async fn sweep(&self) -> Result<(), Error> {
        let known = store::attachment::ids(self.db.system()).await?;
        let has_row =
            |path: &str| path.rsplit('/').next().and_then(|name| Uuid::try_parse(name).ok()).is_some_and(|id| known.contains(&id));
        let swept = self.blobs.sweep("tickets", self.clock.now() - GRACE, has_row).await?;
        if swept > 0 {
            tracing::info!(swept, "objects without a row were swept");
        }
        Ok(())
    }
}

async fn send(scanner: &mut TcpStream, chunk: &[u8]) -> std::io::Result<()> {
    scanner.write_u32(u32::try_from(chunk.len()).unwrap_or(0)).await?;
    scanner.write_all(chunk).await
}

fn verdict(answer: &[u8]) -> Result<ScanState, Error> {
    let text = String::from_utf8_lossy(answer);
    match text.trim_matches(['\0', '\n', ' ']) {
        text if text.ends_with("FOUND") => Ok(ScanState::Infected),
        text if text.ends_with("OK") => Ok(ScanState::Clean),
        _ => Err(Error::Unavailable("the scanner")),
    }
}

/// Waits; false when it is time to end.
async fn pause(time: Duration, stop: &CancellationToken) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_that_says_neither_leaves_the_file_waiting() {
        assert_eq!(verdict(b"stream: OK\0"), Ok(ScanState::Clean));
        assert_eq!(verdict(b"stream: Eicar-Test-Signature FOUND\0"), Ok(ScanState::Infected));
        assert!(verdict(b"INSTREAM size limit exceeded. ERROR\0").is_err());
        assert!(verdict(b"").is_err());
    }
}
