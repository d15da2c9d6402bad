//! A second PostgreSQL: a copy of the stack's own, as a standby or restored to a point in time.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::stack::World;
use crate::wait;

/// How long a server may take until it answers; replaying is part of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The stack's own server, as its owner sees it.
#[derive(Debug, Clone)]
pub struct Primary {
    /// Where it listens.
    pub address: SocketAddr,
    password: String,
    binaries: PathBuf,
    account: (u32, u32),
}

impl Primary {
    /// Of this stack.
    pub fn of(world: &World) -> Self {
        let dsn = world.status()["postgres"]["tickets"].as_str().expect("a database").to_owned();
        let folder = std::fs::canonicalize(world.data().join("postgres")).expect("the cluster's folder");
        let owner = std::fs::metadata(&folder).expect("the cluster's folder");
        let password = std::fs::read_to_string(world.data().join("keys/postgres.secret")).expect("the owner's password");
        Self { address: address_of(&dsn), password: password.trim().to_owned(), binaries: binaries(), account: (owner.uid(), owner.gid()) }
    }

    /// The owner's connection string for the server at an address.
    pub fn dsn(&self, address: SocketAddr) -> String {
        format!("postgres://postgres:{}@{address}/postgres", self.password)
    }

    /// Runs statements as the owner, each on its own.
    pub async fn run(&self, statements: &[&str]) {
        run(&self.dsn(self.address), statements).await;
    }

    /// One value as text.
    pub async fn ask(&self, question: &str) -> String {
        ask(&self.dsn(self.address), question).await.expect(question)
    }

    /// A program of PostgreSQL, run as the account that owns the cluster.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if self.account.0 != 0 && is_root() {
            command.uid(self.account.0).gid(self.account.1);
        }
        command
    }

    /// A folder that the account can write to.
    pub fn folder(&self) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("portico-copy-").permissions(open).tempdir().expect("a folder");
        std::os::unix::fs::chown(folder.path(), Some(self.account.0), Some(self.account.1)).expect("the folder's owner");
        folder
    }

    /// Copies the running server; `more` are options of `pg_basebackup`.
    pub fn copy(&self, to: &Path, more: &[&str]) {
        let mut command = self.program("pg_basebackup");
        command.args(["-d", &self.dsn(self.address), "-X", "stream", "-c", "fast"]).args(more).arg("-D").arg(to);
        let output = command.output().expect("pg_basebackup starts");
        assert!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A copy that runs; it is killed when this is dropped.
#[derive(Debug)]
pub struct Twin {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    primary: Primary,
    _folder: tempfile::TempDir,
}

impl Twin {
    /// Starts a server over `data` in `folder`.
    pub fn start(primary: &Primary, folder: tempfile::TempDir, data: &Path) -> Self {
        let address = free_address();
        let mut command = primary.program("postgres");
        command.arg("-D").arg(data).stdout(Stdio::null()).stderr(Stdio::null());
        let port = format!("port={}", address.port());
        for option in
            [port.as_str(), "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=400", "shared_buffers=64MB"]
        {
            command.args(["-c", option]);
        }
        let child = command.spawn().expect("postgres starts");
        Self { address, child, primary: primary.clone(), _folder: folder }
    }

    /// The owner's connection string.
    pub fn dsn(&self) -> String {
        self.primary.dsn(self.address)
    }

    /// One value as text; none while it does not answer.
    pub async fn ask(&self, question: &str) -> Option<String> {
        ask(&self.dsn(), question).await
    }

    /// Runs statements as the owner.
    pub async fn run(&self, statements: &[&str]) {
        run(&self.dsn(), statements).await;
    }

    /// Waits until it answers a question so.
    pub async fn answers(&self, question: &str, expected: &str) {
        wait::within(PATIENCE, &format!("the copy answers {expected} to {question}"), async || {
            self.ask(question).await.filter(|answer| answer == expected)
        })
        .await;
    }

    /// A standby takes over.
    pub async fn promote(&self) {
        self.run(&["SELECT pg_promote(true, 60)"]).await;
        self.answers("SELECT pg_is_in_recovery()::text", "false").await;
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        // INT ends it without waiting for clients; its children end with it.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Whether this process may mount, change clocks and act as others.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// `127.0.0.1:5432` out of a connection string.
pub fn address_of(dsn: &str) -> SocketAddr {
    let rest = dsn.rsplit('@').next().unwrap_or_default();
    rest.split('/').next().unwrap_or_default().parse().expect("an address in the connection string")
}

/// The connection string for another address.
pub fn at(dsn: &str, address: SocketAddr) -> String {
    dsn.replace(&address_of(dsn).to_string(), &address.to_string())
}

async fn run(dsn: &str, statements: &[&str]) {
    let mut connection = PgConnection::connect(dsn).await.expect("the server answers its owner");
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await.expect(statement);
    }
}

async fn ask(dsn: &str, question: &str) -> Option<String> {
    let mut connection = PgConnection::connect(dsn).await.ok()?;
    let row = sqlx::query(AssertSqlSafe(question.to_owned())).fetch_optional(&mut connection).await.ok()??;
    row.try_get::<String, _>(0).ok()
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// The newest PostgreSQL that is installed.
fn binaries() -> PathBuf {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        candidates.extend(std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path().join("bin")));
    }
    candidates.retain(|folder| folder.join("pg_basebackup").exists() && folder.join("postgres").exists());
    candidates.into_iter().max().expect("PostgreSQL is installed")
}
