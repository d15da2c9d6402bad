//! Child processes that are started again whenever they die.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::handles::Handles;
use crate::process::Account;
use crate::status::Registry;
use crate::terminal;

/// The first pause before a dead child is started again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: a child is back within 5 s however often it dies.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A child that lived this long counts as healthy: its next death begins with the first pause again.
const HEALTHY: Duration = Duration::from_secs(10);
/// How often a child that is held back is looked at.
const HELD: Duration = Duration::from_millis(50);

/// How a child is started and stopped.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its key in `pids`.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, in addition to the supervisor's own.
    pub env: Vec<(String, String)>,
    /// The account that it runs as, where it is not the supervisor's.
    pub account: Option<Account>,
    /// A listening socket that it is handed as its standard input.
    pub listener: Option<Arc<TcpListener>>,
    /// Where its output goes.
    pub log: PathBuf,
    /// The signal that asks it to stop.
    pub stop: Signal,
    /// How long it may take to stop before it is killed.
    pub patience: Duration,
}

impl Plan {
    fn spawn(&self, handles: &Handles) -> Result<Child> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("{} cannot be written", self.log.display()))?;
        let mut command = Command::new(&self.program);
        // Services refuse a PORTICO_ variable that they don't know, and this program has some of its own.
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.as_encoded_bytes().starts_with(b"PORTICO_")) {
            command.env_remove(key);
        }
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .envs(handles.variables())
            .current_dir("/")
            .stdin(self.stdin()?)
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: Ctrl-C reaches the supervisor alone, which then stops the children in order.
            .process_group(0);
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command.spawn().with_context(|| format!("{} cannot be started", self.program.display()))
    }

    fn stdin(&self) -> Result<Stdio> {
        let Some(listener) = &self.listener else { return Ok(Stdio::null()) };
        let copy = listener.try_clone().context("the public port cannot be handed on")?;
        Ok(Stdio::from(OwnedFd::from(copy)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Run,
    /// Kill it and start it again; the number makes two such orders differ.
    Renew(u64),
    Stop,
}

/// One supervised child.
#[derive(Debug)]
struct Ward {
    name: String,
    order: watch::Sender<Order>,
    task: JoinSet<()>,
}

/// All supervised children of a stack.
#[derive(Debug, Clone)]
pub struct Supervisor {
    registry: Arc<Registry>,
    wards: Arc<Mutex<Vec<Ward>>>,
}

impl Supervisor {
    /// A supervisor that writes what it does into the registry.
    pub fn new(registry: Arc<Registry>) -> Self {
        Self { registry, wards: Arc::default() }
    }

    /// Starts a child and keeps it running.
    pub fn start(&self, plan: Plan) {
        let (order, orders) = watch::channel(Order::Run);
        let mut task = JoinSet::new();
        let name = plan.name.clone();
        task.spawn(keep_running(plan, Arc::clone(&self.registry), orders));
        self.wards.lock().unwrap_or_else(PoisonError::into_inner).push(Ward { name, order, task });
    }

    /// Kills one child; it is started again at once.
    pub fn renew(&self, name: &str) {
        let wards = self.wards.lock().unwrap_or_else(PoisonError::into_inner);
        for ward in wards.iter().filter(|ward| ward.name == name) {
            ward.order.send_modify(|order| {
                *order = match *order {
                    Order::Run => Order::Renew(1),
                    Order::Renew(times) => Order::Renew(times + 1),
                    Order::Stop => Order::Stop,
                }
            });
        }
    }

    /// Stops the children that a rule picks, all at once, and waits for their end.
    pub async fn stop(&self, picked: impl Fn(&str) -> bool) {
        let mut leaving = Vec::new();
        {
            let mut wards = self.wards.lock().unwrap_or_else(PoisonError::into_inner);
            let mut staying = Vec::new();
            for ward in wards.drain(..) {
                if picked(&ward.name) { leaving.push(ward) } else { staying.push(ward) }
            }
            *wards = staying;
        }
        for ward in &leaving {
            ward.order.send_replace(Order::Stop);
        }
        for mut ward in leaving {
            while ward.task.join_next().await.is_some() {}
        }
    }
}

async fn keep_running(plan: Plan, registry: Arc<Registry>, mut orders: watch::Receiver<Order>) {
    let handles = registry.handles(&plan.name);
    let mut pause = FIRST_PAUSE;
    loop {
        while handles.held() {
            tokio::select! {
                () = tokio::time::sleep(HELD) => {}
                order = next_order(&mut orders) => if order == Order::Stop { return },
            }
        }
        let born = Instant::now();
        match plan.spawn(&handles) {
            Ok(mut child) => {
                registry.born(&plan.name, child.id());
                let order = tokio::select! {
                    status = child.wait() => { report(&plan, status); Order::Run }
                    order = next_order(&mut orders) => { end(&plan, &mut child, order).await; order }
                };
                registry.gone(&plan.name);
                match order {
                    Order::Stop => return,
                    Order::Renew(_) => continue,
                    Order::Run => {}
                }
            }
            Err(error) => terminal::note(format!("{}: {error:#}", plan.name)),
        }
        pause = if born.elapsed() > HEALTHY { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            order = next_order(&mut orders) => if order == Order::Stop { return },
        }
    }
}

/// The next order; a supervisor that is gone means stop.
async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => Order::Stop,
    }
}

