//! The test kit: each test gets a database, a stream prefix, keys and ports of its own, beside real PostgreSQL and NATS.
//!
//! `PORTICO_TEST_POSTGRES_URL` names a superuser's database and `PORTICO_TEST_NATS_URL` a nats-server with JetStream; `./test` starts
//! both. The database is dropped with the stage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

pub mod clamd;
pub mod lease;
mod permissions;
mod producer;
pub mod s3;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tonic::Request;
use uuid::Uuid;

pub use self::permissions::check_permissions;
pub use self::producer::{Mood, Producer, serve};
use crate::auth::{Keys, Organization, Person, Revocations, Role, Tokens, Visibility};
use crate::clock::Clock;
use crate::config::{Common, Secret};
use crate::grpc::{OPERATOR_TOKEN, SERVICE_TOKEN, SOURCE};
use crate::random::Random;
use crate::run::Boot;

/// All services that may speak in a test.
pub const SERVICES: &[&str] = &["identity", "tickets", "knowledge", "community", "notifier", "gateway", "operator"];
/// The operator's token in tests.
pub const OPERATOR: &str = "operator-token-of-the-test-stage";

/// Where one test takes place.
pub struct Stage {
    dir: tempfile::TempDir,
    /// Unique in the cluster and the broker.
    pub name: String,
    admin: PgConnectOptions,
    databases: Vec<String>,
    nats: String,
    /// Signs as identity and verifies.
    pub tokens: Tokens,
    peers: BTreeMap<String, String>,
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

impl Stage {
    /// An empty stage.
    pub async fn new() -> Self {
        crate::run::install_tls();
        let dir = tempfile::tempdir().unwrap();
        Keys::write_missing(&dir.path().join("keys"), SERVICES).unwrap();
        std::fs::write(dir.path().join("secret"), "the root secret of a test, thirty-two characters and more").unwrap();
        std::fs::write(dir.path().join("operator"), OPERATOR).unwrap();
        let keys = Keys::read(&dir.path().join("keys"), "identity").unwrap();
        let tokens = Tokens::new(keys, Clock::start(), Revocations::default());
        let admin =
            PgConnectOptions::from_str(&variable("PORTICO_TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:55432/postgres")).unwrap();
        let name = format!("t{}", Uuid::now_v7().simple());
        let nats = variable("PORTICO_TEST_NATS_URL", "nats://127.0.0.1:54222");
        Self { dir, name, admin: admin.disable_statement_logging(), databases: Vec::new(), nats, tokens, peers: BTreeMap::new() }
    }

    /// From now on services of this stage find `service` at `address`.
    pub fn peer(&mut self, service: &str, address: std::net::SocketAddr) {
        self.peers.insert(service.to_owned(), format!("http://{address}"));
    }

    /// A folder of this stage.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Makes (once) the database and roles of a service; returns its URL.
    pub async fn database(&mut self, service: &str) -> Secret {
        let database = format!("{}_{service}", self.name);
        let url =
            |role: &str| Secret::new(format!("postgres://{role}:portico@{}:{}/{database}", self.admin.get_host(), self.admin.get_port()));
        let login = format!("portico_test_{service}");
        if self.databases.contains(&database) {
            return url(&login);
        }
        let mut conn = self.admin.connect().await.unwrap();
        // Roles belong to the whole cluster and tests run at the same time: the lock lets one make them.
        sqlx::raw_sql("SELECT pg_advisory_lock(7040)").execute(&mut conn).await.unwrap();
        for (role, attributes) in [
            (login.clone(), "LOGIN PASSWORD 'portico'".to_owned()),
            (format!("{login}_app"), "NOLOGIN".to_owned()),
            (format!("{login}_system"), "NOLOGIN".to_owned()),
        ] {
            let sql = format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} {attributes}; END IF; END $$"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        }
        let grant = format!("GRANT {login}_app, {login}_system TO {login}");
        sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut conn).await.unwrap();
        sqlx::raw_sql("SELECT pg_advisory_unlock(7040)").execute(&mut conn).await.unwrap();
        let create = format!("CREATE DATABASE {database} OWNER {login} TEMPLATE template0");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        self.databases.push(database.clone());
        url(&login)
    }

    /// A superuser's connection to a service's database, for white-box looks (I03, I11) and damage.
    pub async fn inspect(&self, service: &str) -> PgConnection {
        self.admin.clone().database(&format!("{}_{service}", self.name)).connect().await.unwrap()
    }

