//! Postgres is the truth, NATS is a courier that may forget (I04, I05, I18); real PostgreSQL and NATS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::sync::Arc;

use crate::common::{Bell, Command, Listener, Replica, due_timer};
use async_nats::jetstream;
use portico_chassis::deadline::Deadline;
use portico_chassis::relay::stream_name;
use portico_chassis::testing::{Stage, eventually};
use portico_chassis::timers;
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use portico_proto::events::v1::{Envelope, PullRequest};
use prost::Message;

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

/// F32: an event that a newer version wrote, and this one hands on.
#[tokio::test]
async fn a_body_is_handed_on_with_what_this_version_does_not_know() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    replica.create("demo").await;
    // An event of tickets, with a field that no message has inside it and one beside it.
    let body = b"\x12\x07\xfa\x7c\x04next\xfa\x7c\x04more";
    let mut inspector = stage.inspect("tickets").await;
    sqlx::query("UPDATE journal SET body = $1").bind(&body[..]).execute(&mut inspector).await.unwrap();
    let mut producer = EventsServiceClient::connect(format!("http://{}", replica.grpc)).await.unwrap();
    let page = producer.pull(stage.as_service("notifier", PullRequest { after_position: 0 })).await.unwrap().into_inner();
    assert_eq!(page.events[0].body, body);
    // A stream that is new gets the last rows again.
    let broker = jetstream::new(replica.foundation.nats.clone());
    let stream = stream_name(&replica.boot.common.nats_prefix, "tickets");
    eventually("the stream to be there and go", async || broker.delete_stream(&stream).await.ok()).await;
    replica.create("demo").await;
    let message =
        eventually("the stream's first message", async || broker.get_stream(&stream).await.ok()?.get_raw_message(1).await.ok()).await;
    let published = Envelope::decode(message.payload).unwrap();
    assert_eq!((published.position, published.body.as_slice()), (1, &body[..]));
    drop(inspector);
    replica.stop().await;
    stage.clear().await;
}

/// K19: every connection has prepared what it asks when a newer version adds a column to every table.
#[tokio::test]
async fn columns_that_are_added_while_it_runs_disturb_nobody() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let id = replica.create("demo").await;
    let add = async || futures_util::future::join_all((0..20).map(|_| replica.ask("demo", id, Command::Add(1), None))).await;
    assert!(add().await.iter().all(Result::is_ok));
    hears_up_to(&listener, 21).await;
    let add_columns = "DO $$ DECLARE target text; BEGIN \
        FOR target IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition \
            AND relname <> '_sqlx_migrations' ORDER BY relname LOOP \
          EXECUTE format('ALTER TABLE %I ADD COLUMN added text', target); COMMIT; \
        END LOOP; END $$";
    for service in ["tickets", "notifier"] {
        sqlx::raw_sql(add_columns).execute(&mut stage.inspect(service).await).await.unwrap();
    }
    let added = add().await;
    assert!(added.iter().all(Result::is_ok), "{added:?}");
    assert_eq!(hears_up_to(&listener, 41).await, (1..=41).collect::<Vec<_>>());
    eventually("all to be published", async || {
        let question = "SELECT r.published = h.position FROM relay r, journal_head h";
        let published: bool = sqlx::query_scalar(question).fetch_one(replica.foundation.db.system()).await.unwrap();
        published.then_some(())
    })
    .await;
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}