async fn end(plan: &Plan, child: &mut Child, order: Order) {
    if order == Order::Stop
        && let Some(pid) = child.id()
    {
        crate::process::send(pid, plan.stop);
        if tokio::time::timeout(plan.patience, child.wait()).await.is_ok() {
            return;
        }
        terminal::note(format!("{} did not stop within {} s and is killed", plan.name, plan.patience.as_secs()));
    }
    let _ = child.start_kill();
    let _ = child.wait().await;
}

fn report(plan: &Plan, status: std::io::Result<ExitStatus>) {
    let how = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    terminal::note(format!("{} ended ({how}) and is started again; its output: {}", plan.name, plan.log.display()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;

    fn sleeper(layout: &Layout) -> Plan {
        Plan {
            name: "sleeper".to_owned(),
            program: "/bin/sleep".into(),
            args: vec!["60".to_owned()],
            env: Vec::new(),
            account: None,
            listener: None,
            log: layout.log("sleeper"),
            stop: Signal::TERM,
            patience: Duration::from_secs(2),
        }
    }

    async fn pid_other_than(registry: &Registry, old: Option<u32>) -> u32 {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(pid) = registry.status().pids.get("sleeper").copied()
                && Some(pid) != old
            {
                return pid;
            }
            assert!(Instant::now() < end, "not started within 5 s");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn pid_of_another(registry: &Registry, old: u32) {
        while registry.status().pids.get("sleeper").is_none_or(|pid| *pid == old) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_killed_child_is_back_within_five_seconds_and_a_stopped_one_stays_away() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        layout.prepare().unwrap();
        let registry = Arc::new(Registry::new(&layout));
        let supervisor = Supervisor::new(Arc::clone(&registry));
        supervisor.start(sleeper(&layout));
        let first = pid_other_than(&registry, None).await;
        crate::process::send(first, Signal::KILL);
        let second = pid_other_than(&registry, Some(first)).await;
        supervisor.renew("sleeper");
        let third = pid_other_than(&registry, Some(second)).await;
        let hold = layout.handles().join("sleeper.hold");
        std::fs::write(&hold, "").unwrap();
        crate::process::send(third, Signal::KILL);
        tokio::time::timeout(FIRST_PAUSE * 5, pid_of_another(&registry, third)).await.unwrap_err();
        std::fs::remove_file(&hold).unwrap();
        pid_other_than(&registry, Some(third)).await;
        supervisor.stop(|_| true).await;
        assert_eq!(registry.status().pids.get("sleeper"), None);
    }
}
