//! The private PostgreSQL cluster: one cluster, a database and a set of roles for each service.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;

use crate::layout::{ELSEWHERE, Layout, write_atomically};
use crate::process::{Account, Identity};
use crate::secrets::Secrets;
use crate::supervisor::Plan;

/// The oldest PostgreSQL that serves.
const OLDEST: u32 = 15;
/// All pools of two replicas of six services and a person with psql.
const MAX_CONNECTIONS: u32 = 400;
/// How long a cluster may take until it answers; replaying after a crash is part of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the folder of a cluster that is being made begins; the number of its process follows.
const ATTEMPT: &str = "postgres.new-";
/// How the file with initdb's password begins.
const PASSWORD: &str = "pgpass-";

/// The cluster of one stack.
#[derive(Debug, Clone)]
pub struct Cluster {
    binaries: PathBuf,
    folder: PathBuf,
    account: Option<Account>,
    port: u16,
    password: String,
}

impl Cluster {
    /// Finds the binaries and the place, and runs `initdb` where there is no cluster yet.
    pub async fn prepare(layout: &Layout, secrets: &Secrets, port: u16) -> Result<Self> {
        let account = Account::for_postgres()?;
        let cluster =
            Self { binaries: binaries()?, folder: place(layout, account.as_ref())?, account, port, password: secrets.text("postgres")? };
        if !cluster.folder.join("PG_VERSION").exists() {
            cluster.create(secrets)?;
        }
        Ok(cluster)
    }

    /// How the server is supervised. It stops on INT: a fast shutdown that does not wait for clients.
    ///
    /// Without `durable` a crash of the machine may lose the data, which tests do not mind.
    pub fn plan(&self, layout: &Layout, durable: bool) -> Plan {
        let options = [
            format!("fsync={}", if durable { "on" } else { "off" }),
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            // No socket file: a deep checkout would make its path too long, and two checkouts must not meet.
            "unix_socket_directories=".to_owned(),
            format!("max_connections={MAX_CONNECTIONS}"),
            "shared_buffers=128MB".to_owned(),
            "log_min_messages=warning".to_owned(),
            "log_line_prefix=%m [%p] %d ".to_owned(),
        ];
        let mut args = vec!["-D".to_owned(), self.folder.display().to_string()];
        for option in options {
            args.extend(["-c".to_owned(), option]);
        }
        Plan {
            name: "postgres".to_owned(),
            program: self.binaries.join("postgres"),
            args,
            env: vec![("LC_ALL".to_owned(), "C".to_owned())],
            account: self.account.clone(),
            listener: None,
            log: layout.log("postgres"),
            stop: Signal::INT,
            patience: Duration::from_secs(20),
        }
    }

    /// The connection string of one service's own role for its own database.
    pub fn dsn(&self, service: &str, secrets: &Secrets) -> Result<String> {
        let password = secrets.text(&format!("postgres-{service}"))?;
        Ok(format!("postgres://{service}:{password}@127.0.0.1:{}/{service}", self.port))
    }

    /// The connection string of the cluster's owner.
    pub fn superuser_dsn(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Waits until the server answers, then makes the roles and databases that are missing.
    pub async fn make_databases(&self, services: &[&str], secrets: &Secrets) -> Result<()> {
        let mut connection = self.connect().await?;
        for service in services {
            make_roles(&mut connection, service, &secrets.text(&format!("postgres-{service}"))?).await?;
            make_database(&mut connection, service).await?;
        }
        connection.close().await.context("the connection to PostgreSQL was not closed")
    }

    async fn connect(&self) -> Result<PgConnection> {
        let url = self.superuser_dsn();
        let end = Instant::now() + PATIENCE;
        loop {
            match PgConnection::connect(&url).await {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() >= end => return Err(error).context("PostgreSQL does not answer; see log/postgres.log"),
                Err(_) => tokio::time::sleep(Duration::from_millis(30)).await,
            }
        }
    }

    /// Makes the cluster beside its place and moves it there when it is whole: a start that is killed meanwhile leaves nothing that looks like one.
    fn create(&self, secrets: &Secrets) -> Result<()> {
        forget_attempts(&self.folder);
        let attempt = self.folder.with_file_name(format!("{ATTEMPT}{}", std::process::id()));
        crate::secrets::private_folder(&attempt)?;
        if let Some(account) = &self.account {
            account.own(&attempt)?;
        }
        self.initdb(&attempt, secrets)?;
        std::fs::rename(&attempt, &self.folder).with_context(|| format!("{} is in the way", self.folder.display()))
    }

    fn initdb(&self, folder: &Path, secrets: &Secrets) -> Result<()> {
        let scratch = self.folder.with_file_name(format!("{PASSWORD}{}", std::process::id()));
        write_atomically(&scratch, secrets.text("postgres")?.as_bytes(), 0o600)?;
        if let Some(account) = &self.account {
            account.own(&scratch)?;
        }
        let mut command = Command::new(self.binaries.join("initdb"));
        command
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .arg(format!("--pwfile={}", scratch.display()))
            .arg("-D")
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::null());
        let output = self.run_as_account(&mut command).output();
        let _ = std::fs::remove_file(&scratch);
        let output = output.context("initdb cannot be started")?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn run_as_account<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        use std::os::unix::process::CommandExt;
        match &self.account {
            Some(account) => command.uid(account.uid).gid(account.gid),
            None => command,
        }
    }
}

