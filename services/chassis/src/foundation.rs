//! What every service with a database lays before it serves: pools and schema, clock, journal, broker, relay, peers, revocations.

use std::time::Duration;

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;
use sqlx::migrate::Migrator;

use crate::config::Common;
use crate::db::Db;
use crate::error::Error;
use crate::journal::{Journal, Writes};
use crate::page::Pager;
use crate::peers::{self, Peers};
use crate::run::{Boot, Phase};
use crate::sampler::Sampler;
use crate::{gauges, relay, retention};

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
        let mut sampler = Sampler::new(db.clone());
        boot.clock.observe(sampler.now().await?);
        boot.readiness.expect("database");
        let (clock, readiness) = (boot.clock.clone(), boot.readiness.clone());
        boot.tasks.spawn_vital(Phase::Last, "clock", move |stop| sampler.run(clock, readiness, stop));
        let journal = Journal::start(db.clone(), &boot.tasks);
        let peers = Peers::new(boot)?;
        if peers.knows("identity") && boot.service != "identity" {
            peers::follow_revocations(boot, &peers)?;
        }
        let nats = connect_nats(boot).await?;
        relay::start(boot, &db, nats.clone(), journal.signals().appended.clone());
        let pager = Pager::new(&common.secret()?);
        let (retained, measured) = (db.clone(), db.clone());
        boot.tasks.spawn_vital(Phase::Intake, "retention", move |stop| retention::run(retained, stop));
        boot.tasks.spawn(Phase::Intake, "gauges", move |stop| gauges::run(measured, stop));
        Ok(Self { db, journal, peers, pager, nats })
    }
}

/// Connects to the broker, or begins to: nothing waits for it.
pub async fn connect_nats<C>(boot: &Boot<C>) -> anyhow::Result<async_nats::Client> {
    let url = Common::require(&boot.common.nats_url, "nats_url")?;
    let servers: Vec<ServerAddr> = url
        .expose()
        .split(',')
        .map(|server| server.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| anyhow::anyhow!("configuration key `nats_url`: expected nats://host:port"))?;
    let mut options = async_nats::ConnectOptions::new()
        .name(format!("portico-{}", boot.service))
        // Each service has inboxes that no other one can listen to, where the broker has users.
        .custom_inbox_prefix(format!("_INBOX_{}", boot.service))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts as u64).min(1000)));
    if let Some((user, password)) = user(&servers)? {
        options = options.user_and_password(user, password);
    }
    Ok(options.connect(servers).await?)
}

/// The user that the first address with one names: `nats://user:password@host:4222`. The client reads none of it by itself, and shows the parts
/// as they stand in the address: percent-encoded.
fn user(servers: &[ServerAddr]) -> anyhow::Result<Option<(String, String)>> {
    let Some((user, password)) = servers.iter().find_map(|server| Some((server.username()?, server.password()?))) else { return Ok(None) };
    Ok(Some((decoded(user)?, decoded(password)?)))
}

fn decoded(part: &str) -> anyhow::Result<String> {
    let decoded = percent_decode_str(part).decode_utf8();
    Ok(decoded.map_err(|_| anyhow::anyhow!("configuration key `nats_url`: expected UTF-8 behind the percent signs"))?.into_owned())
}

async fn migrate(db: &Db, migrations: &Migrator) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    loop {
        match db.migrate(migrations).await {
            Ok(()) => return Ok(()),
            Err(Error::Unavailable(reason) | Error::Elsewhere(reason)) if begun.elapsed() < PATIENCE => {
                tracing::info!(reason, "waiting for the database");
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_user_is_taken_from_the_address() {
        let servers = |text: &str| text.split(',').map(|one| one.parse::<ServerAddr>().unwrap()).collect::<Vec<_>>();
        let named = |text: &str| user(&servers(text)).unwrap();
        let of = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(named("tls://tickets:p1@a:4222,tls://b:4222"), of("tickets", "p1"));
        assert_eq!(named("tls://a:x%40y%3D@h"), of("a", "x@y="));
        assert_eq!(named("tls://a:abc=@h"), of("a", "abc="));
        assert_eq!(named("nats://a:4222"), None);
        let error = user(&servers("tls://a:%ff@h")).unwrap_err().to_string();
        assert!(error.contains("nats_url") && !error.contains("ff"), "{error}");
    }
}