    /// What a service of this stage starts with.
    pub async fn boot<C>(&mut self, service: &'static str, config: C) -> Boot<C> {
        self.boot_with(service, config, Clock::start()).await
    }

    /// The same, with a clock of the test's.
    pub async fn boot_with<C>(&mut self, service: &'static str, config: C, clock: Clock) -> Boot<C> {
        let database_url = if service == "gateway" { None } else { Some(self.database(service).await) };
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let common = Common {
            grpc_listen: any,
            operations_listen: any,
            database_url,
            database_connections: 12,
            nats_url: Some(Secret::new(self.nats.clone())),
            nats_prefix: format!("{}_", self.name),
            nats_replicas: 1,
            // A peer that the test has not started has an address where nobody listens: it is down.
            peers: SERVICES
                .iter()
                .map(|name| ((*name).to_owned(), self.peers.get(*name).cloned().unwrap_or_else(|| "http://127.0.0.1:9".to_owned())))
                .collect(),
            keys_dir: self.path("keys"),
            secret_file: self.path("secret"),
            operator_token_file: Some(self.path("operator")),
            blobs: Some(format!("file://{}", self.path("blobs").display())),
            s3: crate::config::S3::default(),
            public_url: "http://127.0.0.1:8080".to_owned(),
            log: "warn".to_owned(),
            log_format: crate::config::LogFormat::Pretty,
            otlp_endpoint: None,
            drain_seconds: 0,
            replica: format!("{service}-{}", Uuid::new_v4().simple()),
            development: false,
            limit_factor: 100,
        };
        Boot::new(service, common, config, clock, Random::from_os()).unwrap()
    }

    /// A request of a signed-in person, as it comes through the gateway.
    pub fn as_person<T>(&self, person: &Person, message: T) -> Request<T> {
        let (token, _) = self.tokens.issue(person).unwrap();
        let mut request = self.as_service("gateway", message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    /// A request of a guest from `source`, as it comes through the gateway.
    pub fn as_guest<T>(&self, source: &str, message: T) -> Request<T> {
        let mut request = self.as_service("gateway", message);
        request.metadata_mut().insert(SOURCE, source.parse().unwrap());
        request
    }

    /// A request of a service in its own name.
    pub fn as_service<T>(&self, service: &str, message: T) -> Request<T> {
        let keys = Keys::read(&self.path("keys"), service).unwrap();
        let token = Tokens::new(keys, Clock::start(), Revocations::default()).service_token_for(SERVICES).unwrap();
        let mut request = Request::new(message);
        request.set_timeout(Duration::from_secs(10));
        request.metadata_mut().insert(SERVICE_TOKEN, token.parse().unwrap());
        request
    }

    /// A request of the operator.
    pub fn as_operator<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(OPERATOR_TOKEN, OPERATOR.parse().unwrap());
        request
    }

    /// Ends the stage: drops its databases.
    pub async fn clear(mut self) {
        self.drop_databases().await;
    }

    async fn drop_databases(&mut self) {
        let Ok(mut conn) = self.admin.connect().await else { return };
        for database in self.databases.drain(..) {
            let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            let _ = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut conn).await;
        }
    }
}

/// A person of portal `demo`; tests change what matters to them.
pub fn person(number: u128, role: Role) -> Person {
    Person {
        portal: "demo".parse().unwrap(),
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number),
        session: Uuid::from_u128(0x0190_0000_0000_7000_9000_0000_0000_0000 + number),
        generation: 1,
        role,
        organization: None,
        visibility: Visibility::Own,
        name: format!("Person {number}"),
        email: format!("person{number}@example.test"),
        locale: "en".to_owned(),
        time_zone: "UTC".to_owned(),
        internal: true,
        version: 1,
        api_token: false,
    }
}

/// An organisation for [`person`].
pub fn organization(number: u128, name: &str) -> Organization {
    Organization { id: Uuid::from_u128(0x0190_0000_0000_7000_a000_0000_0000_0000 + number), name: name.to_owned() }
}

/// Waits until `condition` gives something, asking often; fails after thirty seconds with what it waited for.
pub async fn eventually<T, F>(what: &str, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let begun = std::time::Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "waited thirty seconds for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The tables of a database that neither row-level security protects nor `portico_share` made common: none, or a migration forgot.
pub async fn unfenced(conn: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_class \
          WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname <> '_sqlx_migrations' \
            AND NOT (relrowsecurity AND relforcerowsecurity) AND coalesce(obj_description(oid, 'pg_class'), '') NOT LIKE 'shared:%' \
          ORDER BY relname",
    )
    .fetch_all(conn)
    .await
    .unwrap()
}
