//! `portico up`: starts everything, keeps it running, and stops it in the right order.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::balancer::Balancer;
use crate::demo;
use crate::health;
use crate::keys;
use crate::layout::Layout;
use crate::mail::{page, shelf::Shelf, smtp};
use crate::nats::Broker;
use crate::ports::{Ports, local};
use crate::postgres::Cluster;
use crate::secrets::Secrets;
use crate::services::{BACKENDS, Fleet, GATEWAY, Shared};
use crate::status::{Phase, Registry, Status, orphans};
use crate::supervisor::Supervisor;
use crate::terminal::{self, Step};

/// How long the services may take to become ready: a first start migrates five databases.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long an orphan of an earlier start may take to leave.
const ORPHAN: Duration = Duration::from_secs(5);

/// What a start is asked for.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Where the six programs are.
    pub programs: PathBuf,
    /// The public port, if one was asked for.
    pub port: Option<u16>,
    /// How many processes each service has.
    pub replicas: u8,
    /// Whether the demo is seeded.
    pub demo: bool,
    /// Forget all data first.
    pub fresh: bool,
    /// Only PostgreSQL and NATS, without guarantees for their data: for tests that bring up single services.
    pub servers_only: bool,
}

/// A stack that runs.
#[derive(Debug)]
struct Stack {
    registry: Arc<Registry>,
    supervisor: Supervisor,
    /// The catcher, the balancer, the broker's guard: they end when this is dropped.
    helpers: JoinSet<()>,
}

/// Starts a stack and returns when it was told to stop and all of it has ended.
pub async fn run(layout: Layout, wishes: Wishes) -> Result<()> {
    let _lock = lock(&layout)?;
    end_orphans(&layout).await?;
    if wishes.fresh {
        layout.forget()?;
    }
    layout.prepare()?;
    let registry = Arc::new(Registry::new(&layout));
    registry.update(|status| status.phase = Phase::Starting);
    let supervisor = Supervisor::new(Arc::clone(&registry));
    let mut stack = Stack { registry: Arc::clone(&registry), supervisor, helpers: JoinSet::new() };
    let mut interrupt = Interrupts::listen()?;
    let outcome = tokio::select! {
        outcome = stack.rise(&layout, &wishes) => outcome,
        () = interrupt.next() => Err(anyhow::anyhow!("stopped while starting")),
    };
    if let Err(error) = &outcome {
        registry.update(|status| {
            status.phase = Phase::Failed;
            status.problem = Some(format!("{error:#}"));
        });
    } else {
        interrupt.next().await;
    }
    terminal::note("stopping …");
    tokio::select! {
        () = stack.fall() => terminal::note("stopped; the data are kept"),
        () = interrupt.next() => bail!("stopped the hard way; the next start recovers"),
    }
    let _ = std::fs::remove_file(layout.processes());
    if outcome.is_ok() {
        let _ = std::fs::remove_file(layout.status());
    }
    outcome
}

/// Only one supervisor a data folder: the lock goes with the process, however it ends.
fn lock(layout: &Layout) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(layout.lock()).context("the lock file cannot be opened")?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!("Portico already runs in {}; `./run --status` tells where, `./run --stop` ends it", layout.data().display())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error).context("the lock cannot be taken"),
    }
}

/// Ends what a killed supervisor left behind. Services are built to be killed; PostgreSQL is asked first.
async fn end_orphans(layout: &Layout) -> Result<()> {
    let found = orphans(layout);
    for (name, orphan) in &found {
        terminal::note(format!("ending {name} (process {}) of an earlier start", orphan.pid));
        orphan.signal(if name == "postgres" { Signal::INT } else { Signal::KILL });
    }
    for (name, orphan) in &found {
        if !orphan.gone_within(ORPHAN).await {
            orphan.signal(if name == "postgres" { Signal::QUIT } else { Signal::KILL });
            if !orphan.gone_within(ORPHAN).await {
                bail!("process {} ({name}) of an earlier start does not end", orphan.pid);
            }
        }
    }
    Ok(())
}

impl Stack {
    async fn rise(&mut self, layout: &Layout, wishes: &Wishes) -> Result<()> {
        let begun = Instant::now();
        let secrets = Secrets::open(layout)?;
        let mut ports = Ports::new(layout);
        let public = ports.take_public(wishes.port.unwrap_or(8080), wishes.port.is_some())?;
        let fleet = Fleet::plan(wishes.replicas, public, &mut ports)?;
        let client = health::client()?;

        let step = Step::begin("PostgreSQL and NATS");
        let broker = Broker::prepare(layout, ports.take()?, ports.take()?)?;
        self.supervisor.start(broker.plan(layout));
        let (mail, smtp) = self.catch_mail(layout, &mut ports).await?;
        let cluster = Cluster::prepare(layout, &secrets, ports.take()?).await?;
        self.supervisor.start(cluster.plan(layout, !wishes.servers_only));
        let databases: &[&str] = if wishes.servers_only { &[] } else { &BACKENDS };
        cluster.make_databases(databases, &secrets).await?;
        broker.ready(&client, PATIENCE).await?;
        step.done();
        if wishes.servers_only {
            self.registry.update(|status| {
                status.nats = broker.url();
                status.postgres.insert("superuser".to_owned(), cluster.superuser_dsn());
                status.phase = Phase::Ready;
            });
            return Ok(());
        }

        let step = Step::begin("the services");
        let shared = share(wishes, &secrets, &cluster, &broker, &smtp, public)?;
        self.registry.update(|status| announce(status, layout, &fleet, &broker, &shared, &mail, &secrets));
        for replica in fleet.replicas() {
            self.supervisor.start(fleet.supervise(replica, &shared, layout));
        }
        if wishes.replicas > 1 {
            self.balance(&fleet, public).await?;
        }
        self.helpers.spawn(broker.clone().guard(self.supervisor.clone()));
        for (process, url) in fleet.operations() {
            health::wait_for(&client, &process, &format!("{url}/readyz"), PATIENCE).await?;
        }
        step.done();
        terminal::note(format!("Portico is ready after {:.1} s", begun.elapsed().as_secs_f64()));

        if wishes.demo {
            self.registry.update(|status| status.phase = Phase::Seeding);
            demo::seed(layout, &self.registry.status()).await.context("the demo cannot be seeded")?;
        }
        self.registry.update(|status| status.phase = Phase::Ready);
        terminal::say(welcome(&self.registry.status(), wishes.demo));
        Ok(())
    }

