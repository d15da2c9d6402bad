//! `portico up`: starts everything, keeps it running, and stops it in the right order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::balancer::Balancer;
use crate::demo;
use crate::health;
use crate::keys;
use crate::layout::Layout;
use crate::leftovers;
use crate::mail::{page, shelf::Shelf, smtp};
use crate::nats::Broker;
use crate::ports::Ports;
use crate::postgres::Cluster;
use crate::secrets::Secrets;
use crate::services::{BACKENDS, Fleet, GATEWAY, Shared};
use crate::status::{Phase, Registry, Status};
use crate::supervisor::Supervisor;
use crate::terminal::{self, Step};
use crate::upkeep;

/// How long the services may take to become ready: a first start migrates five databases.
const PATIENCE: Duration = Duration::from_secs(90);

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
    /// Reserved until all of it has ended.
    ports: Option<Ports>,
    /// The catcher, the balancer, the broker's guard: they end when this is dropped.
    helpers: JoinSet<()>,
}

/// Starts a stack and returns when it was told to stop and all of it has ended.
pub async fn run(layout: Layout, wishes: Wishes) -> Result<()> {
    let _lock = leftovers::lock(&layout).await?;
    leftovers::end(&layout).await?;
    if wishes.fresh {
        layout.forget()?;
    }
    layout.prepare()?;
    let registry = Arc::new(Registry::new(&layout));
    registry.update(|status| status.phase = Phase::Starting);
    let supervisor = Supervisor::new(Arc::clone(&registry));
    let mut stack = Stack { registry: Arc::clone(&registry), supervisor, ports: None, helpers: JoinSet::new() };
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

impl Stack {
    async fn rise(&mut self, layout: &Layout, wishes: &Wishes) -> Result<()> {
        let begun = Instant::now();
        let secrets = Secrets::open(layout)?;
        let ports = self.ports.insert(Ports::new(layout)?);
        // Servers alone have nothing to show.
        let wanted = if wishes.servers_only { Some(0) } else { wishes.port };
        let public = Arc::new(ports.listen_public(wanted.unwrap_or(8080), wanted.is_some())?);
        let fleet = Fleet::plan(wishes.replicas, ports)?;
        let client = health::client()?;

        let step = Step::begin("PostgreSQL and NATS");
        let broker = Broker::prepare(layout, ports.take()?, ports.take()?)?;
        self.supervisor.start(broker.plan(layout));
        let (mail, smtp) = catch_mail(&mut self.helpers, layout, ports)?;
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
        let shared = share(wishes, &secrets, &cluster, &broker, &smtp, Arc::clone(&public))?;
        self.registry.update(|status| announce(status, layout, &fleet, &broker, &shared, &mail, &secrets));
        for replica in fleet.replicas() {
            self.supervisor.start(fleet.supervise(replica, &shared, layout));
        }
        if wishes.replicas > 1 {
            self.balance(&fleet, &public)?;
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

    fn balance(&mut self, fleet: &Fleet, public: &std::net::TcpListener) -> Result<()> {
        let listener = listening(public.try_clone()?)?;
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

/// Starts the mail catcher and the upkeep of mail and logs; returns the address of its page and the one that takes mail.
fn catch_mail(helpers: &mut JoinSet<()>, layout: &Layout, ports: &mut Ports) -> Result<(String, String)> {
    let shelf = Shelf::open(&layout.mail())?;
    let (page_listener, smtp_listener) = (listening(ports.listen()?)?, listening(ports.listen()?)?);
    let (page_address, smtp_address) = (page_listener.local_addr()?, smtp_listener.local_addr()?);
    helpers.spawn(smtp::serve(smtp_listener, shelf.clone()));
    helpers.spawn(upkeep::tend(layout.clone(), shelf.clone()));
    helpers.spawn(async move {
        if let Err(error) = axum::serve(page_listener, page::routes(shelf)).await {
            terminal::note(format!("mail page: {error}"));
        }
    });
    Ok((format!("http://{page_address}"), format!("smtp://{smtp_address}")))
}

fn listening(listener: std::net::TcpListener) -> Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).context("a listener cannot be used")
}

fn share(
    wishes: &Wishes,
    secrets: &Secrets,
    cluster: &Cluster,
    broker: &Broker,
    smtp: &str,
    listener: Arc<std::net::TcpListener>,
) -> Result<Shared> {
    let mut services: Vec<&str> = BACKENDS.to_vec();
    services.push(GATEWAY);
    let databases = BACKENDS.iter().map(|service| Ok(((*service).to_owned(), cluster.dsn(service, secrets)?))).collect::<Result<_>>()?;
    let secret_files = services.iter().map(|service| Ok(((*service).to_owned(), secrets.file(service)?))).collect::<Result<_>>()?;
    Ok(Shared {
        programs: wishes.programs.clone(),
        nats: broker.url(),
        databases,
        smtp: smtp.to_owned(),
        public: format!("http://{}", listener.local_addr()?),
        listener,
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
    "./portico".clone_into(&mut status.cli);
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
