//! What a supervisor leaves behind that was killed: its lock says who it was, the record of processes who its children are.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::layout::Layout;
use crate::process::Identity;
use crate::status::{Status, orphans};
use crate::{postgres, terminal};

/// How long an orphan of an earlier start may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);

/// Times that a lock in other hands is looked at again, 50 ms apart.
const LOCK_TRIES: u32 = 30;

/// Makes this process the one supervisor of a data folder: the lock goes with the process, however it ends.
pub async fn lock(layout: &Layout) -> Result<File> {
    let mut file =
        File::options().create(true).truncate(false).write(true).open(layout.lock()).context("the lock file cannot be opened")?;
    let former = locked(layout);
    let mut tries = LOCK_TRIES;
    while let Err(error) = file.try_lock() {
        let std::fs::TryLockError::WouldBlock = error else { return Err(error).context("the lock cannot be taken") };
        // A supervisor that was killed a moment ago may still be on its way out, with the lock in its hand.
        if tries == 0 {
            bail!("Portico already runs in {}; `./run --status` tells where, `./run --stop` ends it", layout.data().display())
        }
        tries -= 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if let Some(former) = former.filter(|former| former.pid != std::process::id()) {
        // A killed process lets go of one thing after the other; the public port may come after the lock.
        former.gone_within(PATIENCE).await;
    }
    file.set_len(0)?;
    file.write_all(&serde_json::to_vec(&Identity::of(std::process::id()))?).context("the lock file cannot be written")?;
    Ok(file)
}

/// The supervisor that runs in a layout, also when its status cannot be read.
pub fn supervisor(layout: &Layout) -> Option<Identity> {
    let told = || Status::read(layout).and_then(|status| status.supervisor);
    locked(layout).filter(Identity::alive).or_else(|| told().filter(Identity::alive))
}

/// Who took the lock last.
fn locked(layout: &Layout) -> Option<Identity> {
    std::fs::read(layout.lock()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

/// Ends what a killed supervisor left behind; returns the names. The caller holds the lock, or the supervisor has just ended.
///
/// Services are built to be killed; PostgreSQL is asked first.
pub async fn end(layout: &Layout) -> Result<Vec<String>> {
    let mut found = orphans(layout);
    if let Some(postmaster) = postgres::leftover(layout)
        && !found.iter().any(|(_, orphan)| orphan.pid == postmaster.pid)
    {
        found.push(("postgres".to_owned(), postmaster));
    }
    for (name, orphan) in &found {
        terminal::note(format!("ending {name} (process {}) of an earlier start", orphan.pid));
        orphan.signal(if name == "postgres" { Signal::INT } else { Signal::KILL });
    }
    for (name, orphan) in &found {
        if !orphan.gone_within(PATIENCE).await {
            orphan.signal(if name == "postgres" { Signal::QUIT } else { Signal::KILL });
            if !orphan.gone_within(PATIENCE).await {
                bail!("process {} ({name}) of an earlier start does not end", orphan.pid);
            }
        }
    }
    // Their postmaster is gone: what they had not committed is rolled back at the next start, whichever way they end.
    let backends = postgres::backends(layout);
    for backend in &backends {
        backend.signal(Signal::QUIT);
    }
    for backend in &backends {
        if !backend.gone_within(PATIENCE).await {
            backend.signal(Signal::KILL);
            backend.gone_within(PATIENCE).await;
        }
    }
    Ok(found.into_iter().map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::write_atomically;
    use crate::status::Registry;

    fn layout(folder: &tempfile::TempDir) -> Layout {
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        layout.prepare().unwrap();
        layout
    }

    #[tokio::test]
    async fn the_lock_says_who_runs_when_the_status_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(&folder);
        assert_eq!(supervisor(&layout), None);
        let _lock = lock(&layout).await.unwrap();
        write_atomically(&layout.status(), b"{\"phase\": \"of another version\"}", 0o600).unwrap();
        assert_eq!(supervisor(&layout).unwrap().pid, std::process::id());
        assert!(Status::of_running(&layout).is_none());
        assert!(lock(&layout).await.unwrap_err().to_string().contains("already runs"));
    }

    #[tokio::test]
    async fn children_of_a_killed_supervisor_are_found_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(&folder);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        Registry::new(&layout).born("tickets", Some(child.id()));
        // Nobody waits for the child but this test: as an orphan's parent would, it collects it.
        let collected = tokio::task::spawn_blocking(move || child.wait());
        assert_eq!(end(&layout).await.unwrap(), ["tickets"]);
        assert!(!collected.await.unwrap().unwrap().success());
        assert_eq!(end(&layout).await.unwrap(), Vec::<String>::new());
    }
}
