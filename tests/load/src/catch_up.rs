//! How far the consumers are behind: what is committed and not yet published, published and not yet read, and due and not yet sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use portico_integration_tests::World;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::sleep;

const PAUSE: Duration = Duration::from_millis(100);

/// What consumers have not done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Events that some inbox or relay has not taken.
    pub events: i64,
    /// Mails and bells that are due.
    pub deliveries: i64,
}

/// How long consumers took.
#[derive(Debug, Clone, Copy)]
pub struct CatchUp {
    /// Until every inbox had read every event; none when they had not in time.
    pub events: Option<Duration>,
    /// Until every mail and bell was out; none when they were not in time.
    pub deliveries: Option<Duration>,
    /// What was to be done at first.
    pub first: Behind,
    /// What was left in the end.
    pub last: Behind,
    /// How long it was watched.
    pub watched: Duration,
}

/// Connections to the databases, each in the role that sees every portal.
struct Databases(BTreeMap<String, PgConnection>);

impl Databases {
    async fn open(world: &World) -> Result<Self> {
        let mut connections = BTreeMap::new();
        for service in world.services() {
            let mut connection = PgConnection::connect(&world.dsn(&service)).await?;
            sqlx::query(AssertSqlSafe(format!("SET ROLE {service}_system"))).execute(&mut connection).await?;
            connections.insert(service, connection);
        }
        Ok(Self(connections))
    }

    async fn behind(&mut self) -> Result<Behind> {
        let (mut heads, mut cursors) = (BTreeMap::new(), Vec::new());
        let (mut events, mut deliveries) = (0, 0);
        for (service, connection) in &mut self.0 {
            let head = "SELECT h.position, r.published FROM journal_head h CROSS JOIN relay r";
            let row = sqlx::query(head).fetch_one(&mut *connection).await?;
            let (position, published): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            events += (position - published).max(0);
            heads.insert(service.clone(), position);
            for row in sqlx::query("SELECT producer, position FROM inbox").fetch_all(&mut *connection).await? {
                cursors.push((row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?));
            }
            if service == "notifier" {
                // What is leased lies ahead by its lease; what waits for a later moment on purpose is not due.
                let due = "SELECT count(*) FROM delivery WHERE state = 'pending' AND due_at < now() + interval '45 s'";
                deliveries += sqlx::query(due).fetch_one(&mut *connection).await?.try_get::<i64, _>(0)?;
            }
        }
        for (producer, position) in cursors {
            events += heads.get(&producer).map_or(0, |head| (head - position).max(0));
        }
        Ok(Behind { events, deliveries })
    }
}

/// Watches until nothing is left to do, or for so long.
///
/// # Errors
/// When a database does not answer.
pub async fn wait(world: &World, patience: Duration) -> Result<CatchUp> {
    let begun = Instant::now();
    let mut databases = Databases::open(world).await?;
    let first = databases.behind().await?;
    let (mut last, mut events, mut deliveries) = (first, None, None);
    loop {
        let now = begun.elapsed();
        // Notifier's own events go on while it delivers: the first moment of parity counts.
        if last.events == 0 && events.is_none() {
            events = Some(now);
        }
        if last.deliveries == 0 && events.is_some() {
            deliveries = Some(now);
        }
        if deliveries.is_some() || now >= patience {
            return Ok(CatchUp { events, deliveries, first, last, watched: now });
        }
        sleep(PAUSE).await;
        last = databases.behind().await?;
    }
}

/// Gives up what is still to be sent in the generator's own portal, so that the next cell has the machine for itself.
///
/// # Errors
/// When the database does not answer.
pub async fn drop_deliveries(world: &World, portal: &str) -> Result<()> {
    let mut databases = Databases::open(world).await?;
    let notifier = databases.0.get_mut("notifier").context("the notifier has no database")?;
    let given_up = "UPDATE delivery SET state = 'cancelled', reason = 'load', ended_at = now(), lease = NULL \
                    WHERE state = 'pending' AND portal = $1";
    sqlx::query(given_up).bind(portal).execute(notifier).await?;
    Ok(())
}
