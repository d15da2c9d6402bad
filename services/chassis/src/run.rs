//! The life of a process: start, readiness, shutdown in order.
//!
//! Shutdown: not ready → accept a little longer → stop timers and inbox → end streams and drain requests → entities → journal → the
//! relay's last pass → exit, all under 30 seconds.
//!
//! A vital task that panics makes the replica not ready and ends the process: whoever supervises it starts it again, and every task with it.

mod signals;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::signals::{Signals, follow_log};
use crate::auth::{Keys, Revocations, Tokens};
use crate::clock::Clock;
use crate::config::{Common, ServiceConfig};
use crate::inbox::Inboxes;
use crate::random::Random;

/// When a task is told to end; earlier phases end first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Sources of work: timers, inbox, keepers, mailers.
    Intake,
    /// Servers: SSE streams end, requests drain.
    Serve,
    /// Entities drain their mailboxes.
    Entities,
    /// The journal commits what waits.
    Journal,
    /// The relay publishes what was committed.
    Relay,
    /// Operations endpoint and telemetry.
    Last,
}

/// The whole shutdown, from the signal to the exit: a supervisor kills after 30 seconds.
const BUDGET: Duration = Duration::from_secs(28);
/// How long tracing may take to send its last spans, after [`BUDGET`].
const LAST_SPANS: Duration = Duration::from_secs(1);
/// What each phase may take; [`Phase::Serve`] gets what the others and the draining leave of the budget, at most this.
const PHASES: [(Phase, Duration); 6] = [
    (Phase::Intake, Duration::from_secs(4)),
    (Phase::Serve, Duration::from_secs(12)),
    (Phase::Entities, Duration::from_secs(3)),
    (Phase::Journal, Duration::from_secs(2)),
    (Phase::Relay, Duration::from_secs(2)),
    (Phase::Last, Duration::from_secs(1)),
];
/// What a process answers that ended because a vital task panicked: EX_SOFTWARE.
const BROKEN: u8 = 70;

/// Starts tasks and ends them in order. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    phases: BTreeMap<Phase, (TaskTracker, CancellationToken)>,
    readiness: Readiness,
    broken: CancellationToken,
    /// The vital task that broke first.
    culprit: OnceLock<&'static str>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new(Readiness::default())
    }
}

impl Tasks {
    /// No tasks yet; a vital one that breaks makes `readiness` fail.
    pub fn new(readiness: Readiness) -> Self {
        let phases = PHASES.iter().map(|(phase, _)| (*phase, Default::default())).collect();
        Self(Arc::new(Inner { phases, readiness, broken: CancellationToken::new(), culprit: OnceLock::new() }))
    }

    /// Runs a named task that the replica can do without: a connection, an entity. `task` gets the token that tells it to end. A panic ends
    /// this task alone and is logged.
    pub fn spawn<F>(&self, phase: Phase, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.run(phase, name, false, task);
    }

    /// Runs a named task that there is one of and without which the replica is of no use: the journal's writer, an inbox, a follower. Its
    /// panic makes the replica not ready and ends the process ([`Tasks::broken`]).
    pub fn spawn_vital<F>(&self, phase: Phase, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.run(phase, name, true, task);
    }

    #[allow(clippy::disallowed_methods, reason = "the one place where tasks are spawned")]
    fn run<F>(&self, phase: Phase, name: &'static str, vital: bool, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some((tracker, stop)) = self.0.phases.get(&phase) else { return };
        let handle = tokio::spawn(task(stop.clone()));
        let tasks = self.clone();
        tracker.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked");
                if vital {
                    tasks.fail(name);
                }
            }
        });
    }

    /// Says that something vital ended that can't be begun again here; the process ends.
    pub fn fail(&self, name: &'static str) {
        if self.0.culprit.set(name).is_ok() {
            self.0.readiness.set("tasks", Err(format!("{name} broke down")));
            self.0.broken.cancel();
        }
    }

    /// Waits until a vital task breaks; tells which.
    pub async fn broken(&self) -> &'static str {
        self.0.broken.cancelled().await;
        self.0.culprit.get().copied().unwrap_or("a task")
    }

    /// The token of a phase, for servers that take one.
    pub fn stopping(&self, phase: Phase) -> CancellationToken {
        self.0.phases.get(&phase).map(|(_, token)| token.clone()).unwrap_or_default()
    }

    /// Ends all tasks, phase by phase; one that does not end in its time is left behind.
    pub async fn shut_down(&self) {
        self.shut_down_within(BUDGET).await;
    }

    async fn shut_down_within(&self, budget: Duration) {
        let others: Duration = PHASES.iter().filter(|(phase, _)| *phase != Phase::Serve).map(|(_, patience)| *patience).sum();
        for (phase, patience) in PHASES {
            let Some((tracker, stop)) = self.0.phases.get(&phase) else { continue };
            let patience = if phase == Phase::Serve { patience.min(budget.saturating_sub(others)) } else { patience };
            stop.cancel();
            tracker.close();
            if tokio::time::timeout(patience, tracker.wait()).await.is_err() {
                tracing::warn!(?phase, left = tracker.len(), "tasks did not end in time");
            }
        }
    }
}

