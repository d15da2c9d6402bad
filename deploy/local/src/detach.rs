//! Starting in the background, and stopping what runs there.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::layout::Layout;
use crate::status::{Phase, Status};
use crate::terminal;

/// How long a start in the background may take, the demo included.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long a stop may take: draining, then PostgreSQL.
const FAREWELL: Duration = Duration::from_secs(90);

/// Starts this program again in the background with the same arguments but without `--detach`, and waits until it is ready.
pub async fn start(layout: &Layout, demo: bool) -> Result<()> {
    if let Some(status) = Status::of_running(layout)? {
        terminal::say(crate::up::welcome(&status, demo));
        bail!("Portico already runs in {}", layout.data().display());
    }
    let path = layout.data().join("run.log");
    let log = std::fs::File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--detach");
    let mut child = Command::new(std::env::current_exe().context("this program has no path")?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("the background process cannot be started")?;
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(exit) = child.try_wait()? {
            bail!("the start failed ({exit}):\n{}", std::fs::read_to_string(&path).unwrap_or_default());
        }
        let status =
            Status::of_running(layout)?.filter(|status| status.supervisor.as_ref().is_some_and(|identity| identity.pid == child.id()));
        if let Some(status) = status
            && status.phase == Phase::Ready
        {
            terminal::say(crate::up::welcome(&status, demo));
            return Ok(());
        }
        if Instant::now() >= end {
            crate::process::send(child.id(), Signal::TERM);
            bail!("not ready after {} s:\n{}", PATIENCE.as_secs(), std::fs::read_to_string(&path).unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Stops the stack of a layout; false when none runs.
pub async fn stop(layout: &Layout) -> Result<bool> {
    let Some(supervisor) = Status::of_running(layout)?.and_then(|status| status.supervisor) else { return Ok(false) };
    supervisor.signal(Signal::TERM);
    if !supervisor.gone_within(FAREWELL).await {
        bail!("the supervisor (process {}) did not end within {} s", supervisor.pid, FAREWELL.as_secs());
    }
    Ok(true)
}
