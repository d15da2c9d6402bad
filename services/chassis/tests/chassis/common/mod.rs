//! The smallest service there can be: counters that only grow.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit: each test file uses its part and ends at the first surprise"
)]

pub mod proxy;

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::auth::Role;
use portico_chassis::config::NoConfig;
use portico_chassis::db::Db;
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::{Aggregate, Asked, Decision, Directory};
use portico_chassis::error::Error;
use portico_chassis::foundation::Foundation;
use portico_chassis::ids::PortalId;
use portico_chassis::inbox::{self, Consumer};
use portico_chassis::journal::{AggregateRef, Entry, NewEvent, Outcome, RequestKey, TimerChange, Writes};
use portico_chassis::run::Boot;
use portico_chassis::testing::Stage;
use portico_chassis::timers::{DueTimer, TimerHandler};
use portico_proto::events::v1::{Envelope, EventBody};
use sqlx::PgConnection;
use tokio::sync::Mutex;
use uuid::Uuid;

pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./tests/counter_migrations");

portico_chassis::typed_id!(
    /// Names a counter.
    CounterId
);

/// A count that takes the journal's writer down.
pub const BROKEN: i64 = i64::MIN;

/// A counter's row after a change.
#[derive(Clone)]
pub struct Count {
    pub portal: PortalId,
    pub id: Uuid,
    pub value: i64,
    pub version: i64,
}

#[async_trait]
impl Writes for Count {
    async fn apply(conn: &mut PgConnection, batch: Vec<Self>) -> Result<(), Error> {
        for count in batch {
            assert!(count.value != BROKEN, "the test asked for it");
            sqlx::query(
                "INSERT INTO counter (portal, id, value, version) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (id) DO UPDATE SET value = excluded.value, version = excluded.version",
            )
            .bind(count.portal.as_str())
            .bind(count.id)
            .bind(count.value)
            .bind(count.version)
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }
}

/// The definition of the aggregate.
pub struct Counters {
    pub db: Db,
    pub boot: Boot<NoConfig>,
}

#[derive(Clone)]
pub struct State {
    pub value: i64,
    pub version: i64,
}

/// What may be asked of a counter.
pub enum Command {
    Add(i64),
    /// Refused when the counter is below.
    Take(i64),
    Panic,
    /// Has an event on a counter that nobody expects.
    Stray,
}

#[async_trait]
impl Aggregate for Counters {
    type Id = CounterId;
    type State = State;
    type Command = Command;
    type Write = Count;
    const KIND: &'static str = "counter";

    async fn load(&self, portal: &PortalId, id: CounterId) -> Result<Option<State>, Error> {
        let mut conn = self.db.read(portal, Deadline::default()).await?;
        let row: Option<(i64, i64)> = sqlx::query_as("SELECT value, version FROM counter WHERE portal = $1 AND id = $2")
            .bind(portal.as_str())
            .bind(id)
            .fetch_optional(&mut *conn)
            .await?;
        Ok(row.map(|(value, version)| State { value, version }))
    }

    fn version(&self, state: &State) -> i64 {
        state.version
    }

    fn decide(&self, asked: &Asked<CounterId>, state: &State, command: &Command) -> Result<Decision<State, Count>, Error> {
        let value = match command {
            Command::Add(n) => state.value + n,
            Command::Take(n) if *n > state.value => return Err(Error::conflict("too_low", "There is not enough.")),
            Command::Take(n) => state.value - n,
            Command::Panic => panic!("the test asked for it"),
            Command::Stray => state.value,
        };
        let after = State { value, version: state.version + 1 };
        let now = self.boot.clock.now();
        let id = if matches!(command, Command::Stray) { Uuid::nil() } else { asked.id.uuid() };
        let aggregate = AggregateRef { kind: "counter", id };
        let entry = Entry::new(asked.portal.clone(), asked.actor.clone(), now)
            .events([NewEvent { id: self.boot.random.uuid(now), aggregate, body: EventBody::default() }])
            .write(Count { portal: asked.portal.clone(), id: asked.id.uuid(), value, version: after.version })
            .answer(value.to_string().into_bytes());
        Ok(Decision::change(after, entry))
    }
}

/// One replica of the toy service.
pub struct Replica {
    pub boot: Boot<NoConfig>,
    pub foundation: Foundation<Count>,
    pub counters: Directory<Counters>,
    pub grpc: std::net::SocketAddr,
}

impl Replica {
    /// Starts a replica that calls itself `tickets`; all replicas of a stage share the database.
    pub async fn start(stage: &mut Stage) -> Self {
        let boot = stage.boot("tickets", NoConfig {}).await;
        Self::start_with(boot).await
    }

    /// The same with a start of the test's.
    pub async fn start_with(boot: Boot<NoConfig>) -> Self {
        let foundation = Foundation::<Count>::lay(&boot, &MIGRATOR).await.unwrap();
        let definition = Counters { db: foundation.db.clone(), boot: boot.clone() };
        let counters = Directory::new(definition, foundation.db.clone(), foundation.journal.clone(), boot.tasks.clone());
        let grpc = portico_chassis::grpc::Server::new(portico_chassis::events::PERMISSIONS)
            .add(portico_chassis::events::service("tickets", &foundation.db))
            .serve(&boot)
            .await
            .unwrap();
        Self { boot, foundation, counters, grpc }
    }

