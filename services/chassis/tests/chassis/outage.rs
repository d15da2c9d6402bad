//! PostgreSQL goes away at the worst moment: answers get lost, hosts go silent, replicas stop in the middle (I01, I02, I17, F03).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::{Duration, Instant};

use crate::common::proxy::{Mode, Proxy};
use crate::common::{Command, Count, Replica};
use portico_chassis::config::NoConfig;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::journal::{AggregateRef, Entry, NewEvent, Outcome};
use portico_chassis::testing::{Stage, eventually};
use portico_proto::events::v1::EventBody;
use uuid::Uuid;

async fn behind_a_proxy(stage: &mut Stage) -> (Replica, Proxy) {
    let mut boot = stage.boot("tickets", NoConfig {}).await;
    let (proxy, url) = Proxy::before(boot.common.database_url.as_ref().unwrap()).await;
    boot.common.database_url = Some(url);
    (Replica::start_with(boot).await, proxy)
}

/// A counter's row, with the event of its creation or without anything that the journal would remember it by.
fn entry(replica: &Replica, id: Uuid, with_event: bool) -> Entry<Count> {
    let now = replica.boot.clock.now();
    let entry =
        Entry::new("demo".parse().unwrap(), "system", now).write(Count { portal: "demo".parse().unwrap(), id, value: 1, version: 1 });
    if !with_event {
        return entry;
    }
    let aggregate = AggregateRef { kind: "counter", id };
    entry.expect("counter", id, 0).events([NewEvent { id: replica.boot.random.uuid(now), aggregate, body: EventBody::default() }])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_got_lost_is_settled_before_anybody_is_answered() {
    let mut stage = Stage::new().await;
    let (replica, proxy) = behind_a_proxy(&mut stage).await;
    let mut inspector = stage.inspect("tickets").await;
    for with_event in [true, false] {
        for (mode, committed) in [(Mode::CutAfterCommit, true), (Mode::CutBeforeCommit, false)] {
            let id = Uuid::now_v7();
            proxy.set(mode);
            let outcome = replica.foundation.journal.append_one(entry(&replica, id, with_event), Deadline::default()).await;
            let told = matches!(outcome, Ok(Outcome::Committed(_)));
            assert_eq!(told, committed, "{mode:?} with_event={with_event}: {outcome:?}");
            let there: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM counter WHERE id = $1)").bind(id).fetch_one(&mut inspector).await.unwrap();
            assert_eq!(there, committed, "{mode:?} with_event={with_event}");
        }
    }
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_went_silent_fails_callers_at_their_deadline_and_is_used_again_when_it_is_back() {
    let mut stage = Stage::new().await;
    let (replica, proxy) = behind_a_proxy(&mut stage).await;
    let id = replica.create("demo").await;
    proxy.set(Mode::Silent);
    let begun = Instant::now();
    let silent = entry(&replica, Uuid::now_v7(), true);
    let refused = replica.foundation.journal.append_one(silent, Deadline::within(Duration::from_secs(2))).await;
    assert_eq!(refused, Err(Error::Deadline));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    eventually("the replica to be not ready", async || (!replica.boot.readiness.failing().is_empty()).then_some(())).await;
    proxy.set(Mode::Forward);
    // No connection of before is waited for: all of them have time-outs of the client's.
    eventually("the replica to be ready", async || replica.boot.readiness.failing().is_empty().then_some(())).await;
    eventually("a commit", async || replica.ask("demo", id, Command::Add(1), None).await.ok()).await;
    replica.stop().await;
    stage.clear().await;
}

/// Section 3.4: no statement outlives the deadline of the request that it is for, and none is begun after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_with_the_deadline_of_its_request() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let portal = "demo".parse().unwrap();
    let deadline = Deadline::within(Duration::from_millis(300));
    let mut conn = replica.foundation.db.read(&portal, deadline).await.unwrap();
    let begun = Instant::now();
    let ended = sqlx::query("SELECT pg_sleep(10)").execute(&mut *conn).await.map_err(Error::from);
    assert_eq!(ended.map(drop), Err(Error::Deadline));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(conn);
    assert!(deadline.is_over());
    assert_eq!(replica.foundation.db.read(&portal, deadline).await.map(drop), Err(Error::Deadline));
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_replica_holds_is_free_within_seconds() {
    let mut stage = Stage::new().await;
    let (one, two) = (Replica::start(&mut stage).await, Replica::start(&mut stage).await);
    sqlx::query("INSERT INTO inbox (producer, epoch, position) VALUES ('identity', '', 0)")
        .execute(one.foundation.db.system())
        .await
        .unwrap();
    let sql = "SELECT position FROM inbox WHERE producer = 'identity' FOR UPDATE";
    // One replica locks the cursor and says no more.
    let mut stopped = one.foundation.db.system().begin().await.unwrap();
    sqlx::query(sql).execute(&mut *stopped).await.unwrap();
    let begun = Instant::now();
    eventually("the cursor", async || {
        let mut tx = two.foundation.db.system().begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.ok()
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // The same within a request.
    let portal = "demo".parse().unwrap();
    let mut stopped_request = one.foundation.db.read(&portal, Deadline::default()).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT position FROM journal_head FOR UPDATE").execute(&mut *stopped_request).await.unwrap();
    let begun = Instant::now();
    eventually("a commit", async || two.foundation.journal.append_one(entry(&two, Uuid::now_v7(), true), Deadline::default()).await.ok())
        .await;
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    drop((stopped, stopped_request));
    one.stop().await;
    two.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_background_does_not_make_a_replica_unready() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    eventually("the replica to be ready", async || replica.boot.readiness.failing().is_empty().then_some(())).await;
    // Background work takes every connection of its pool, for longer than a sample may take.
    let mut taken = Vec::new();
    while let Some(conn) = replica.foundation.db.system().try_acquire() {
        taken.push(conn);
    }
    let share = replica.foundation.db.system().options().get_max_connections();
    for _ in taken.len()..share as usize {
        taken.push(replica.foundation.db.system().acquire().await.unwrap());
    }
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        assert_eq!(replica.boot.readiness.failing(), []);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(taken);
    replica.stop().await;
    stage.clear().await;
}
