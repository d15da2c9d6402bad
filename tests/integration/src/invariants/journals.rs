//! Versions without gap or double (I03), consumers at parity (I04), work that comes to rest (I17). Looks into databases and the broker.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream;
use portico_chassis::relay::stream_name;
use sqlx::{AssertSqlSafe, Row};

use super::{Scene, database};
use crate::broker;
use crate::stack::World;
use crate::wait;

/// Aggregates that have a table of their own with their version in it.
const OWN_TABLES: [(&str, &str); 4] = [("tickets", "ticket"), ("community", "topic"), ("knowledge", "article"), ("identity", "person")];
/// What is due for longer than this is overdue.
const OVERDUE: &str = "10 s";

/// I03: per aggregate, the journal holds versions 1..n, each once and under one event, the table of versions says n, and so does its own table.
pub(super) async fn versions_are_gapless(world: &World) {
    for service in world.services() {
        let uneven = "SELECT coalesce(a.kind, j.kind) || ' ' || coalesce(a.id, j.id) || ': version ' || coalesce(a.version, 0) || ', journal ' \
                             || coalesce(j.events, 0) || ' rows of ' || coalesce(j.versions, 0) || ' versions up to ' || coalesce(j.newest, 0) \
                        FROM aggregate a \
                        FULL JOIN (SELECT aggregate_id AS id, min(aggregate_kind) AS kind, count(*) AS events, count(DISTINCT version) AS versions, \
                                          max(version) AS newest \
                                     FROM journal GROUP BY aggregate_id) j ON j.id = a.id \
                       WHERE coalesce(j.events, 0) <> coalesce(a.version, 0) OR coalesce(j.versions, 0) <> coalesce(a.version, 0) \
                          OR coalesce(j.newest, 0) <> coalesce(a.version, 0) LIMIT 5";
        none(world, &service, "versions", uneven).await;
        let gap = "SELECT 'head ' || h.position || ', ' || count(j.position) || ' rows' FROM journal_head h LEFT JOIN journal j ON true \
                   GROUP BY h.position HAVING h.position <> count(j.position)";
        none(world, &service, "a gap in the journal", gap).await;
        let again = "SELECT 'event ' || event_id FROM journal GROUP BY event_id HAVING count(*) > 1 LIMIT 5";
        none(world, &service, "an event twice in the journal", again).await;
    }
    for (service, table) in OWN_TABLES {
        let other = format!(
            "SELECT '{table} ' || t.id || ': version ' || t.version || ', aggregate ' || coalesce(a.version, 0) FROM {table} t \
             LEFT JOIN aggregate a ON a.id = t.id WHERE a.version IS DISTINCT FROM t.version LIMIT 5"
        );
        none(world, service, "a table of its own", &other).await;
    }
}

async fn none(world: &World, service: &str, what: &str, question: &str) {
    let found = texts(world, service, question).await;
    assert!(found.is_empty(), "{service}, {what} (I03): {found:?}");
}

/// The first column of each row.
async fn texts(world: &World, service: &str, question: &str) -> Vec<String> {
    let mut connection = database(world, service).await;
    let rows = sqlx::query(AssertSqlSafe(question.to_owned())).fetch_all(&mut connection).await.expect(question);
    rows.iter().map(|row| row.get(0)).collect()
}

/// I04: every inbox has read what its producer wrote, every relay has published it, nothing is parked.
pub(super) async fn consumers_reach_parity(world: &World, patience: Duration) {
    wait::within(patience, "consumers at parity (I04)", async || is_at_parity(world).await.then_some(())).await;
}

/// Whether every inbox is where its producer's journal ends, and every journal is published; what is written meanwhile is no matter. For a cell
/// that measures when this is so again.
///
/// # Panics
/// When an event is parked.
pub async fn is_at_parity(world: &World) -> bool {
    let before = ends(world).await;
    let mut cursors = Vec::new();
    for service in world.services() {
        let mut connection = database(world, &service).await;
        for row in sqlx::query("SELECT producer, position FROM inbox").fetch_all(&mut connection).await.expect("cursors") {
            cursors.push((row.get::<String, _>(0), row.get::<i64, _>(1)));
        }
        let parked: i64 = sqlx::query("SELECT count(*) FROM parked_event").fetch_one(&mut connection).await.expect("parked events").get(0);
        assert_eq!(parked, 0, "nothing is parked");
    }
    let after = ends(world).await;
    let are_published = before.iter().all(|(service, (end, _))| after[service].1 >= *end);
    are_published && cursors.iter().all(|(producer, position)| (before[producer].0..=after[producer].0).contains(position))
}

