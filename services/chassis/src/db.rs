//! PostgreSQL: pools by role, row-level security, migrations.
//!
//! A service's login role owns its tables and migrates them. Requests run as `<login>_app`, which sees only the rows of the portal that
//! was set for them; relay, inbox, timers and keepers run as `<login>_system`, which sees all. Both are enforced by policies that
//! `portico_protect('table')` makes, so a query that forgot its `WHERE portal = …` finds nothing of other portals.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Postgres, pool::PoolConnection};

use crate::config::Secret;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::ids::PortalId;
use crate::telemetry;

static CHASSIS: Migrator = sqlx::migrate!("./migrations");

/// Chassis migrations come before a service's own, whatever those are numbered.
const BEFORE_ALL: i64 = -1_000_000;
/// How long a request waits for a connection before it is shed.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that any statement of a request may run.
const LONGEST_STATEMENT: Duration = Duration::from_secs(10);
/// How long making a connection outside of the pools may take. PostgreSQL's own time-outs help nobody when its host is gone.
const CONNECT: Duration = Duration::from_secs(3);

/// What PostgreSQL does when a replica stops in the middle of something: it frees what that replica holds. Milliseconds. A lock that is
/// waited for longer is [`Error::Elsewhere`] and safe to try again.
const JOURNAL_LIMITS: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "1000"),
    ("lock_timeout", "2000"),
    ("statement_timeout", "5000"),
    ("tcp_user_timeout", "5000"),
];
/// The same for relay, inbox, timers and keepers, whose statements may be longer.
const SYSTEM_LIMITS: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "2000"),
    ("lock_timeout", "2000"),
    ("statement_timeout", "30000"),
    ("tcp_user_timeout", "5000"),
];
/// The same for requests; their statement time-out comes from the deadline.
const APP_LIMITS: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "5000"),
    ("lock_timeout", "2000"),
    ("statement_timeout", "10000"),
    ("tcp_user_timeout", "5000"),
];

/// The pools of one service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    app: PgPool,
    system: PgPool,
    options: PgConnectOptions,
    login: String,
}

/// A connection whose session sees one portal.
pub type PortalConn = PoolConnection<Postgres>;

impl Db {
    /// Opens the pools; `connections` is the budget of both together, a third of it for the system role.
    pub fn open(url: &Secret, connections: u32, service: &str) -> Result<Self, Error> {
        let options = options(url)?
            .application_name(service)
            // Statement texts are ours and parameters are never logged, but a slow statement is metrics' business.
            .disable_statement_logging();
        let login = options.get_username().to_owned();
        let system_share = (connections / 3).max(2);
        let app = pool(options.clone().options(APP_LIMITS), format!("{login}_app"), connections.saturating_sub(system_share).max(2));
        let system = pool(options.clone().options(SYSTEM_LIMITS), format!("{login}_system"), system_share);
        telemetry::pool("app", &app);
        telemetry::pool("system", &system);
        Ok(Self { app, system, options, login })
    }

    /// A connection for one request: it sees `portal` alone, and no statement outlives the deadline.
    pub async fn read(&self, portal: &PortalId, deadline: Deadline) -> Result<PortalConn, Error> {
        let mut conn = self.app.acquire().await?;
        let timeout = deadline.remaining()?.min(LONGEST_STATEMENT);
        sqlx::query("SELECT set_config('portico.portals', $1, false), set_config('statement_timeout', $2, false)")
            .bind(portal.as_str())
            .bind(timeout.as_millis().max(1).to_string())
            .execute(&mut *conn)
            .await?;
        Ok(conn)
    }

    /// The pool that sees every portal: for relay, inbox, timers and keepers, never for a request.
    pub fn system(&self) -> &PgPool {
        &self.system
    }

    /// A connection of its own for the journal, outside the pools, with time-outs that free the head lock of a stopped replica.
    pub async fn journal_connection(&self) -> Result<PgConnection, Error> {
        let mut conn = connect(self.options.clone().options(JOURNAL_LIMITS)).await?;
        set_role(&mut conn, &format!("{}_app", self.login)).await?;
        Ok(conn)
    }

    /// A connection of its own, outside the pools and with the background's limits, for what must not wait for other work.
    pub async fn system_connection(&self) -> Result<PgConnection, Error> {
        let mut conn = connect(self.options.clone().options(SYSTEM_LIMITS)).await?;
        set_role(&mut conn, &format!("{}_system", self.login)).await?;
        Ok(conn)
    }

