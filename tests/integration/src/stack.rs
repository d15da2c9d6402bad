//! A running stack: the one that all tests share, or one of a test's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::client::Client;
use crate::mail::Mailbox;
use crate::portal::Portal;
use crate::wait;

/// How a stack of a test's own is started.
#[derive(Debug, Clone, Default)]
pub struct WorldOptions {
    /// Two processes of each service behind a balancer.
    pub two_replicas: bool,
}

/// Portico, running.
#[derive(Debug)]
pub struct World {
    data: PathBuf,
    own: Option<tempfile::TempDir>,
    options: WorldOptions,
    /// Databases that were moved by hand: connection strings by service.
    moved: Mutex<BTreeMap<String, String>>,
    mailbox: Mailbox,
    public: String,
    operator_token: String,
}

impl World {
    /// The stack that `./test` started; without one, a stack of this test's own.
    pub async fn shared() -> Self {
        match std::env::var_os("PORTICO_TEST_STACK") {
            Some(data) => Self::attach(Path::new(&data), None, WorldOptions::default()),
            None => Self::own(&WorldOptions::default()).await,
        }
    }

    /// A stack that runs in this data folder and goes on running.
    pub fn open(data: &Path) -> Self {
        Self::attach(data, None, WorldOptions::default())
    }

    /// A stack of this test's own, without the demo, stopped when it is dropped.
    pub async fn own(options: &WorldOptions) -> Self {
        Self::own_in(options, &[]).await
    }

    /// The same with variables for the stack and its services, beside the test's own.
    pub async fn own_in(options: &WorldOptions, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("portico-world-").tempdir().expect("a folder");
        // PostgreSQL runs as another user where the tests run as root, and must be able to enter.
        open_to_all(folder.path());
        start(folder.path(), options, "0", environment);
        let data = folder.path().to_path_buf();
        Self::attach(&data, Some(folder), options.clone())
    }

    /// Kills every process of a stack of this test's own at once, supervisor, broker and postmaster too.
    pub fn kill_everything(&self) {
        assert!(self.own.is_some(), "a stack of this test's own");
        let status = self.status();
        let children = status["pids"].as_object().into_iter().flat_map(|pids| pids.values());
        let pids: Vec<String> = children.chain([&status["supervisor"]["pid"]]).map(ToString::to_string).collect();
        let killed = Command::new("kill").arg("-9").args(&pids).status().expect("kill");
        assert!(killed.success(), "not all of {pids:?} were killed");
    }

    /// Starts it again where it was.
    pub async fn start_again(&self) {
        let port = self.public.rsplit(':').next().expect("a port").to_owned();
        let (data, options) = (self.data.clone(), self.options.clone());
        let started = tokio::task::spawn_blocking(move || start(&data, &options, &port, &[]));
        started.await.expect("the stack starts again");
    }

    fn attach(data: &Path, own: Option<tempfile::TempDir>, options: WorldOptions) -> Self {
        let status = read_status(data);
        let text = |key: &str| status[key].as_str().unwrap_or_else(|| panic!("the status has {key}")).to_owned();
        Self {
            data: data.to_path_buf(),
            own,
            options,
            moved: Mutex::default(),
            mailbox: Mailbox::open(Path::new(&text("mail_dir"))),
            public: text("public"),
            operator_token: text("operator_token"),
        }
    }

    /// The status document of now.
    pub fn status(&self) -> Value {
        read_status(&self.data)
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The base URL.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Caught mail.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Somebody who is nobody yet, at a portal.
    pub fn guest(&self, slug: &str) -> Client {
        Client::guest(&self.public, slug)
    }

    /// The operator.
    pub fn operator(&self) -> Client {
        self.guest("").with_token(&self.operator_token)
    }

    /// A new portal of a profile, its administrator signed in.
    pub async fn portal(&self, profile: &str) -> Portal<'_> {
        let slug = format!("t{}", &Uuid::new_v4().simple().to_string()[..12]);
        Portal::create(self, &slug, profile).await
    }

