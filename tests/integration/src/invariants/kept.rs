//! What was acknowledged is there, once and unchanged; what was not is there whole or not at all (I01). Numbers are unique (I15).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::timers::{self, Timelines};
use super::{AT_ONCE, PARITY, Scene, Ticket, all_items};
use crate::client::Client;
use crate::history::{Kind, Operation};
use crate::wait;

/// Operations that a fault may delay and that nobody may refuse.
const WRITES: [&str; 18] = [
    "ticket",
    "reply",
    "note",
    "answer_back",
    "share",
    "unshare",
    "upload",
    "topic",
    "post",
    "comment",
    "feedback",
    "article",
    "unpublish",
    "sign_in",
    "sign_out",
    "suspend",
    "reactivate",
    "change_password",
];

/// A fault explains no answer, a 5xx but 500, or a 409 that passes; it explains no other refusal.
pub(super) fn nothing_was_refused(scene: &Scene<'_>) {
    let refused = |operation: &&Operation| {
        // Who was signed out by a try whose answer got lost is nobody at the next one; who has a new password by it no longer has the old one.
        let was_done = ["sign_out", "change_password"].contains(&operation.op.as_str()) && operation.tries().count() > 1;
        operation.outcome == Kind::Fail && WRITES.contains(&operation.op.as_str()) && !was_done && !scene.is_excused(operation)
    };
    let wrong: Vec<&Operation> = scene.history.operations.iter().filter(refused).take(5).collect();
    assert!(wrong.is_empty(), "refusals that no fault explains: {wrong:?}");
    let broken = |operation: &&Operation| operation.tries().any(|status| status == 500);
    let broken: Vec<&Operation> = scene.history.operations.iter().filter(broken).take(5).collect();
    assert!(broken.is_empty(), "a fault is no defect of ours, and yet these met a 500: {broken:?}");
}

/// I15.
pub(super) fn numbers_are_unique(scene: &Scene<'_>) {
    let mut seen = BTreeSet::new();
    for ticket in scene.tickets() {
        assert!(seen.insert((ticket.camp.slug.as_str(), ticket.number.clone())), "{} was given twice (I15)", ticket.number);
    }
}

/// The numbers of what customers see, by portal and subject.
type Listed = BTreeMap<(String, String), BTreeSet<String>>;

async fn listed(scene: &Scene<'_>) -> Listed {
    let mut listed = Listed::new();
    for camp in scene.camps() {
        for customer in &camp.customers {
            let mut own = BTreeSet::new();
            for item in all_items(customer, "tickets?").await {
                let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
                assert!(own.insert(text("number")), "{} is listed twice (I15)", text("number"));
                listed.entry((camp.slug.clone(), text("subject"))).or_default().insert(text("number"));
            }
        }
    }
    listed
}

/// I01 for tickets, what was written on them, and files.
pub(super) async fn tickets_are_there_once(scene: &Scene<'_>, timelines: &Timelines) {
    let listed = listed(scene).await;
    let mut there = Vec::new();
    for operation in scene.history.of_op("ticket") {
        let subject = operation.asked["body"]["subject"].as_str().unwrap_or_default().to_owned();
        let numbers = listed.get(&(operation.portal.clone(), subject));
        let found = numbers.map_or(0, BTreeSet::len);
        let must = operation.outcome == Kind::Ok && !scene.tolerance.may_be_lost(operation);
        assert!(found <= 1 && (found == 1 || !must), "{} is there {found} times (I01)", operation.asked["body"]);
        let Some(number) = numbers.and_then(BTreeSet::first) else { continue };
        assert!(!must || operation.answer()["number"] == number.as_str(), "{number} was told as another one (I01): {}", operation.told);
        there.push(scene.ticket(operation, number.clone()));
    }
    let looked = stream::iter(&there).for_each_concurrent(AT_ONCE, async |ticket| {
        match timelines.get(&(ticket.camp.slug.clone(), ticket.number.clone())) {
            Some(timeline) => is_unchanged(scene, ticket, timeline).await,
            None => is_unchanged(scene, ticket, &timers::read(ticket.who(), &ticket.number).await).await,
        }
    });
    looked.await;
}

async fn is_unchanged(scene: &Scene<'_>, ticket: &Ticket<'_>, timeline: &[Value]) {
    let asked = &ticket.operation.asked;
    assert_eq!(times(timeline, &asked["body"]["description"]), 1, "the text of {} is unchanged (I01)", ticket.number);
    // Of a number that was given twice nobody can say what was written on which.
    if !scene.is_ambiguous(&ticket.camp.slug, &ticket.number) {
        let answered = said_once(scene, ticket, "reply", timeline);
        let waited = timeline.iter().filter(|item| item["to"] == "waiting_customer").count();
        assert_eq!(waited, answered, "the answer to {} and its status are there together (I01)", ticket.number);
        said_once(scene, ticket, "answer_back", timeline);
        if scene.about("note", ticket).next().is_some() {
            said_once(scene, ticket, "note", &timers::read(&ticket.camp.agent, &ticket.number).await);
        }
    }
    let files: Vec<&Value> = timeline.iter().filter_map(|item| item["attachments"].as_array()).flatten().collect();
    assert_eq!(files.len(), usize::from(asked["file"].is_string()), "the file of {} is there once (I01)", ticket.number);
    for file in files {
        has_its_content(ticket.who(), file, &asked["file"]).await;
    }
}

fn times(timeline: &[Value], body: &Value) -> usize {
    timeline.iter().filter(|item| item["body"] == *body).count()
}

/// How many of the operations of this kind on the ticket are there: each acknowledged one once, each other one at most once.
fn said_once(scene: &Scene<'_>, ticket: &Ticket<'_>, op: &str, timeline: &[Value]) -> usize {
    let mut all = 0;
    for said in scene.about(op, ticket) {
        let times = times(timeline, &said.asked["body"]);
        let must = said.outcome == Kind::Ok && !scene.is_excused(said);
        assert!(times <= 1 && (times == 1 || !must), "{op} on {} is there {times} times (I01)", ticket.number);
        all += times;
    }
    all
}

/// Once it was found clean.
async fn has_its_content(who: &Client, file: &Value, expected: &Value) {
    let path = format!("attachments/{}", file["id"].as_str().unwrap_or_default());
    let content = wait::within(PARITY, "a file is found clean", async || {
        let content = who.get(&path).await;
        (content.status != 409).then_some(content)
    })
    .await;
    assert_eq!(content.status, 200, "{}: {}", content.asked, content.body);
    assert_eq!(Some(String::from_utf8_lossy(&content.bytes).as_ref()), expected.as_str(), "{} (I01)", content.asked);
}
