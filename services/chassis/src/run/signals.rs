//! What a process is told by signals: to end, or to read the log's filter again.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Phase, Tasks};
use crate::config::ServiceConfig;
use crate::telemetry::LogFilter;

/// SIGTERM and SIGINT, which from `listen` on no longer end the process by themselves.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Takes `log` over from the configuration when the process is told to read it again (SIGHUP). All other keys stay as they were at the start.
pub(super) fn follow_log<C: ServiceConfig>(tasks: &Tasks, filter: LogFilter) -> std::io::Result<()> {
    let mut told = signal(SignalKind::hangup())?;
    tasks.spawn_vital(Phase::Last, "log", move |stop| async move {
        loop {
            tokio::select! {
                heard = told.recv() => if heard.is_none() { return },
                () = stop.cancelled() => return,
            }
            match read_log::<C>(&filter) {
                Ok(log) => tracing::info!(log = %log, "the log's filter was read again"),
                Err(error) => tracing::warn!(%error, "the log's filter stays as it was"),
            }
        }
    });
    Ok(())
}

fn read_log<C: ServiceConfig>(filter: &LogFilter) -> anyhow::Result<String> {
    let (common, _) = crate::config::load::<C>()?;
    // The filter's own complaint would show its text.
    filter
        .set(&common.log)
        .map_err(|_| anyhow::anyhow!("configuration key `log`: expected a filter such as `info,portico_chassis=debug`"))?;
    Ok(common.log)
}