    /// The process of a service.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.status()["pids"][name].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// Sends a signal to a process of the stack, by the name it has in `pids`; returns its number.
    pub fn signal(&self, name: &str, signal: &str) -> u32 {
        let pid = self.pid(name).unwrap_or_else(|| panic!("{name} does not run"));
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().expect("sh");
        assert!(sent.success(), "no signal {signal} to {name}");
        pid
    }

    /// The processes of the services: twelve with two replicas.
    pub fn processes(&self) -> Vec<String> {
        self.status()["operations"].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
    }

    /// The processes of one service.
    pub fn replicas(&self, service: &str) -> Vec<String> {
        let second = format!("{service}-2");
        self.processes().into_iter().filter(|process| process == service || *process == second).collect()
    }

    /// The services that have a database.
    pub fn services(&self) -> Vec<String> {
        self.status()["postgres"].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
    }

    /// The connection string of a service's database, wherever it is now.
    pub fn dsn(&self, service: &str) -> String {
        let moved = self.moved.lock().expect("no panic while moving").get(service).cloned();
        moved.unwrap_or_else(|| self.status()["postgres"][service].as_str().expect("a database a service").to_owned())
    }

    /// Says that a service's database is elsewhere now.
    pub fn moved(&self, service: &str, dsn: &str) {
        self.moved.lock().expect("no panic while moving").insert(service.to_owned(), dsn.to_owned());
    }

    /// Kills a process and waits until the supervisor has started another one.
    pub async fn kill(&self, name: &str) {
        let old = self.signal(name, "KILL");
        wait::within(Duration::from_secs(5), &format!("{name} is started again within 5 s"), async || {
            self.pid(name).filter(|pid| *pid != old)
        })
        .await;
    }

    /// Whether every service says that it may serve.
    pub async fn all_ready(&self) -> bool {
        let status = self.status();
        let client = Client::guest(&self.public, "");
        for url in status["operations"].as_object().into_iter().flat_map(|map| map.values()).filter_map(Value::as_str) {
            let ready = client.http().get(format!("{url}/readyz")).timeout(Duration::from_secs(2)).send().await;
            if !ready.is_ok_and(|answer| answer.status().is_success()) {
                return false;
            }
        }
        true
    }

    /// Runs the operator's command against this stack.
    pub fn portico(&self, arguments: &[&str]) -> std::process::Output {
        portico(&self.data).args(arguments).stdin(Stdio::null()).output().expect("portico runs")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.own.is_some() {
            if std::thread::panicking()
                && let Some(keep) = std::env::var_os("PORTICO_TEST_KEEP_LOGS")
            {
                // One folder a stack: a run of all cells may fail more than once.
                let keep = Path::new(&keep).join(self.data.file_name().unwrap_or_default());
                let _ = Command::new("mkdir").arg("-p").arg(&keep).status();
                let _ = Command::new("cp").arg("-r").arg(self.data.join("log")).arg(self.data.join("run.log")).arg(keep).status();
            }
            let _ = portico(&self.data).arg("stop").stdin(Stdio::null()).output();
        }
    }
}

fn start(data: &Path, options: &WorldOptions, port: &str, environment: &[(&str, &str)]) {
    let mut command = portico(data);
    command.args(["up", "--no-demo", "--detach", "--port", port, "--programs"]).arg(programs());
    if options.two_replicas {
        command.args(["--replicas", "2"]);
    }
    command.envs(environment.iter().copied());
    let output = command.stdin(Stdio::null()).output().expect("portico starts");
    assert!(output.status.success(), "the stack did not start: {}", String::from_utf8_lossy(&output.stderr));
}

fn read_status(data: &Path) -> Value {
    let path = data.join("status.json");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("the status is JSON")
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("the folder's mode");
}

fn portico(data: &Path) -> Command {
    let mut command = Command::new(programs().join("portico"));
    command.arg("--checkout").arg(checkout()).arg("--data-dir").arg(data);
    command
}

/// The folder of the programs under test: the one that this program was built into, or that `PORTICO_TEST_PROGRAMS` names.
pub(crate) fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("PORTICO_TEST_PROGRAMS") {
        return folder.into();
    }
    let own = std::env::current_exe().expect("the program's own path");
    own.ancestors().find(|folder| folder.join("portico").is_file()).expect("target/<profile> above the program").to_path_buf()
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the checkout").to_path_buf()
}
