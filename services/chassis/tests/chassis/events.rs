//! Postgres is the truth, NATS is a courier that may forget (I04, I05, I18); real PostgreSQL and NATS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::sync::Arc;

use crate::common::{Bell, Command, Listener, Replica, due_timer};
use async_nats::jetstream;
use portico_chassis::deadline::Deadline;
use portico_chassis::relay::stream_name;
use portico_chassis::testing::{Stage, eventually};
use portico_chassis::timers;

async fn hears_up_to(listener: &Listener, last: i64) -> Vec<i64> {
    eventually("all events to be applied", async || {
        let heard = listener.heard().await;
        (heard.len() as i64 >= last).then_some(heard)
    })
    .await
}

#[tokio::test]
async fn each_event_is_applied_once_and_in_order() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let id = replica.create("demo").await;
    futures_util::future::join_all((0..50).map(|_| replica.ask("demo", id, Command::Add(1), None))).await;
    assert_eq!(hears_up_to(&listener, 51).await, (1..=51).collect::<Vec<_>>());
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn a_consumer_that_begins_late_reads_from_the_first_event() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    futures_util::future::join_all((0..20).map(|_| replica.ask("demo", id, Command::Add(1), None))).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    assert_eq!(hears_up_to(&listener, 21).await, (1..=21).collect::<Vec<_>>());
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn what_the_broker_forgets_is_fetched_from_the_producer() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let id = replica.create("demo").await;
    hears_up_to(&listener, 1).await;
    let broker = jetstream::new(replica.foundation.nats.clone());
    let stream = stream_name(&replica.boot.common.nats_prefix, "tickets");
    for _ in 0..3 {
        // An administrator deletes the stream while events flow.
        eventually("the stream to be there and go", async || broker.delete_stream(&stream).await.ok()).await;
        futures_util::future::join_all((0..10).map(|_| replica.ask("demo", id, Command::Add(1), None))).await;
    }
    assert_eq!(hears_up_to(&listener, 31).await, (1..=31).collect::<Vec<_>>());
    // The relay makes the stream again.
    eventually("the stream", async || broker.get_stream(&stream).await.ok()).await;
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn poison_is_parked_with_its_followers_and_others_flow() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let (poisoned, healthy) = (replica.create("demo").await, replica.create("demo").await);
    *listener.poison.lock().await = Some(poisoned.to_string());
    for _ in 0..3 {
        replica.ask("demo", poisoned, Command::Add(1), None).await.unwrap();
        replica.ask("demo", healthy, Command::Add(1), None).await.unwrap();
    }
    // Positions: 1 and 2 are the creations, then poisoned and healthy take turns.
    assert_eq!(hears_up_to(&listener, 5).await, [1, 2, 4, 6, 8]);
    let parked: Vec<i64> =
        sqlx::query_scalar("SELECT position FROM parked_event ORDER BY position").fetch_all(listener.foundation.db.system()).await.unwrap();
    assert_eq!(parked, [3, 5, 7]);
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn a_timer_takes_effect_once_although_two_replicas_run() {
    let mut stage = Stage::new().await;
    let (one, two) = (Replica::start(&mut stage).await, Replica::start(&mut stage).await);
    for replica in [&one, &two] {
        let armed = replica.foundation.journal.signals().armed.clone();
        timers::start(&replica.boot, &replica.foundation.db, armed, Arc::new(Bell { counters: replica.counters.clone() }));
    }
    let id = one.create("demo").await;
    let entries = (0..20).map(|_| due_timer(&one, id)).collect();
    one.foundation.journal.append(entries, Deadline::default()).await.unwrap();
    eventually("all timers to be gone", async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM timer").fetch_one(one.foundation.db.system()).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    assert_eq!(one.ask("demo", id, Command::Add(0), None).await, Ok(20));
    one.stop().await;
    two.stop().await;
    stage.clear().await;
}
