//! Starting in the background, and stopping what runs there.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::layout::Layout;
use crate::leftovers;
use crate::status::{Phase, Status};
use crate::terminal;

/// How long a start in the background may take, the demo included.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long a process may take to vanish that was killed.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a stop may take: draining, then PostgreSQL.
const FAREWELL: Duration = Duration::from_secs(90);

/// A supervisor that was killed a moment ago may still be seen for an instant.
async fn is_on_its_way_out(status: &Status) -> bool {
    match &status.supervisor {
        Some(supervisor) => supervisor.gone_within(GRACE).await,
        None => false,
    }
}

/// Starts this program again in the background with the same arguments but without `--detach`, shows what it says, and returns when it is
/// ready.
pub async fn start(layout: &Layout, demo: bool) -> Result<()> {
    if let Some(status) = Status::of_running(layout)
        && !is_on_its_way_out(&status).await
    {
        terminal::say(crate::up::welcome(&status, demo));
        bail!("Portico already runs in {}", layout.data().display());
    }
    let path = layout.run_log();
    let log = OpenOptions::new().create(true).append(true).open(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    log.set_len(0)?;
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--detach");
    let mut child = Command::new(std::env::current_exe().context("this program has no path")?)
        .args(arguments)
        .stdin(Stdio::null())
        // What it says at the end is said here.
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("the background process cannot be started")?;
    let mut progress = File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let end = Instant::now() + PATIENCE;
    loop {
        let exit = child.try_wait()?;
        let ready = Status::of_running(layout)
            .filter(|status| status.phase == Phase::Ready && status.supervisor.as_ref().is_some_and(|identity| identity.pid == child.id()));
        show(&mut progress);
        if let Some(exit) = exit {
            bail!("the start failed ({exit}); {} has what it said", path.display());
        }
        if let Some(status) = ready {
            terminal::say(crate::up::welcome(&status, demo));
            return Ok(());
        }
        if Instant::now() >= end {
            crate::process::send(child.id(), Signal::TERM);
            bail!("not ready after {} s; {} has what it said", PATIENCE.as_secs(), path.display());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Passes on what was said since the last time.
fn show(progress: &mut File) {
    let mut said = Vec::new();
    if progress.read_to_end(&mut said).is_ok() {
        let _ = std::io::stderr().lock().write_all(&said);
    }
}

/// Stops the stack of a layout, or what a killed one left behind; false when there is neither.
pub async fn stop(layout: &Layout) -> Result<bool> {
    let Some(supervisor) = leftovers::supervisor(layout) else {
        // Held meanwhile, so that nothing is started between the look and the end.
        let _lock = leftovers::lock(layout).await?;
        let ended = leftovers::end(layout).await?;
        let _ = std::fs::remove_file(layout.processes());
        return Ok(!ended.is_empty());
    };
    supervisor.signal(Signal::TERM);
    if !supervisor.gone_within(FAREWELL).await {
        bail!("the supervisor (process {}) did not end within {} s", supervisor.pid, FAREWELL.as_secs());
    }
    // It may have been killed, or told twice to stop, before it was done. Without the lock the next start is at it already.
    if let Ok(_lock) = leftovers::lock(layout).await {
        leftovers::end(layout).await?;
    }
    Ok(true)
}
