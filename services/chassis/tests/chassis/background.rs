//! Background work that meets trouble: timers, inbox, retention, relay (I05, I07).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{Bell, Command, CounterId, Listener, Replica, due_timer};
use async_trait::async_trait;
use portico_chassis::config::{NoConfig, Secret};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::retention;
use portico_chassis::testing::{Stage, eventually};
use portico_chassis::timers::{self, DueTimer, TimerHandler};

/// Never comes back from one counter, and rings for the others.
struct Stuck {
    on: CounterId,
    bell: Bell,
}

#[async_trait]
impl TimerHandler for Stuck {
    async fn fire(&self, timer: DueTimer) -> Result<(), Error> {
        if timer.aggregate_id == self.on.uuid() {
            std::future::pending::<()>().await;
        }
        self.bell.fire(timer).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_hangs_delays_nobody_else() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let (hanging, healthy) = (replica.create("demo").await, replica.create("demo").await);
    let handler = Stuck { on: hanging, bell: Bell { counters: replica.counters.clone() } };
    let armed = replica.foundation.journal.signals().armed.clone();
    timers::start(&replica.boot, &replica.foundation.db, armed, Arc::new(handler));
    let entries = std::iter::once(due_timer(&replica, hanging)).chain((0..200).map(|_| due_timer(&replica, healthy))).collect();
    let begun = Instant::now();
    replica.foundation.journal.append(entries, Deadline::default()).await.unwrap();
    eventually("all but the one to be gone", async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM timer").fetch_one(replica.foundation.db.system()).await.unwrap();
        (left == 1).then_some(())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(replica.ask("demo", healthy, Command::Add(0), None).await, Ok(200));
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_passes_within_seconds_parks_nothing() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let id = replica.create("demo").await;
    *listener.poison.lock().await = Some(id.to_string());
    for _ in 0..3 {
        replica.ask("demo", id, Command::Add(1), None).await.unwrap();
    }
    eventually("the first", async || (listener.heard().await == [1]).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    *listener.poison.lock().await = None;
    eventually("all", async || (listener.heard().await == [1, 2, 3, 4]).then_some(())).await;
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked_event").fetch_one(listener.foundation.db.system()).await.unwrap();
    assert_eq!(parked, 0);
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

/// So many events that are a month old, and relayed, before what comes now; the head is where the last of them would be.
async fn aged(stage: &Stage, head: i64, old: std::ops::RangeInclusive<i64>) {
    let sql = format!(
        "INSERT INTO journal SELECT n, gen_random_uuid(), NULL, 'demo', 'counter', gen_random_uuid(), 1, now() - interval '31 days', '', '', '' \
           FROM generate_series({}, {}) n; \
         UPDATE relay SET published = {head}; UPDATE journal_head SET position = {head}",
        old.start(),
        old.end(),
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut stage.inspect("tickets").await).await.unwrap();
}

#[tokio::test]
async fn retention_removes_everything_that_is_old_however_much_it_is() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    aged(&stage, 12_000, 1..=12_000).await;
    let id = replica.create("demo").await;
    replica.ask("demo", id, Command::Add(1), Some("young")).await.unwrap();
    let mut inspector = stage.inspect("tickets").await;
    sqlx::raw_sql(
        "INSERT INTO request SELECT 'demo', 'a', 'Do', n::text, '', '', now() - interval '26 hours' FROM generate_series(1, 12000) n",
    )
    .execute(&mut inspector)
    .await
    .unwrap();
    assert_eq!(retention::sweep(replica.foundation.db.system()).await.unwrap(), 24_000);
    assert_eq!(retention::sweep(replica.foundation.db.system()).await.unwrap(), 0);
    let (requests, rows): (i64, i64) =
        sqlx::query_as("SELECT (SELECT count(*) FROM request), (SELECT count(*) FROM journal)").fetch_one(&mut inspector).await.unwrap();
    assert_eq!((requests, rows), (1, 2), "what is young stays");
    replica.stop().await;
    stage.clear().await;
}

async fn partitions(stage: &Stage) -> Vec<String> {
    let sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'journal'::regclass ORDER BY inhrelid";
    sqlx::query_scalar(sql).fetch_all(&mut stage.inspect("tickets").await).await.unwrap()
}

#[tokio::test]
async fn the_journal_grows_by_partitions_and_loses_whole_ones() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let sweep = async || retention::sweep(replica.foundation.db.system()).await.unwrap();
    assert_eq!(partitions(&stage).await, ["journal_0", "journal_1", "journal_2"], "there is room ahead");
    let id = replica.create("demo").await;
    aged(&stage, 5_000_000, 11..=20).await;
    // The head has left the first partition, whose newest row is old; the second one begins with an old row.
    aged(&stage, 5_000_010, 5_000_000..=5_000_009).await;
    replica.ask("demo", id, Command::Add(1), None).await.unwrap();
    assert_eq!(sweep().await, 10, "of the partition that is written, single rows go");
    assert_eq!(partitions(&stage).await, ["journal_1", "journal_2", "journal_3"]);
    // Another one is complete, but young.
    aged(&stage, 10_000_010, 5_000_100..=5_000_110).await;
    let young = "UPDATE journal SET at = now() - interval '29 days' WHERE position = 5000110";
    sqlx::query(young).execute(&mut stage.inspect("tickets").await).await.unwrap();
    assert_eq!(sweep().await, 0);
    assert_eq!(partitions(&stage).await, ["journal_1", "journal_2", "journal_3", "journal_4"], "it waits for its newest row");
    replica.ask("demo", id, Command::Add(1), None).await.unwrap();
    let refused = sqlx::query("SELECT portico_journal_drop(2)").execute(replica.foundation.db.system()).await;
    assert!(refused.unwrap_err().to_string().contains("still written"), "nobody drops what is written");
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_replica_still_ends_in_time_and_gives_its_lease_back() {
    let mut stage = Stage::new().await;
    let mut boot = stage.boot("tickets", NoConfig {}).await;
    // Nobody listens there.
    boot.common.nats_url = Some(Secret::new("nats://127.0.0.1:9"));
    let replica = Replica::start_with(boot).await;
    let id = replica.create("demo").await;
    replica.ask("demo", id, Command::Add(1), None).await.unwrap();
    let mut inspector = stage.inspect("tickets").await;
    let held = "SELECT count(*) FROM lease WHERE name = 'relay' AND until > clock_timestamp()";
    eventually("the relay's lease", async || {
        let mut conn = replica.foundation.db.system().acquire().await.unwrap();
        let holders: i64 = sqlx::query_scalar(held).fetch_one(&mut *conn).await.unwrap();
        (holders == 1).then_some(())
    })
    .await;
    let begun = Instant::now();
    replica.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let holders: i64 = sqlx::query_scalar(held).fetch_one(&mut inspector).await.unwrap();
    assert_eq!(holders, 0);
    stage.clear().await;
}
