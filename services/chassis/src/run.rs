//! The life of a process: start, readiness, shutdown in order.
//!
//! Shutdown: not ready → accept a little longer → stop timers and inbox → end streams and drain requests → entities → journal → the
//! relay's last pass → exit, all under 30 seconds.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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

const PHASES: [(Phase, Duration); 6] = [
    (Phase::Intake, Duration::from_secs(5)),
    (Phase::Serve, Duration::from_secs(15)),
    (Phase::Entities, Duration::from_secs(3)),
    (Phase::Journal, Duration::from_secs(2)),
    (Phase::Relay, Duration::from_secs(2)),
    (Phase::Last, Duration::from_secs(1)),
];

/// Starts tasks and ends them in order. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks(Arc<BTreeMap<Phase, (TaskTracker, CancellationToken)>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(Arc::new(PHASES.iter().map(|(phase, _)| (*phase, Default::default())).collect()))
    }
}

impl Tasks {
    /// Runs a named task; `task` gets the token that tells it to end. A panic ends this task alone and is logged.
    #[allow(clippy::disallowed_methods, reason = "the one place where tasks are spawned")]
    pub fn spawn<F>(&self, phase: Phase, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some((tracker, stop)) = self.0.get(&phase) else { return };
        let handle = tokio::spawn(task(stop.clone()));
        tracker.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked");
            }
        });
    }

    /// The token of a phase, for servers that take one.
    pub fn stopping(&self, phase: Phase) -> CancellationToken {
        self.0.get(&phase).map(|(_, token)| token.clone()).unwrap_or_default()
    }

    /// Ends all tasks, phase by phase; one that does not end in its time is left behind.
    pub async fn shut_down(&self) {
        for (phase, patience) in PHASES {
            let Some((tracker, stop)) = self.0.get(&phase) else { continue };
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
        Ok(Self {
            service,
            common,
            config,
            clock,
            random,
            tasks: Tasks::default(),
            readiness: Readiness::default(),
            keys,
            tokens,
            inboxes: Inboxes::default(),
        })
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
    /// Ends the service in order; `drain` is how long it keeps accepting after it said that it is not ready.
    pub async fn stop(self, drain: Duration) {
        self.readiness.drain();
        tokio::time::sleep(drain).await;
        self.tasks.shut_down().await;
    }
}

/// `main` of a service: configuration, telemetry, start, wait for a signal, shut down. The exit code is 1 when it can't start.
pub fn main<C, F>(service: &'static str, start: impl FnOnce(Boot<C>) -> F) -> ExitCode
where
    C: ServiceConfig,
    F: Future<Output = anyhow::Result<Running>>,
{
    match run(service, start) {
        Ok(()) => ExitCode::SUCCESS,
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

fn run<C, F>(service: &'static str, start: impl FnOnce(Boot<C>) -> F) -> anyhow::Result<()>
where
    C: ServiceConfig,
    F: Future<Output = anyhow::Result<Running>>,
{
    let (common, config) = crate::config::load::<C>()?;
    install_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let telemetry = crate::telemetry::start(service, &common)?;
        let drain = Duration::from_secs(common.drain_seconds);
        let boot = Boot::new(service, common, config, Clock::start(), Random::from_os())?;
        let running = start(boot).await?;
        tracing::info!(grpc = ?running.grpc, http = ?running.http, operations = ?running.operations, "started");
        wait_for_signal().await?;
        tracing::info!("stopping");
        running.stop(drain).await;
        telemetry.stop();
        Ok(())
    })
}

/// Settles what cryptography TLS uses in this process. Every program and test that makes an HTTP client does it first.
pub fn install_tls() {
    // Fails only when somebody installed one before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
