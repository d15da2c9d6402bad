//! A producer's database restored from an older copy stops its consumers until they are reconciled; what could not be applied is driven again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use crate::common::{Command, CounterId, Listener, Replica};
use portico_chassis::testing::{Stage, eventually};
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use portico_proto::events::v1::inboxes_service_client::InboxesServiceClient;
use portico_proto::events::v1::*;
use tonic::transport::Channel;

/// Everything of a producer that a backup holds, kept beside it in the same database.
const COPY: [&str; 5] = ["journal", "journal_head", "aggregate", "counter", "relay"];

async fn run(stage: &Stage, service: &str, statements: impl Iterator<Item = String>) {
    let mut conn = stage.inspect(service).await;
    for sql in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    }
}

async fn back_up(stage: &Stage) {
    run(stage, "tickets", COPY.iter().map(|table| format!("CREATE TABLE copy_{table} AS TABLE {table}"))).await;
}

async fn restore(stage: &Stage) {
    run(stage, "tickets", COPY.iter().map(|table| format!("DELETE FROM {table}; INSERT INTO {table} TABLE copy_{table}"))).await;
}

async fn channel(address: std::net::SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

async fn inbox(stage: &Stage, listener: &Listener) -> InboxState {
    let mut client = InboxesServiceClient::new(channel(listener.grpc).await);
    client.list_inboxes(stage.as_operator(ListInboxesRequest {})).await.unwrap().into_inner().inboxes.remove(0)
}

async fn reconcile(stage: &Stage, listener: &Listener) -> ReconcileInboxResponse {
    let mut client = InboxesServiceClient::new(channel(listener.grpc).await);
    client.reconcile_inbox(stage.as_operator(ReconcileInboxRequest { producer: "tickets".into() })).await.unwrap().into_inner()
}

async fn begin_epoch(stage: &Stage, replica: &Replica, ended: &str) -> String {
    let mut client = EventsServiceClient::new(channel(replica.grpc).await);
    client.begin_epoch(stage.as_operator(BeginEpochRequest { epoch: ended.into() })).await.unwrap().into_inner().epoch
}

async fn add(replica: &Replica, id: CounterId, times: usize) {
    for _ in 0..times {
        replica.ask("demo", id, Command::Add(1), None).await.unwrap();
    }
}

async fn hears(listener: &Listener, position: i64) {
    eventually("the event to be applied", async || (inbox_position(listener).await >= position).then_some(())).await;
}

async fn inbox_position(listener: &Listener) -> i64 {
    let position: Option<i64> = sqlx::query_scalar("SELECT position FROM inbox WHERE producer = 'tickets'")
        .fetch_optional(listener.foundation.db.system())
        .await
        .unwrap();
    position.unwrap_or(0)
}

/// F12: a lower head stops the inbox; after `reconcile` it goes on after the last event that both journals share, and marks the snapshot.
#[tokio::test]
async fn a_restored_producer_stops_its_consumer_until_it_is_reconciled() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let id = replica.create("demo").await;
    add(&replica, id, 149).await;
    hears(&listener, 150).await;
    back_up(&stage).await;
    add(&replica, id, 30).await;
    hears(&listener, 180).await;

    restore(&stage).await;
    let stopped = eventually("the inbox to stand still", async || {
        let state = inbox(&stage, &listener).await;
        (!state.stopped.is_empty()).then_some(state)
    })
    .await;
    assert_eq!(stopped.position, 180);
    // The restored history grows on; nothing of it is applied meanwhile.
    add(&replica, id, 40).await;
    assert_eq!(inbox_position(&listener).await, 180);

    let epoch = begin_epoch(&stage, &replica, &stopped.epoch).await;
    assert_ne!(epoch, stopped.epoch);
    assert_eq!(begin_epoch(&stage, &replica, &stopped.epoch).await, epoch, "asking again makes no other epoch");
    let before = listener.heard().await.len();
    let answer = reconcile(&stage, &listener).await;
    assert_eq!((answer.epoch.as_str(), answer.aggregates), (epoch.as_str(), 1));
    assert!((1..=150).contains(&answer.position), "event {} is shared", answer.position);
    hears(&listener, 190).await;
    let heard = listener.heard().await.split_off(before);
    assert!((151..=190).all(|position| heard.contains(&position)), "the new history is applied from its first event on: {heard:?}");
    assert_eq!(listener.outdated().await, 1, "copies were made stale once");

    // And it runs: new events come, leftovers of the lost history at the broker do not stop it.
    add(&replica, id, 5).await;
    hears(&listener, 195).await;
    let state = inbox(&stage, &listener).await;
    assert_eq!((state.stopped.as_str(), state.epoch), ("", epoch));
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

/// A new epoch alone stops the consumer too; one that lagged behind the restored point only takes the epoch over.
#[tokio::test]
async fn a_consumer_that_read_nothing_of_the_lost_history_goes_on_where_it_stood() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let id = replica.create("demo").await;
    add(&replica, id, 9).await;
    hears(&listener, 10).await;
    let epoch = begin_epoch(&stage, &replica, &inbox(&stage, &listener).await.epoch).await;
    eventually("the inbox to stand still", async || (!inbox(&stage, &listener).await.stopped.is_empty()).then_some(())).await;
    let answer = reconcile(&stage, &listener).await;
    assert_eq!((answer.epoch, answer.position, answer.aggregates), (epoch, 10, 0));
    add(&replica, id, 3).await;
    hears(&listener, 13).await;
    assert_eq!(listener.heard().await, (1..=13).collect::<Vec<_>>(), "each event once");
    assert_eq!(listener.outdated().await, 0);
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

/// The journal is kept for thirty days: who comes later begins with the present versions.
#[tokio::test]
async fn a_new_consumer_of_a_journal_without_its_beginning_takes_the_snapshot() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let (first, second) = (replica.create("demo").await, replica.create("demo").await);
    add(&replica, first, 8).await;
    run(&stage, "tickets", ["DELETE FROM journal WHERE position <= 6".to_owned()].into_iter()).await;
    let listener = Listener::start(&mut stage).await;
    hears(&listener, 10).await;
    let mut told = listener.versions().await;
    told.sort_unstable();
    let mut expected = vec![(first.uuid(), 9), (second.uuid(), 1)];
    expected.sort_unstable();
    assert_eq!(told, expected);
    add(&replica, second, 2).await;
    hears(&listener, 12).await;
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

/// Point 5 of the events: parked events are visible, and once the cause is mended they are applied in order.
#[tokio::test]
async fn parked_events_are_listed_and_driven_again_in_order() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let (poisoned, healthy) = (replica.create("demo").await, replica.create("demo").await);
    *listener.poison.lock().await = Some(poisoned.to_string());
    add(&replica, poisoned, 3).await;
    add(&replica, healthy, 1).await;
    hears(&listener, 6).await;
    let mut client = InboxesServiceClient::new(channel(listener.grpc).await);
    let list = ListParkedEventsRequest { producer: "tickets".into(), after_position: 0, page_size: 2 };
    let page = client.list_parked_events(stage.as_operator(list)).await.unwrap().into_inner().events;
    let seen: Vec<(i64, i64, &str)> = page.iter().map(|event| (event.position, event.version, event.aggregate_kind.as_str())).collect();
    assert_eq!(seen, [(3, 2, "counter"), (4, 3, "counter")]);
    assert!(page[0].error.contains("can't be applied"), "{}", page[0].error);

    let again = || RedriveParkedEventsRequest { producer: "tickets".into(), aggregate_id: poisoned.to_string() };
    let still = client.redrive_parked_events(stage.as_operator(again())).await.unwrap().into_inner();
    assert_eq!((still.applied, still.left), (0, 3));
    *listener.poison.lock().await = None;
    let mended = client.redrive_parked_events(stage.as_operator(again())).await.unwrap().into_inner();
    assert_eq!((mended.applied, mended.left), (3, 0));
    assert_eq!(listener.heard().await, [1, 2, 6, 3, 4, 5]);
    add(&replica, poisoned, 1).await;
    hears(&listener, 7).await;
    assert_eq!(listener.heard().await.last(), Some(&7));
    assert_eq!(inbox(&stage, &listener).await.parked_events, 0);
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}

/// Only the operator may do this.
#[tokio::test]
async fn nobody_but_the_operator_reconciles() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    stage.peer("tickets", replica.grpc);
    let listener = Listener::start(&mut stage).await;
    let mut client = InboxesServiceClient::new(channel(listener.grpc).await);
    let request = ReconcileInboxRequest { producer: "tickets".into() };
    assert_eq!(client.reconcile_inbox(request.clone()).await.unwrap_err().code(), tonic::Code::Unauthenticated);
    let unknown = ReconcileInboxRequest { producer: "community".into() };
    assert_eq!(client.reconcile_inbox(stage.as_operator(unknown)).await.unwrap_err().code(), tonic::Code::NotFound);
    listener.stop().await;
    replica.stop().await;
    stage.clear().await;
}