    /// A connection for LISTEN.
    pub async fn listener(&self) -> Result<sqlx::postgres::PgListener, Error> {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.options.clone());
        Ok(sqlx::postgres::PgListener::connect_with(&pool).await?)
    }

    /// Brings the schema up to date: the chassis' tables, then the service's. Replicas that start together wait for one another. A newer version
    /// may have been here: what it added disturbs nobody, so the version before can be started again; what it took away ends the start.
    pub async fn migrate(&self, service: &Migrator) -> Result<(), Error> {
        let chassis = CHASSIS.iter().map(|migration| Migration { version: migration.version + BEFORE_ALL, ..migration.clone() });
        let all: Vec<Migration> = chassis.chain(service.iter().cloned()).collect();
        #[cfg(feature = "failpoints")]
        let all = crate::next_version::migrations(all);
        let known: Vec<i64> = all.iter().map(|migration| migration.version).collect();
        let mut conn = connect(self.options.clone()).await?;
        let mut migrator = Migrator::with_migrations(all);
        migrator.set_ignore_missing(true);
        migrator.run_direct(None, &mut conn, false).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => Error::from(error),
            error => Error::internal(format!("migration: {error}")),
        })?;
        refuse_contracted(&mut conn, &known).await
    }

    /// Ends the pools.
    pub async fn close(&self) {
        self.app.close().await;
        self.system.close().await;
    }
}

fn options(url: &Secret) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url.expose()).map_err(|_| Error::internal("database_url is not a PostgreSQL URL"))?;
    // A URL has an IPv6 address in brackets; sqlx keeps them and would look for a host of that name.
    let host = options.get_host().trim_matches(['[', ']']).to_owned();
    Ok(options.host(&host))
}

fn pool(options: PgConnectOptions, role: String, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(Duration::from_secs(30 * 60))
        .after_connect(move |conn, _| {
            let role = role.clone();
            Box::pin(async move {
                // The role's name comes from the login role's, not from a request.
                sqlx::query(AssertSqlSafe(format!("SET ROLE \"{}\"", role.replace('"', "")))).execute(conn).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

async fn connect(options: PgConnectOptions) -> Result<PgConnection, Error> {
    let connected = tokio::time::timeout(CONNECT, options.connect()).await;
    Ok(connected.map_err(|_| Error::Unavailable("the database does not answer"))??)
}

/// A migration that takes something away says so in its name, and since which migration nobody has used it: `0009_contract_0007_….sql`. One
/// that we don't know is no matter when we know the other; else it took away what we may need.
async fn refuse_contracted(conn: &mut PgConnection, known: &[i64]) -> Result<(), Error> {
    let unknown: Vec<(i64, String)> = sqlx::query_as(
        "SELECT version, description FROM _sqlx_migrations WHERE description LIKE 'contract%' AND version <> ALL($1) ORDER BY version",
    )
    .bind(known.to_vec())
    .fetch_all(conn)
    .await?;
    match unknown.iter().find(|(version, description)| !is_disused(*version, description, known)) {
        Some((version, _)) => {
            Err(Error::internal(format!("the database is too new for this version: migration {version} took something away")))
        }
        None => Ok(()),
    }
}

/// Whether we know the migration since which nobody uses what a contract migration takes away; without its number nobody can tell.
fn is_disused(version: i64, description: &str, known: &[i64]) -> bool {
    let since = description.split_whitespace().nth(1).and_then(|number| number.parse::<i64>().ok());
    let offset = if version < 0 { BEFORE_ALL } else { 0 };
    since.is_some_and(|since| known.contains(&(since + offset)))
}

async fn set_role(conn: &mut PgConnection, role: &str) -> Result<(), Error> {
    sqlx::query(AssertSqlSafe(format!("SET ROLE \"{}\"", role.replace('"', "")))).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K39.
    #[test]
    fn the_database_may_be_named_by_an_address_of_ipv6() {
        for (url, host) in [("postgres://a:b@[::1]:5432/c", "::1"), ("postgres://a:b@db.internal/c", "db.internal")] {
            assert_eq!(options(&Secret::new(url)).unwrap().get_host(), host);
        }
    }

    #[test]
    fn what_was_taken_away_after_it_was_disused_is_not_missed() {
        let known = [BEFORE_ALL + 11, 1, 7];
        assert!(is_disused(9, "contract 0007 drop a column", &known));
        assert!(!is_disused(9, "contract 0008 drop a column", &known), "this version may still use it");
        assert!(!is_disused(9, "contract drop a column", &known) && !is_disused(9, "contract", &known));
        assert!(is_disused(BEFORE_ALL + 13, "contract 0011 drop a column", &known), "the chassis counts for itself");
        assert!(!is_disused(BEFORE_ALL + 13, "contract 0007 drop a column", &known));
    }
}
