//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::deliveries;
use crate::detach;
use crate::import;
use crate::inboxes;
use crate::layout::Layout;
use crate::leftovers;
use crate::portal;
use crate::status::{Status, orphans};
use crate::terminal;
use crate::up::{self, Wishes};

/// Portico on one machine: start it, look at it, and do what an operator does.
#[derive(Debug, Parser)]
#[command(name = "portico", version, about)]
pub struct Cli {
    /// The checkout's root.
    #[arg(long, global = true, env = "PORTICO_CHECKOUT", hide_env_values = true)]
    checkout: Option<PathBuf>,
    /// Where the stack keeps its data (default: .portico in the checkout).
    #[arg(long, global = true, env = "PORTICO_DATA_DIR", hide_env_values = true)]
    data_dir: Option<PathBuf>,
    /// File that tells about an installation elsewhere, to speak to that one: {"public": …, "grpc": {service: host:port}, "operator_token": …}.
    #[arg(long, global = true, env = "PORTICO_INSTALLATION", hide_env_values = true)]
    installation: Option<PathBuf>,
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Starts PostgreSQL, NATS, the services and the mail catcher, and keeps them running.
    Up(Up),
    /// Tells what runs; exit code 1 when nothing does.
    Status {
        /// The whole status document.
        #[arg(long)]
        json: bool,
    },
    /// Stops what runs.
    Stop,
    /// Portals.
    #[command(subcommand)]
    Portal(PortalOrder),
    /// Brings content in.
    #[command(subcommand)]
    Import(ImportOrder),
    /// Tells how far each service has read the others' events; exit code 1 when one stands still or has events that it could not apply.
    Inboxes,
    /// Heals inboxes that stand still because a service's database was restored from an older copy.
    Reconcile {
        /// The service whose database was restored (default: every one whose readers stand still).
        producer: Option<String>,
    },
    /// Events that a service could not apply.
    #[command(subcommand)]
    Parked(inboxes::ParkedOrder),
    /// Mails and bells that could not be delivered.
    #[command(subcommand)]
    Deliveries(deliveries::DeliveryOrder),
}

#[derive(Debug, Args)]
struct Up {
    /// Return when everything is ready; it goes on in the background.
    #[arg(long)]
    detach: bool,
    /// Forget all data first.
    #[arg(long)]
    fresh: bool,
    /// The public port; without this the first free one from 8080 on.
    #[arg(long)]
    port: Option<u16>,
    /// Processes of each service.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    replicas: u8,
    /// Where the services' programs are (default: beside this one).
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Start without the demo portal.
    #[arg(long)]
    no_demo: bool,
    /// Start PostgreSQL and NATS alone, without guarantees for their data (for tests).
    #[arg(long)]
    servers_only: bool,
}

#[derive(Debug, Subcommand)]
enum PortalOrder {
    /// Makes a portal and prints the one-time link of its first administrator.
    Create(portal::NewPortal),
}

#[derive(Debug, Subcommand)]
enum ImportOrder {
    /// Articles for a portal's knowledge base; returns when all can be found by search.
    Knowledge(import::Import),
}

impl Cli {
    /// Does what was asked.
    pub async fn run(self) -> Result<ExitCode> {
        let layout = Layout::locate(self.checkout, self.data_dir)?;
        let target = || running(&layout, self.installation.as_deref());
        match self.order {
            Order::Up(up) => start(layout, up).await?,
            Order::Status { json } => return status(&layout, json).await,
            Order::Stop => {
                let stopped = detach::stop(&layout).await?;
                terminal::note(if stopped { "stopped; the data are kept" } else { "nothing runs" });
            }
            Order::Inboxes => return Ok(verdict(inboxes::list(&target()?).await?)),
            Order::Reconcile { producer } => inboxes::reconcile(&target()?, producer.as_deref()).await?,
            Order::Parked(order) => return Ok(verdict(inboxes::parked(&target()?, &order).await?)),
            Order::Deliveries(order) => return Ok(verdict(deliveries::run(&target()?, &order).await?)),
            Order::Portal(PortalOrder::Create(new)) => {
                let link = portal::create(&target()?, &new).await?;
                terminal::say(link);
            }
            Order::Import(ImportOrder::Knowledge(order)) => {
                let counts = import::knowledge(&target()?, &order).await?;
                terminal::say(format!("imported: {counts}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn verdict(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn start(layout: Layout, up: Up) -> Result<()> {
    let own = std::env::current_exe().context("this program has no path")?;
    let programs = match up.programs {
        Some(programs) => programs,
        None => own.parent().context("this program has no folder")?.to_path_buf(),
    };
    let programs = std::fs::canonicalize(&programs).with_context(|| format!("no folder {}", programs.display()))?;
    if up.detach {
        return detach::start(&layout, !up.no_demo).await;
    }
    let wishes =
        Wishes { programs, port: up.port, replicas: up.replicas, demo: !up.no_demo, fresh: up.fresh, servers_only: up.servers_only };
    up::run(layout, wishes).await
}

async fn status(layout: &Layout, json: bool) -> Result<ExitCode> {
    let Some(mut status) = Status::of_running(layout) else {
        terminal::note(absence(layout));
        return Ok(ExitCode::FAILURE);
    };
    if json {
        status.inbound_secret = portal::inbound_secrets(&status).await.unwrap_or_default();
        terminal::say(serde_json::to_string_pretty(&status)?);
    } else {
        terminal::say(up::welcome(&status, status.inbound_secret.contains_key("demo")));
        for (name, pid) in &status.pids {
            terminal::say(format!("  {name:<12} process {pid}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn running(layout: &Layout, installation: Option<&Path>) -> Result<Status> {
    if let Some(file) = installation {
        return Status::of_installation(file);
    }
    match Status::of_running(layout) {
        Some(status) => Ok(status),
        None => bail!("{} in {}; start it with ./run", absence(layout), layout.data().display()),
    }
}

/// Why there is no status to go by.
fn absence(layout: &Layout) -> String {
    if let Some(supervisor) = leftovers::supervisor(layout) {
        return format!("process {} runs here and cannot be understood; `./run --stop` ends it", supervisor.pid);
    }
    match orphans(layout).len() {
        0 => "nothing runs".to_owned(),
        left => format!("nothing runs but {left} processes that a killed start left behind; `./run --stop` ends them"),
    }
}