/// Whether this replica may serve: every named check must have passed last time.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    failing: Arc<Mutex<BTreeMap<&'static str, String>>>,
    draining: Arc<AtomicBool>,
}

impl Readiness {
    /// Declares a check that has not passed yet.
    pub fn expect(&self, check: &'static str) {
        self.set(check, Err("not yet".into()));
    }

    /// Records the result of a check.
    pub fn set(&self, check: &'static str, result: Result<(), String>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => failing.remove(check),
            Err(reason) => failing.insert(check, reason),
        };
    }

    /// From now on never ready again.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// The checks that keep this replica from serving; empty when it is ready.
    pub fn failing(&self) -> Vec<(String, String)> {
        let mut failing: Vec<(String, String)> = self
            .failing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(check, reason)| ((*check).to_owned(), reason.clone()))
            .collect();
        if self.draining.load(Ordering::Acquire) {
            failing.push(("draining".into(), "shutting down".into()));
        }
        failing
    }
}

/// Everything a service starts with.
#[derive(Clone)]
pub struct Boot<C> {
    /// The service's name: `tickets`.
    pub service: &'static str,
    /// What every service is told.
    pub common: Common,
    /// The service's own configuration.
    pub config: C,
    /// Chassis time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Spawns and ends tasks.
    pub tasks: Tasks,
    /// What `/readyz` says.
    pub readiness: Readiness,
    /// This service's keys.
    pub keys: Keys,
    /// Verifies and signs tokens.
    pub tokens: Tokens,
    /// The inboxes of this replica, as they are started.
    pub inboxes: Inboxes,
}

impl<C> Boot<C> {
    /// Puts a start together from a configuration; also what the test kit does.
    pub fn new(service: &'static str, common: Common, config: C, clock: Clock, random: Random) -> anyhow::Result<Self> {
        let keys = Keys::read(&common.keys_dir, service)?;
        let tokens = Tokens::new(keys.clone(), clock.clone(), Revocations::default());
        let readiness = Readiness::default();
        let tasks = Tasks::new(readiness.clone());
        Ok(Self { service, common, config, clock, random, tasks, readiness, keys, tokens, inboxes: Inboxes::default() })
    }
}

/// A started service: where it listens. Dropping it changes nothing; [`Running::stop`] ends it.
#[derive(Debug)]
pub struct Running {
    /// Where gRPC is served, if it is.
    pub grpc: Option<std::net::SocketAddr>,
    /// Where the gateway serves HTTP, if it does.
    pub http: Option<std::net::SocketAddr>,
    /// Where `/healthz`, `/readyz` and `/metrics` are.
    pub operations: Option<std::net::SocketAddr>,
    /// Ends the tasks.
    pub tasks: Tasks,
    /// What `/readyz` says.
    pub readiness: Readiness,
}

impl Running {
    /// Ends the service in order, within 28 seconds; `drain` is how long it keeps accepting after it said that it is not ready, at most
    /// [`crate::config::LONGEST_DRAIN`] seconds.
    pub async fn stop(self, drain: Duration) {
        let drain = drain.min(Duration::from_secs(crate::config::LONGEST_DRAIN));
        self.readiness.drain();
        tokio::time::sleep(drain).await;
        self.tasks.shut_down_within(BUDGET.saturating_sub(drain)).await;
    }
}

