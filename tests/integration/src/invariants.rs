//! The invariants of quality.md, read from a history, the final state and the mailbox.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};
use tokio::time::Instant;

use crate::client::Client;
use crate::load::{Acknowledged, Crowd, History};
use crate::mail::Mailbox;
use crate::stack::World;
use crate::wait;

/// Consumers are at parity within this time after the last fault.
const PARITY: Duration = Duration::from_secs(60);
/// So many tickets are looked at side by side.
const AT_ONCE: usize = 8;

/// Checks all of them.
pub async fn check(world: &World, crowd: &Crowd, history: &History) {
    assert!(history.wrong.is_empty(), "answers that no fault explains: {:?}", history.wrong);
    assert!(!history.tickets.is_empty(), "the load did something");
    everything_heals(world).await;
    acknowledged_talk_is_there_once(crowd, history).await;
    repeats_answer_the_same_bytes(crowd, history).await;
    versions_are_gapless(world).await;
    consumers_reach_parity(world).await;
    bells_and_mails_are_right(world.mailbox(), crowd, history).await;
    work_comes_to_rest(world).await;
    acknowledged_tickets_are_there_once(crowd, history).await;
}

/// I17: all ready again without a restart by hand.
async fn everything_heals(world: &World) {
    wait::within(PARITY, "every service is ready again (I17)", async || world.all_ready().await.then_some(())).await;
}

async fn all_items(client: &Client, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}limit=100{cursor}")).await.expect(200);
        items.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// I01: every acknowledged ticket and comment is readable, once, unchanged; the unknown ones are there whole or not at all.