    async fn catch_mail(&mut self, layout: &Layout, ports: &mut Ports) -> Result<(String, String)> {
        let shelf = Shelf::open(&layout.mail())?;
        let (page_listener, smtp_listener) = (ports.listen().await?, ports.listen().await?);
        let (page_address, smtp_address) = (page_listener.local_addr()?, smtp_listener.local_addr()?);
        self.helpers.spawn(smtp::serve(smtp_listener, shelf.clone()));
        self.helpers.spawn(async move {
            if let Err(error) = axum::serve(page_listener, page::routes(shelf)).await {
                terminal::note(format!("mail page: {error}"));
            }
        });
        Ok((format!("http://{page_address}"), format!("smtp://{smtp_address}")))
    }

    async fn balance(&mut self, fleet: &Fleet, public: u16) -> Result<()> {
        let listener = TcpListener::bind(local(public)).await.context("the public port is taken")?;
        let operations = fleet.operations();
        let gateways = fleet.replicas().iter().filter(|replica| replica.service == GATEWAY);
        let backends: Vec<(u16, String)> =
            gateways.filter_map(|replica| Some((replica.http?, format!("{}/readyz", operations.get(&replica.process)?)))).collect();
        self.helpers.spawn(Balancer::new(backends).serve(listener));
        Ok(())
    }

    /// First the public face, then the services, then what they stand on.
    async fn fall(&mut self) {
        self.supervisor.stop(|name| name.starts_with(GATEWAY)).await;
        self.supervisor.stop(|name| name != "nats" && name != "postgres").await;
        self.supervisor.stop(|name| name == "nats").await;
        self.supervisor.stop(|_| true).await;
        self.helpers.shutdown().await;
    }
}

fn share(wishes: &Wishes, secrets: &Secrets, cluster: &Cluster, broker: &Broker, smtp: &str, public: u16) -> Result<Shared> {
    let mut services: Vec<&str> = BACKENDS.to_vec();
    services.push(GATEWAY);
    let databases = BACKENDS.iter().map(|service| Ok(((*service).to_owned(), cluster.dsn(service, secrets)?))).collect::<Result<_>>()?;
    let secret_files = services.iter().map(|service| Ok(((*service).to_owned(), secrets.file(service)?))).collect::<Result<_>>()?;
    Ok(Shared {
        programs: wishes.programs.clone(),
        nats: broker.url(),
        databases,
        smtp: smtp.to_owned(),
        public: format!("http://{}", local(public)),
        operator_token_file: secrets.file("operator")?,
        secret_files,
        keys: keys::prepare(secrets.folder(), &services)?,
        drain_seconds: if wishes.replicas > 1 { 1 } else { 0 },
    })
}

fn announce(status: &mut Status, layout: &Layout, fleet: &Fleet, broker: &Broker, shared: &Shared, mail: &str, secrets: &Secrets) {
    status.public.clone_from(&shared.public);
    status.operations = fleet.operations();
    status.grpc = fleet.grpc();
    status.nats = broker.url();
    status.nats_monitor = broker.monitor_url();
    status.nats_data_dir = layout.nats();
    status.postgres.clone_from(&shared.databases);
    mail.clone_into(&mut status.mail);
    status.mail_dir = layout.mail();
    status.smtp.clone_from(&shared.smtp);
    status.data_dir = layout.data().to_path_buf();
    status.cli = layout.checkout().join("portico").display().to_string();
    status.operator_token = secrets.text("operator").unwrap_or_default();
}

/// What a person needs to begin.
pub fn welcome(status: &Status, demo: bool) -> String {
    let public = &status.public;
    let mut lines = vec![String::new(), "Portico runs.".to_owned(), String::new()];
    if demo {
        lines.push(format!("  Portal  {public}/portal/demo"));
        lines.push(format!("  Desk    {public}/desk/demo"));
    } else {
        lines.push(format!("  Portals {public}/"));
    }
    lines.push(format!("  API     {public}/api/docs"));
    lines.push(format!("  Mail    {}", status.mail));
    if demo {
        lines.push(String::new());
        lines.push(format!("  Demo accounts (password {}):", demo::PASSWORD));
        for person in demo::PEOPLE {
            lines.push(format!("    {:<18} {}", person.email, person.note));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Ctrl-C and the polite kill.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// A closed terminal does not end a detached stack.
    _hangup: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
