//! What runs: the status document that others read, and the record of processes that finds orphans.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::handles::Handles;
use crate::layout::{Layout, write_atomically};
use crate::process::Identity;
use crate::terminal;

/// How far a start has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Servers and services are starting.
    #[default]
    Starting,
    /// Every service is ready; the demo is being filled.
    Seeding,
    /// All is there.
    Ready,
    /// The start failed; the reason is in `problem`.
    Failed,
}

/// The document of `./run --status --json`. The names are a contract.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// How far the start has come.
    pub phase: Phase,
    /// Why a start failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The URL of the gateway, or of the balancer in front of two.
    pub public: String,
    /// The operations port of each service.
    pub operations: BTreeMap<String, String>,
    /// The gRPC address of each service.
    pub grpc: BTreeMap<String, String>,
    /// The message broker.
    pub nats: String,
    /// The broker's monitoring page.
    pub nats_monitor: String,
    /// The broker's store; it may be deleted at any time.
    pub nats_data_dir: PathBuf,
    /// A connection string a service.
    pub postgres: BTreeMap<String, String>,
    /// The page that shows caught mail.
    pub mail: String,
    /// One file per mail that left.
    pub mail_dir: PathBuf,
    /// Where mail is caught.
    pub smtp: String,
    /// All data of this stack.
    pub data_dir: PathBuf,
    /// The operator's command, to be run in the checkout's folder.
    pub cli: String,
    /// The processes of now.
    pub pids: BTreeMap<String, u32>,
    /// The operator's bearer token.
    pub operator_token: String,
    /// The secret of each portal's inbound mail.
    pub inbound_secret: BTreeMap<String, String>,
    /// The process that supervises all of them.
    pub supervisor: Option<Identity>,
}

impl Status {
    /// The status of the stack that runs in a layout; none when nothing runs.
    pub fn of_running(layout: &Layout) -> Option<Self> {
        Self::read(layout).filter(|status| status.supervisor.as_ref().is_some_and(Identity::alive))
    }

    /// What somebody wrote about an installation that runs elsewhere: `public`, `grpc` and `operator_token` are all that the operator needs.
    pub fn of_installation(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        // A damaged line may be that of the token: the error says where it is, not what it is.
        serde_json::from_slice(&bytes)
            .map_err(|error| anyhow::anyhow!("{} is damaged at line {}, column {}", file.display(), error.line(), error.column()))
    }

    /// What was written last, whether it still runs or not. A file that is damaged or of another version says nothing.
    pub fn read(layout: &Layout) -> Option<Self> {
        let bytes = std::fs::read(layout.status()).ok()?;
        match serde_json::from_slice(&bytes) {
            Ok(status) => Some(status),
            Err(error) => {
                terminal::note(format!("{} is damaged or of another version: {error}", layout.status().display()));
                None
            }
        }
    }
}

#[derive(Debug, Default)]
struct Known {
    status: Status,
    processes: BTreeMap<String, Identity>,
}

/// Keeps the status file and the record of processes true.
#[derive(Debug)]
pub struct Registry {
    layout: Layout,
    known: Mutex<Known>,
}

impl Registry {
    /// An empty registry; nothing is written before the first change.
    pub fn new(layout: &Layout) -> Self {
        let status = Status { supervisor: Identity::of(std::process::id()), ..Status::default() };
        Self { layout: layout.clone(), known: Mutex::new(Known { status, processes: BTreeMap::new() }) }
    }

    /// What handles a process.
    pub fn handles(&self, name: &str) -> Handles {
        Handles::of(&self.layout, name)
    }

    /// Changes the status and writes it.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known.status);
        self.write(&known);
    }

    /// A copy of the status of now.
    pub fn status(&self) -> Status {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).status.clone()
    }

    /// Notes that a child runs.
    pub fn born(&self, name: &str, pid: Option<u32>) {
        let Some(pid) = pid else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.status.pids.insert(name.to_owned(), pid);
        if let Some(identity) = Identity::of(pid) {
            known.processes.insert(name.to_owned(), identity);
        }
        self.write(&known);
    }

    /// Notes that a child ended.
    pub fn gone(&self, name: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.status.pids.remove(name);
        known.processes.remove(name);
        self.write(&known);
    }

    fn write(&self, known: &Known) {
        let written = serde_json::to_vec_pretty(&known.status)
            .map_err(anyhow::Error::from)
            .and_then(|bytes| Ok(write_atomically(&self.layout.status(), &bytes, 0o600)?))
            .and_then(|()| Ok(serde_json::to_vec_pretty(&known.processes)?))
            .and_then(|bytes| Ok(write_atomically(&self.layout.processes(), &bytes, 0o600)?));
        if let Err(error) = written {
            terminal::note(format!("the status file cannot be written: {error:#}"));
        }
    }
}

/// The processes of an earlier start whose supervisor is gone and that still run.
pub fn orphans(layout: &Layout) -> Vec<(String, Identity)> {
    let Ok(bytes) = std::fs::read(layout.processes()) else { return Vec::new() };
    let known: BTreeMap<String, Identity> = serde_json::from_slice(&bytes).unwrap_or_default();
    known.into_iter().filter(|(_, identity)| identity.alive()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_elsewhere_is_known_by_three_members() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("installation.json");
        std::fs::write(&file, r#"{"public": "http://gateway", "grpc": {"tickets": "tickets:7000"}, "operator_token": "hunter2"}"#).unwrap();
        let status = Status::of_installation(&file).unwrap();
        assert_eq!((status.public.as_str(), status.grpc["tickets"].as_str()), ("http://gateway", "tickets:7000"));
        std::fs::write(&file, r#"{"operator_token": hunter2}"#).unwrap();
        let error = Status::of_installation(&file).unwrap_err().to_string();
        assert!(error.contains("line 1") && !error.contains("hunter2"), "{error}");
    }
}
