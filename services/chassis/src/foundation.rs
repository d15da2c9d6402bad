//! What every service with a database lays before it serves: pools and schema, clock, journal, broker, relay, peers, revocations.

use std::time::Duration;

use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Common;
use crate::db::Db;
use crate::error::Error;
use crate::journal::{Journal, Writes};
use crate::page::Pager;
use crate::peers::{self, Peers};
use crate::relay;
use crate::run::{Boot, Phase, Readiness};

/// How long a service waits for its database at start.
const PATIENCE: Duration = Duration::from_secs(60);

/// The parts that services share.
pub struct Foundation<W> {
    /// Pools by role.
    pub db: Db,
    /// Appends entries.
    pub journal: Journal<W>,
    /// Clients of the other services.
    pub peers: Peers,
    /// Page tokens.
    pub pager: Pager,
    /// The broker.
    pub nats: async_nats::Client,
}

impl<W: Writes> Foundation<W> {
    /// Lays it. Waits for the database; the broker may come later.
    pub async fn lay<C>(boot: &Boot<C>, migrations: &Migrator) -> anyhow::Result<Self> {
        let common = &boot.common;
        let db = Db::open(Common::require(&common.database_url, "database_url")?, common.database_connections, boot.service)?;
        migrate(&db, migrations).await?;
        boot.clock.observe(db.now().await?);
        boot.readiness.expect("database");
        let (clock, readiness, sampled) = (boot.clock.clone(), boot.readiness.clone(), db.clone());
        boot.tasks.spawn(Phase::Last, "clock", move |stop| sample(sampled, clock, readiness, stop));
        let journal = Journal::start(db.clone(), &boot.tasks);
        let peers = Peers::new(boot)?;
        if peers.knows("identity") && boot.service != "identity" {
            peers::follow_revocations(boot, &peers)?;
        }
        let nats = connect_nats(boot).await?;
        relay::start(boot, &db, nats.clone(), journal.signals().appended.clone());
        let pager = Pager::new(&common.secret()?);
        let retained = db.clone();
        boot.tasks.spawn(Phase::Intake, "retention", move |stop| retain(retained, stop));
        Ok(Self { db, journal, peers, pager, nats })
    }
}

/// Connects to the broker, or begins to: nothing waits for it.
pub async fn connect_nats<C>(boot: &Boot<C>) -> anyhow::Result<async_nats::Client> {
    let url = Common::require(&boot.common.nats_url, "nats_url")?;
    let servers: Vec<async_nats::ServerAddr> = url
        .expose()
        .split(',')
        .map(|server| server.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| anyhow::anyhow!("configuration key `nats_url`: expected nats://host:port"))?;
    Ok(async_nats::ConnectOptions::new()
        .name(format!("portico-{}", boot.service))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts as u64).min(1000)))
        .connect(servers)
        .await?)
}

async fn migrate(db: &Db, migrations: &Migrator) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    loop {
        match db.migrate(migrations).await {
            Ok(()) => return Ok(()),
            Err(Error::Unavailable(reason)) if begun.elapsed() < PATIENCE => {
                tracing::info!(reason, "waiting for the database");
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Samples PostgreSQL's clock each second; that is also the check whether the database answers.
async fn sample(db: Db, clock: Clock, readiness: Readiness, stop: CancellationToken) {
    loop {
        let result = tokio::time::timeout(Duration::from_secs(2), db.now()).await;
        let result = match result {
            Ok(Ok(now)) => {
                clock.observe(now);
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it does not answer".to_owned()),
        };
        readiness.set("database", result);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Removes stored answers after their day and journal rows after their month, a little at a time.
async fn retain(db: Db, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(600)) => {}
            () = stop.cancelled() => return,
        }
        let removed = async {
            sqlx::query("DELETE FROM request WHERE ctid IN (SELECT ctid FROM request WHERE at < now() - interval '25 hours' LIMIT 10000)")
                .execute(db.system())
                .await?;
            sqlx::query(
                "DELETE FROM journal WHERE position IN (SELECT position FROM journal WHERE at < now() - interval '30 days' ORDER BY position LIMIT 10000)",
            )
            .execute(db.system())
            .await?;
            sqlx::query("DELETE FROM inbox_mark WHERE at < now() - interval '30 days'").execute(db.system()).await
        };
        if let Err(error) = removed.await {
            tracing::warn!(%error, "old rows could not be removed");
        }
    }
}