/// Removes what starts left behind that were killed in the middle of `initdb`. One may still be at it: then its folder stays until next time.
fn forget_attempts(folder: &Path) {
    let Some(entries) = folder.parent().and_then(|parent| std::fs::read_dir(parent).ok()) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(ATTEMPT) {
            let _ = std::fs::remove_dir_all(&path);
        } else if name.starts_with(PASSWORD) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// A postmaster of an earlier start, whether the record of processes knows it or not.
pub fn leftover(layout: &Layout) -> Option<Identity> {
    let folder = std::fs::canonicalize(layout.postgres()).ok()?;
    let text = std::fs::read_to_string(folder.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    is_postmaster_of(pid, &folder).then(|| Identity::of(pid)).flatten()
}

/// What a killed postmaster left behind. As long as one of them lives no other postmaster starts in the folder.
pub fn backends(layout: &Layout) -> Vec<Identity> {
    std::fs::canonicalize(layout.postgres()).map_or_else(|_| Vec::new(), |folder| crate::process::working_in(&folder, "postgres"))
}

/// Whether a process is a PostgreSQL of this folder, and not a stranger that got the old number.
fn is_postmaster_of(pid: u32, folder: &Path) -> bool {
    let Ok(output) = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output() else { return false };
    let line = String::from_utf8_lossy(&output.stdout);
    line.contains("postgres") && line.contains(&folder.display().to_string())
}

/// The folder with `initdb` and `postgres`, the newest that is new enough.
fn binaries() -> Result<PathBuf> {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        candidates.extend(entries.flatten().map(|entry| entry.path().join("bin")));
    }
    let newest = candidates
        .into_iter()
        .filter(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .filter_map(|folder| Some((version(&folder)?, folder)))
        .max_by_key(|(version, _)| *version);
    match newest {
        Some((version, folder)) if version >= OLDEST => Ok(folder),
        Some((version, _)) => bail!("PostgreSQL {version} is too old; {OLDEST} or newer is needed"),
        None => bail!("PostgreSQL {OLDEST} or newer is not installed (Debian: apt-get install postgresql; macOS: brew install postgresql)"),
    }
}

fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_ascii_whitespace().nth(2)?.split('.').next()?.parse().ok()
}

/// Where the cluster lives: in the data folder, or elsewhere when the server's account cannot reach that.
fn place(layout: &Layout, account: Option<&Account>) -> Result<PathBuf> {
    let inside = layout.postgres();
    let Some(account) = account else {
        crate::secrets::private_folder(&inside)?;
        return Ok(inside);
    };
    if let Ok(target) = std::fs::read_link(&inside)
        && target.exists()
    {
        return Ok(target);
    }
    let folder = if account.can_enter(layout.data()) {
        inside
    } else {
        let target = Path::new(ELSEWHERE).join(layout.fingerprint()).join("postgres");
        std::fs::create_dir_all(&target).with_context(|| format!("{} cannot be made", target.display()))?;
        let _ = std::fs::remove_file(&inside);
        std::os::unix::fs::symlink(&target, &inside)?;
        // The password file of initdb is written beside the cluster.
        account.own(target.parent().unwrap_or(&target))?;
        target
    };
    crate::secrets::private_folder(&folder)?;
    account.own(&folder)?;
    Ok(folder)
}

/// A service logs in as its own role, owner of its database, and takes on `_app` (one portal at a time) or `_system` (relay, timers, keepers) when
/// it needs their rights. What a start that was killed did not get to is made up for.
async fn make_roles(connection: &mut PgConnection, service: &str, password: &str) -> Result<()> {
    let mut statements = Vec::new();
    for (role, options) in [
        (format!("{service}_app"), "NOLOGIN".to_owned()),
        (format!("{service}_system"), "NOLOGIN".to_owned()),
        (service.to_owned(), format!("LOGIN PASSWORD '{password}'")),
    ] {
        let known = sqlx::query("SELECT 1 FROM pg_roles WHERE rolname = $1").bind(&role).fetch_optional(&mut *connection).await?;
        if known.is_none() {
            statements.push(format!("CREATE ROLE {role} {options}"));
        }
    }
    let granted = sqlx::query(
        "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member \
         WHERE u.rolname = $1 AND r.rolname IN ($1 || '_app', $1 || '_system')",
    );
    if granted.bind(service).fetch_all(&mut *connection).await?.len() < 2 {
        statements.push(format!("GRANT {service}_app, {service}_system TO {service}"));
    }
    run(connection, statements).await.with_context(|| format!("roles of {service}"))
}

async fn make_database(connection: &mut PgConnection, service: &str) -> Result<()> {
    let known = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(service).fetch_optional(&mut *connection).await?;
    let mut statements = Vec::new();
    if known.is_none() {
        statements.push(format!("CREATE DATABASE {service} OWNER {service}"));
    }
    statements.push(format!("REVOKE ALL ON DATABASE {service} FROM PUBLIC"));
    run(connection, statements).await.with_context(|| format!("database of {service}"))
}

/// Names come from the closed list of services, passwords from our own base64 text.
async fn run(connection: &mut PgConnection, statements: Vec<String>) -> sqlx::Result<()> {
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;

    #[tokio::test]
    async fn a_start_that_was_killed_in_the_middle_is_made_up_for() {
        let folder = tempfile::Builder::new().prefix("portico-postgres-").permissions(open()).tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        layout.prepare().unwrap();
        let secrets = Secrets::open(&layout).unwrap();
        let port = crate::ports::Ports::new(&layout).unwrap().take().unwrap();
        // Killed in the middle of initdb: half a cluster lies beside the place.
        let half = layout.data().join(format!("{ATTEMPT}1"));
        std::fs::create_dir_all(&half).unwrap();
        std::fs::write(half.join("PG_VERSION"), "15\n").unwrap();
        let cluster = Cluster::prepare(&layout, &secrets, port).await.unwrap();
        assert!(!half.exists() && cluster.folder.join("PG_VERSION").exists());

        let registry = std::sync::Arc::new(crate::status::Registry::new(&layout));
        let supervisor = crate::supervisor::Supervisor::new(registry);
        supervisor.start(cluster.plan(&layout, false));
        // Killed between CREATE ROLE and GRANT, and between CREATE DATABASE and REVOKE.
        let mut connection = cluster.connect().await.unwrap();
        let begun = [
            "CREATE ROLE tickets_app NOLOGIN",
            "CREATE ROLE tickets_system NOLOGIN",
            "CREATE ROLE tickets LOGIN",
            "CREATE DATABASE tickets",
        ];
        run(&mut connection, begun.map(str::to_owned).to_vec()).await.unwrap();
        for _ in 0..2 {
            cluster.make_databases(&["tickets"], &secrets).await.unwrap();
            let rights = "SELECT pg_has_role('tickets', 'tickets_app', 'MEMBER') AND pg_has_role('tickets', 'tickets_system', 'MEMBER') \
                          AND NOT has_database_privilege('tickets_app', 'tickets', 'CONNECT')";
            let right: bool = sqlx::query(rights).fetch_one(&mut connection).await.unwrap().get(0);
            assert!(right);
        }
        assert!(leftover(&layout).is_some(), "the postmaster is known by its own file");
        assert!(backends(&layout).len() > 1, "it and its children work in its folder");
        drop(connection);
        supervisor.stop(|_| true).await;
        assert!(leftover(&layout).is_none() && backends(&layout).is_empty());
    }

    fn open() -> std::fs::Permissions {
        std::os::unix::fs::PermissionsExt::from_mode(0o755)
    }
}
