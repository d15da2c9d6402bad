//! Files the questions of a judged collection as tickets, each by a customer of its own, and counts how often the right article is among
//! the first five that the customer is shown.
//!
//! `cargo run -p portico-integration-tests --example suggestions -- COLLECTION` with `PORTICO_TEST_STACK` naming a running stack's data
//! folder. The collection (corpus.jsonl, dev.queries.jsonl, dev.qrels.tsv) is imported into a new portal; everything else goes through the
//! public API. Three ways of asking are counted: the search that the request form asks with the subject, the suggestions of the search
//! field with the subject, and the search with the whole question.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement ends at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use portico_integration_tests::{World, client::Client, portal::Portal};
use serde_json::{Value, json};

/// What the customer sees without scrolling.
const FIRST: usize = 5;
/// A ticket's subject in characters, as in the request form.
const LONGEST_SUBJECT: usize = 200;

#[tokio::main]
async fn main() {
    let folder = std::env::args().nth(1).expect("the collection's folder");
    let folder = Path::new(&folder);
    let questions = lines(&folder.join("dev.queries.jsonl"));
    let right = right_articles(&folder.join("dev.qrels.tsv"));
    let world = World::shared().await;
    let portal = world.portal("product-help").await;
    import(&world, &portal, &folder.join("corpus.jsonl"));
    let mut found = BTreeMap::from([("form, by subject", 0), ("search field, by subject", 0), ("search, whole question", 0)]);
    let mut asked = 0;
    for question in &questions {
        let id = text(question, "id");
        let Some(wanted) = right.get(&id) else { continue };
        let customer = portal.customer(&format!("customer-{id}")).await;
        let whole = text(question, "text");
        let subject = subject(&whole);
        let shown = [
            ("form, by subject", ask(&customer, "search?limit=5&in=articles,faqs", &subject).await),
            ("search field, by subject", ask(&customer, "suggest?", &subject).await),
            ("search, whole question", ask(&customer, "search?limit=5&in=articles", &whole).await),
        ];
        for (way, ids) in shown {
            if ids.iter().take(FIRST).any(|id| wanted.contains(id)) {
                *found.get_mut(way).unwrap() += 1;
            } else {
                println!("not among the first {FIRST} ({way}): {id} {subject}");
            }
        }
        file(&customer, &subject, &whole).await;
        asked += 1;
    }
    println!("\n{asked} questions filed as tickets; the right article is among the first {FIRST}:");
    for (way, times) in found {
        println!("  {way:<26} {times} ({} %)", times * 100 / asked.max(1));
    }
}

/// Files the question as a ticket and sees that it is in the customer's own list.
async fn file(customer: &Client, subject: &str, whole: &str) {
    let ticket = customer.post("tickets", json!({"subject": subject, "description": whole})).await.expect(201);
    let own = customer.get("tickets").await.expect(200);
    assert_eq!(own["items"][0]["number"], ticket["number"], "the customer's own list shows it");
    assert_eq!(own["items"].as_array().unwrap().len(), 1, "and nobody else's");
}

async fn ask(customer: &Client, path: &str, query: &str) -> Vec<String> {
    let answer = customer.request(reqwest::Method::GET, path).query(&[("q", query)]);
    let answer = customer.send(answer).await.expect(200);
    let groups = answer["groups"].as_array().unwrap();
    let items = groups.iter().filter(|group| group["kind"] != "tickets").flat_map(|group| group["items"].as_array().unwrap());
    items.map(|item| text(item, "source_id")).collect()
}

/// A question's beginning, whole words, as long as a subject may be.
fn subject(whole: &str) -> String {
    if whole.chars().count() <= LONGEST_SUBJECT {
        return whole.to_owned();
    }
    let cut: String = whole.chars().take(LONGEST_SUBJECT).collect();
    cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words).to_owned()
}

fn import(world: &World, portal: &Portal<'_>, corpus: &Path) {
    let program = std::env::current_exe().unwrap().with_file_name("../portico");
    let status = Command::new(program)
        .args(["import", "knowledge", "--portal", &portal.slug, "--data-dir"])
        .arg(world.data())
        .arg(corpus)
        .status()
        .expect("the operator's program is built");
    assert!(status.success(), "the articles are imported");
}

fn right_articles(path: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut right: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let mut parts = line.split_whitespace();
        if let (Some(question), Some(article)) = (parts.next(), parts.next()) {
            right.entry(question.to_owned()).or_default().insert(article.to_owned());
        }
    }
    right
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