    /// Makes a counter at zero.
    pub async fn create(&self, portal: &str) -> CounterId {
        let now = self.boot.clock.now();
        let id = CounterId::new(self.boot.random.uuid(now));
        let portal: PortalId = portal.parse().unwrap();
        let aggregate = AggregateRef { kind: "counter", id: id.uuid() };
        let entry = Entry::new(portal.clone(), "system", now)
            .expect("counter", id.uuid(), 0)
            .events([NewEvent { id: self.boot.random.uuid(now), aggregate, body: EventBody::default() }])
            .write(Count { portal, id: id.uuid(), value: 0, version: 1 });
        let outcome = self.foundation.journal.append_one(entry, Deadline::default()).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed(_)));
        id
    }

    /// Asks a counter, as request `key` if one is given.
    pub async fn ask(&self, portal: &str, id: CounterId, command: Command, key: Option<&str>) -> Result<i64, Error> {
        let request = key.map(|key| RequestKey::internal("Ask", key));
        let asked = Asked { portal: portal.parse().unwrap(), id, actor: "system".into(), request };
        let answer = self.counters.ask(asked, command, Deadline::default()).await?;
        Ok(String::from_utf8(answer).unwrap().parse().unwrap())
    }

    pub async fn stop(self) {
        self.boot.tasks.shut_down().await;
        self.foundation.db.close().await;
    }
}

/// Writes down what it hears; can be told to choke on one aggregate.
pub struct Ear {
    pub poison: Arc<Mutex<Option<String>>>,
}

#[async_trait]
impl Consumer for Ear {
    fn producer(&self) -> &'static str {
        "tickets"
    }

    async fn apply(&self, conn: &mut PgConnection, events: &[Envelope]) -> Result<(), Error> {
        let poison = self.poison.lock().await.clone();
        for event in events {
            if Some(&event.aggregate_id) == poison.as_ref() && event.version == 2 {
                return Err(Error::internal("this one can't be applied"));
            }
            sqlx::query("INSERT INTO heard (position, aggregate_id, version) VALUES ($1, $2, $3)")
                .bind(event.position)
                .bind(portico_chassis::ids::parse_uuid(&event.aggregate_id).unwrap())
                .bind(event.version)
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    async fn outdate(&self, conn: &mut PgConnection) -> Result<(), Error> {
        sqlx::query("INSERT INTO outdated DEFAULT VALUES").execute(conn).await?;
        Ok(())
    }
}

/// A consumer of the toy service's events, with a database of its own.
pub struct Listener {
    pub boot: Boot<NoConfig>,
    pub foundation: Foundation<()>,
    pub poison: Arc<Mutex<Option<String>>>,
    pub grpc: std::net::SocketAddr,
}

impl Listener {
    pub async fn start(stage: &mut Stage) -> Self {
        let boot = stage.boot("notifier", NoConfig {}).await;
        let foundation = Foundation::<()>::lay(&boot, &MIGRATOR).await.unwrap();
        let poison = Arc::new(Mutex::new(None));
        let ear = Arc::new(Ear { poison: poison.clone() });
        inbox::start(&boot, &foundation.db, &foundation.peers, foundation.nats.clone(), ear).unwrap();
        let grpc = portico_chassis::grpc::Server::new(portico_chassis::events::PERMISSIONS)
            .add(inbox::service(&boot, &foundation.db))
            .serve(&boot)
            .await
            .unwrap();
        Self { boot, foundation, poison, grpc }
    }

    /// How often copies were made stale.
    pub async fn outdated(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM outdated").fetch_one(self.foundation.db.system()).await.unwrap()
    }

    /// Aggregates and versions that a snapshot told.
    pub async fn versions(&self) -> Vec<(Uuid, i64)> {
        let sql = "SELECT aggregate_id, version FROM heard WHERE position = 0";
        sqlx::query_as(sql).fetch_all(self.foundation.db.system()).await.unwrap()
    }

    /// The positions that were heard, in the order of their effect.
    pub async fn heard(&self) -> Vec<i64> {
        sqlx::query_scalar("SELECT position FROM heard ORDER BY nth").fetch_all(self.foundation.db.system()).await.unwrap()
    }

    pub async fn stop(self) {
        self.boot.tasks.shut_down().await;
        self.foundation.db.close().await;
    }
}

/// Adds one to the counter for each timer, once by the timer's id.
pub struct Bell {
    pub counters: Directory<Counters>,
}

#[async_trait]
impl TimerHandler for Bell {
    async fn fire(&self, timer: DueTimer) -> Result<(), Error> {
        let asked = Asked {
            portal: timer.portal,
            id: CounterId::new(timer.aggregate_id),
            actor: "system".into(),
            request: Some(RequestKey::internal("Timer", timer.id.to_string())),
        };
        self.counters.ask(asked, Command::Add(1), Deadline::default()).await?;
        Ok(())
    }
}

/// Arms a timer that is due now.
pub fn due_timer(replica: &Replica, id: CounterId) -> Entry<Count> {
    let now = replica.boot.clock.now();
    Entry::new("demo".parse().unwrap(), "system", now).timers([TimerChange::Arm {
        id: replica.boot.random.uuid(now),
        kind: "ring",
        aggregate_id: id.uuid(),
        due_at: now,
    }])
}

/// An ordinary customer.
pub fn customer() -> portico_chassis::auth::Person {
    portico_chassis::testing::person(1, Role::Customer)
}