async fn acknowledged_tickets_are_there_once(crowd: &Crowd, history: &History) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for customer in &crowd.customers {
        for item in all_items(customer, "tickets?").await {
            *seen.entry(item["subject"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    let looked = stream::iter(&history.tickets).for_each_concurrent(AT_ONCE, async |ticket| {
        assert_eq!(
            seen.get(&ticket.subject),
            Some(&1),
            "{} was acknowledged and is there {:?} times (I01)",
            ticket.number,
            seen.get(&ticket.subject)
        );
        ticket_is_unchanged(&crowd.customers[ticket.customer], ticket).await;
    });
    looked.await;
    for subject in &history.unknown {
        assert!(seen.get(subject).copied().unwrap_or(0) <= 1, "{subject} is there twice (I01)");
    }
}

/// I01: text, answer and file of a ticket. I07: when it waited for its customer, its timer resolved it, once.
async fn ticket_is_unchanged(customer: &Client, ticket: &Acknowledged) {
    let path = format!("tickets/{}/timeline", ticket.number);
    let by_system = |item: &&Value| item["actor"]["role"] == "system" && item["to"] == "resolved";
    let timeline = wait::within(PARITY, "the timer resolves it (I07)", async || {
        let timeline = customer.get(&path).await.expect(200);
        let times = timeline["items"].as_array()?.iter().filter(by_system).count();
        assert!(times <= 1, "{} was resolved {times} times (I07)", ticket.number);
        // An answer without acknowledgement may have been taken all the same.
        (times == 1 || ticket.reply.is_none()).then_some(timeline)
    })
    .await;
    let items: Vec<&Value> = timeline["items"].as_array().into_iter().flatten().collect();
    let said = |body: &Value| items.iter().filter(|item| item["body"] == *body).count();
    assert_eq!(said(&ticket.body["description"]), 1, "the text of {} is unchanged (I01)", ticket.number);
    if let Some(reply) = &ticket.reply {
        assert_eq!(said(&Value::from(reply.as_str())), 1, "the answer to {} is there once (I01)", ticket.number);
    }
    let files: Vec<&Value> = items.iter().filter_map(|item| item["attachments"].as_array()).flatten().collect();
    assert_eq!(files.len(), usize::from(ticket.file.is_some()), "the file of {} is there once (I01)", ticket.number);
    for file in files {
        let content = customer.get(&format!("attachments/{}", file["id"].as_str().unwrap_or_default())).await;
        assert_eq!(content.status, 200, "{}: {}", content.asked, content.body);
        assert_eq!(Some(String::from_utf8_lossy(&content.bytes).as_ref()), ticket.file.as_deref(), "{} (I01)", ticket.number);
    }
}

/// I01 for topics, posts and comments on articles.
async fn acknowledged_talk_is_there_once(crowd: &Crowd, history: &History) {
    let reader = &crowd.agent;
    let looked = stream::iter(&history.topics).for_each_concurrent(AT_ONCE, async |topic| {
        let found = reader.get(&format!("topics/{}", topic.id)).await.expect(200);
        for key in ["title", "body"] {
            assert_eq!(found[key], topic.body[key], "topic {} (I01)", topic.id);
        }
        let posts = all_items(reader, &format!("topics/{}/posts?", topic.id)).await;
        let said: Vec<&Value> = posts.iter().map(|post| &post["body"]).collect();
        if let Some(post) = &topic.post {
            assert_eq!(said, [post], "the post below topic {} is there once (I01)", topic.id);
        }
    });
    looked.await;
    let comments = all_items(reader, &format!("articles/{}/comments?", crowd.article)).await;
    for comment in &history.comments {
        assert_eq!(comments.iter().filter(|one| one["body"] == **comment).count(), 1, "{comment} is there once (I01)");
    }
}

/// I02: the same key answers the same bytes.
async fn repeats_answer_the_same_bytes(crowd: &Crowd, history: &History) {
    let looked = stream::iter(history.tickets.iter().step_by(3)).for_each_concurrent(AT_ONCE, async |ticket| {
        let again = crowd.customers[ticket.customer].post_once("tickets", &ticket.key, &ticket.body).await;
        assert_eq!(String::from_utf8_lossy(&again.bytes), String::from_utf8_lossy(&ticket.answer), "{} (I02)", ticket.number);
    });
    looked.await;
}

async fn database(world: &World, service: &str) -> PgConnection {
    let status = world.status();
    let dsn = status["postgres"][service].as_str().expect("a database a service").to_owned();
    let mut connection = PgConnection::connect(&dsn).await.expect("the database answers");
    let role = format!("SET ROLE {service}_system");
    sqlx::query(sqlx::AssertSqlSafe(role)).execute(&mut connection).await.expect("the role that sees all portals");
    connection
}

fn services(world: &World) -> Vec<String> {
    world.status()["postgres"].as_object().expect("databases").keys().cloned().collect()
}

/// I03: per aggregate, the journal holds versions 1..n and the table says n.
async fn versions_are_gapless(world: &World) {
    for service in services(world) {
        let mut connection = database(world, &service).await;
        let broken: Vec<String> = sqlx::query(
            "SELECT a.kind || ' ' || a.id || ': version ' || a.version || ', journal ' || count(j.version) || ' rows up to ' || coalesce(max(j.version), 0) \
             FROM aggregate a LEFT JOIN journal j ON j.aggregate_id = a.id GROUP BY a.kind, a.id, a.version \
             HAVING count(j.version) <> a.version OR coalesce(max(j.version), 0) <> a.version LIMIT 5",
        )
        .fetch_all(&mut connection)
        .await
        .expect("versions")
        .iter()
        .map(|row| row.get(0))
        .collect();
        assert!(broken.is_empty(), "{service} (I03): {broken:?}");
        let gap: bool =
            sqlx::query("SELECT h.position <> count(j.position) FROM journal_head h LEFT JOIN journal j ON true GROUP BY h.position")
                .fetch_one(&mut connection)
                .await
                .expect("positions")
                .get(0);
        assert!(!gap, "{service}: the journal has a gap (I03)");
    }
}

/// I04: every inbox has read what its producer wrote, every relay has published it, nothing is parked.
async fn consumers_reach_parity(world: &World) {
    wait::within(PARITY, "consumers at parity (I04)", async || {
        let mut heads = BTreeMap::new();
        let mut cursors = Vec::new();
        for service in services(world) {
            let mut connection = database(world, &service).await;
            let head: i64 = sqlx::query("SELECT position FROM journal_head").fetch_one(&mut connection).await.expect("a head").get(0);
            let published: i64 = sqlx::query("SELECT published FROM relay").fetch_one(&mut connection).await.expect("a relay").get(0);
            if published != head {
                return None;
            }
            heads.insert(service, head);
            for row in sqlx::query("SELECT producer, position FROM inbox").fetch_all(&mut connection).await.expect("cursors") {
                cursors.push((row.get::<String, _>(0), row.get::<i64, _>(1)));
            }
            let parked: i64 =
                sqlx::query("SELECT count(*) FROM parked_event").fetch_one(&mut connection).await.expect("parked events").get(0);
            assert_eq!(parked, 0, "nothing is parked");
        }
        cursors.iter().all(|(producer, position)| heads.get(producer) == Some(position)).then_some(())
    })
    .await;
}

/// I05: one bell row for each acknowledged answer, at least one mail with one Message-ID.
async fn bells_and_mails_are_right(mailbox: &Mailbox, crowd: &Crowd, history: &History) {
    for (index, customer) in crowd.customers.iter().enumerate() {
        let answered: BTreeSet<&str> = history
            .tickets
            .iter()
            .filter(|ticket| ticket.customer == index && ticket.reply.is_some())
            .map(|ticket| ticket.number.as_str())
            .collect();
        wait::within(PARITY, "every answer rings once (I05)", async || {
            // A ticket of the load has one event of each kind.
            let mut rings: BTreeMap<(String, String), usize> = BTreeMap::new();
            for item in all_items(customer, "notifications?").await.iter().filter(|item| item["ticket"].is_string()) {
                let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
                *rings.entry((text("ticket"), text("kind"))).or_default() += 1;
            }
            let twice: Vec<_> = rings.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "rang twice (I05): {twice:?}");
            answered.iter().all(|number| rings.keys().any(|(ticket, _)| ticket == number)).then_some(())
        })
        .await;
        for kind in ["receipt", "ticket_update"] {
            wait::within(PARITY, &format!("every {kind} mail arrives (I05)"), async || {
                let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for mail in mailbox.of_kind(customer.email(), kind) {
                    ids.entry(mail.ticket).or_default().insert(mail.message_id);
                }
                let changed: Vec<_> = answered.iter().filter(|number| ids.get(**number).is_some_and(|ids| ids.len() > 1)).collect();
                assert!(changed.is_empty(), "a repeated mail has another Message-ID (I05): {changed:?}");
                answered.iter().all(|number| ids.contains_key(*number)).then_some(())
            })
            .await;
        }
    }
}

/// I17: nothing is overdue or given up, and every inbox and relay has a holder of this moment.
async fn work_comes_to_rest(world: &World) {
    let end = Instant::now() + PARITY;
    loop {
        let left = unfinished(world).await;
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "after {} s there is unfinished work (I17): {left:?}", PARITY.as_secs());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn unfinished(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    for service in services(world) {
        let mut connection = database(world, &service).await;
        let mut questions = vec![
            "SELECT 'timer ' || kind FROM timer WHERE due_at < now() - interval '10 s'",
            "SELECT 'lease ' || name FROM lease WHERE (name = 'relay' OR name LIKE 'inbox:%') AND until < now()",
            "SELECT 'dirty ' || kind FROM dirty",
        ];
        if service == "notifier" {
            questions.push(
                "SELECT 'delivery ' || state || ' ' || reason FROM delivery \
                 WHERE state = 'failed' OR state = 'pending' AND due_at < now() - interval '10 s'",
            );
        }
        for question in questions {
            let rows = sqlx::query(question).fetch_all(&mut connection).await.expect(question);
            left.extend(rows.iter().map(|row| format!("{service}: {}", row.get::<String, _>(0))));
        }
    }
    left
}