/// Where each journal ends, and up to where it is published.
async fn ends(world: &World) -> BTreeMap<String, (i64, i64)> {
    let mut ends = BTreeMap::new();
    for service in world.services() {
        let mut connection = database(world, &service).await;
        let question = "SELECT h.position, r.published FROM journal_head h, relay r";
        let row = sqlx::query(question).fetch_one(&mut connection).await.expect("a head and a relay");
        ends.insert(service, (row.get(0), row.get(1)));
    }
    ends
}

/// I17: nothing is overdue or given up, every inbox and relay has a holder of this moment, and the broker has delivered what it has.
pub(super) async fn work_comes_to_rest(scene: &Scene<'_>, patience: Duration) {
    let mut left = Vec::new();
    let what = "work comes to rest (I17)";
    let rest = tokio::time::timeout(patience, async {
        loop {
            left = unfinished(scene).await;
            left.extend(undelivered(scene.world).await);
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let rested = rest.await.is_ok();
    assert!(rested, "{what}: after {} s there is {left:?}", patience.as_secs());
}

async fn unfinished(scene: &Scene<'_>) -> Vec<String> {
    let mut left = Vec::new();
    for service in scene.world.services() {
        let mut questions = vec![
            format!("SELECT 'timer ' || kind FROM timer WHERE due_at < now() - interval '{OVERDUE}'"),
            "SELECT 'lease ' || name FROM lease WHERE (name = 'relay' OR name LIKE 'inbox:%') AND until < now()".to_owned(),
            "SELECT 'dirty ' || kind FROM dirty".to_owned(),
        ];
        if service == "notifier" {
            questions.push(format!(
                "SELECT 'delivery ' || state FROM delivery WHERE state = 'pending' AND due_at < now() - interval '{OVERDUE}'"
            ));
            // What the mail server refuses for good is given up, and only that.
            let refused = if scene.tolerance.unwanted.is_some() { "AND reason <> 'smtp 550'" } else { "" };
            questions.push(format!("SELECT 'delivery ' || reason FROM delivery WHERE state = 'failed' {refused}"));
        }
        for question in questions {
            left.extend(texts(scene.world, &service, &question).await.into_iter().map(|one| format!("{service}: {one}")));
        }
    }
    left
}

/// Consumers at the broker that nobody listens to, or that have something left. A stream that is not there has had no event since it was lost.
async fn undelivered(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    let broker = jetstream::new(async_nats::connect(url(world)).await.expect("the broker answers"));
    for service in world.services() {
        for producer in texts(world, &service, "SELECT producer FROM inbox").await {
            let Ok(stream) = broker.get_stream(stream_name(broker::PREFIX, &producer)).await else { continue };
            let name = format!("{service} of {producer}");
            let Ok(consumer) = stream.consumer_info(&service).await else {
                left.push(format!("{name}: no consumer"));
                continue;
            };
            let state = &stream.cached_info().state;
            // The broker counts messages that damage took from the middle of its file as still to come.
            let damaged = state.last_sequence + 1 - state.first_sequence.min(state.last_sequence + 1) != state.messages;
            let pending = if damaged { 0 } else { consumer.num_pending };
            if consumer.num_waiting == 0 || consumer.num_ack_pending > 0 || pending > 0 {
                left.push(format!(
                    "{name}: {} listen, {} to be acknowledged, {pending} to be delivered",
                    consumer.num_waiting, consumer.num_ack_pending
                ));
            }
        }
    }
    left
}

/// The broker's URL, with the password that it asks for now.
fn url(world: &World) -> String {
    let conf = std::fs::read_to_string(world.data().join("nats.conf")).unwrap_or_default();
    match conf.split("password: \"").nth(1).and_then(|rest| rest.split('"').next()) {
        Some(password) => broker::url_with(world, password),
        None => world.status()["nats"].as_str().expect("the broker's URL").to_owned(),
    }
}
