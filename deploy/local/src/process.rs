//! Processes of the operating system: who is alive, signals, and the accounts they run under.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process's number.
    pub pid: u32,
    /// When it started, in the operating system's own words.
    pub started: String,
}

impl Identity {
    /// The identity of a running process; none when it is gone.
    pub fn of(pid: u32) -> Option<Self> {
        started(pid).map(|started| Self { pid, started })
    }

    /// Whether this very process still runs (a zombie does not).
    pub fn alive(&self) -> bool {
        started(self.pid).is_some_and(|now| now == self.started)
    }

    /// Sends a signal when this very process still runs.
    pub fn signal(&self, signal: Signal) {
        if self.alive() {
            send(self.pid, signal);
        }
    }

    /// Waits until the process is gone, at most as long as given. True when it is gone.
    pub async fn gone_within(&self, patience: Duration) -> bool {
        let end = std::time::Instant::now() + patience;
        while self.alive() {
            if std::time::Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}

/// Sends a signal to a process; one that is gone already is no error.
pub fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces; what follows its last parenthesis is fixed.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
    rustix::process::test_kill_process(raw).ok()?;
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if line.is_empty() || line.starts_with('Z') {
        return None;
    }
    line.split_once(' ').map(|(_, started)| started.trim().to_owned())
}

/// The processes of a program that work in a folder. Known on Linux alone; elsewhere there are none.
pub fn working_in(folder: &Path, program: &str) -> Vec<Identity> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let works_there = |pid: &u32| {
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|working| working == folder)
            && std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.file_name().is_some_and(|name| name == program))
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(works_there).filter_map(Identity::of).collect()
}

/// A user of the operating system that a child runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's name.
    pub name: String,
    /// Its user number.
    pub uid: u32,
    /// Its group number.
    pub gid: u32,
}

impl Account {
    /// PostgreSQL refuses to run as root: as root it gets `postgres`, else `nobody`. None for an ordinary user.
    pub fn for_postgres() -> Result<Option<Self>> {
        if !rustix::process::getuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "_postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (number(name, "-u"), number(name, "-g"))
                && uid != 0
            {
                return Ok(Some(Self { name: name.to_owned(), uid, gid }));
            }
        }
        anyhow::bail!("PostgreSQL cannot run as root and there is neither a user postgres nor a user nobody")
    }

    /// Whether this account can enter a folder.
    pub fn can_enter(&self, folder: &Path) -> bool {
        use std::os::unix::process::CommandExt;
        Command::new("/bin/sh")
            .args(["-c", "cd \"$1\" 2>/dev/null", "sh"])
            .arg(folder)
            .current_dir("/")
            .uid(self.uid)
            .gid(self.gid)
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Makes this account the owner of a folder or file.
    pub fn own(&self, path: &Path) -> Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("{} cannot be given to {}", path.display(), self.name))
    }
}

fn number(user: &str, flag: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, user]).stderr(std::process::Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_and_start() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.alive());
        let impostor = Identity { pid: child.id(), started: "1".to_owned() };
        assert!(!impostor.alive(), "another start time is another process");
        identity.signal(Signal::KILL);
        child.wait().unwrap();
        assert!(!identity.alive());
    }
}