/// `main` of a service: configuration, telemetry, start, wait for a signal, shut down. The exit code is 1 when it can't start and 70 when a
/// vital task broke down.
pub fn main<C, F>(service: &'static str, start: impl FnOnce(Boot<C>) -> F) -> ExitCode
where
    C: ServiceConfig,
    F: Future<Output = anyhow::Result<Running>>,
{
    match run(service, start) {
        Ok(code) => code,
        Err(error) => {
            complain(service, &error);
            ExitCode::FAILURE
        }
    }
}

/// The log may not be there yet when the configuration is wrong.
#[allow(clippy::print_stderr, reason = "the only way to tell before the log is set up")]
fn complain(service: &str, error: &anyhow::Error) {
    eprintln!("portico-{service}: {error:#}");
}

fn run<C, F>(service: &'static str, start: impl FnOnce(Boot<C>) -> F) -> anyhow::Result<ExitCode>
where
    C: ServiceConfig,
    F: Future<Output = anyhow::Result<Running>>,
{
    let (common, config) = crate::config::load::<C>()?;
    common.check(service)?;
    config.check()?;
    install_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async move {
        let telemetry = crate::telemetry::start(service, &common)?;
        crate::failpoint::arm();
        #[cfg(feature = "failpoints")]
        crate::next_version::announce();
        let drain = Duration::from_secs(common.drain_seconds);
        let boot = Boot::new(service, common, config, Clock::start(), Random::from_os())?;
        follow_log::<C>(&boot.tasks, telemetry.log_filter())?;
        // Whoever is told to stop while it starts, as in a rolling update that is taken back, just ends.
        let mut signals = Signals::listen()?;
        let running = tokio::select! {
            running = start(boot) => running?,
            () = signals.told() => return Ok(ExitCode::SUCCESS),
        };
        tracing::info!(grpc = ?running.grpc, http = ?running.http, operations = ?running.operations, "started");
        let tasks = running.tasks.clone();
        let code = tokio::select! {
            () = signals.told() => ExitCode::SUCCESS,
            task = tasks.broken() => {
                tracing::error!(task, "the process ends so that it is started again");
                ExitCode::from(BROKEN)
            }
        };
        tracing::info!("stopping");
        running.stop(drain).await;
        // Spans that a dead collector does not take are lost; the exit does not wait for it.
        let _ = tokio::time::timeout(LAST_SPANS, flush(telemetry)).await;
        Ok(code)
    });
    // What did not end in its time is left behind here too.
    runtime.shutdown_background();
    ended
}

async fn flush(telemetry: crate::telemetry::Telemetry) {
    // Sending blocks; it ends with the process at the latest.
    let _ = tokio::task::spawn_blocking(move || telemetry.stop()).await;
}

/// Settles what cryptography TLS uses in this process. Every program and test that makes an HTTP client does it first.
pub fn install_tls() {
    // Fails only when somebody installed one before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_takes_less_than_thirty_seconds_whatever_hangs() {
        for drain in [0, 5, 10, 3600] {
            let tasks = Tasks::default();
            for (phase, _) in PHASES {
                tasks.spawn(phase, "stuck", |_| std::future::pending());
            }
            let running = Running { grpc: None, http: None, operations: None, tasks, readiness: Readiness::default() };
            let begun = tokio::time::Instant::now();
            running.stop(Duration::from_secs(drain)).await;
            assert!(begun.elapsed() + LAST_SPANS < Duration::from_secs(30), "{:?} with {drain} s of draining", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn only_a_vital_task_takes_the_replica_down() {
        let readiness = Readiness::default();
        let tasks = Tasks::new(readiness.clone());
        let panicking = |_| async { assert!(std::hint::black_box(false), "the test asked for it") };
        tasks.spawn(Phase::Entities, "ticket", panicking);
        tokio::time::timeout(Duration::from_millis(50), tasks.broken()).await.unwrap_err();
        assert!(readiness.failing().is_empty());
        tasks.spawn_vital(Phase::Journal, "journal", panicking);
        assert_eq!(tasks.broken().await, "journal");
        assert_eq!(readiness.failing(), [("tasks".to_owned(), "journal broke down".to_owned())]);
    }
}
