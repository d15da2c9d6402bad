//! Words that occur nowhere else are put wherever a person or a machine can put text; then every byte of logs, traces and metrics is searched
//! for them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::path::Path;

use portico_integration_tests::client::{fresh_key, number};
use portico_integration_tests::page::text;
use portico_integration_tests::portal::proven_mail;
use portico_integration_tests::{Client, Collector, Portal, World, WorldOptions, wait};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const TRACE: &str = "7d3a5c0e9b1f42d68a4e6c2b0f9d8e71";

/// What must be found nowhere, by what it is.
#[derive(Default)]
struct Canaries(Vec<(String, String)>);

impl Canaries {
    /// A new word, which is also a good local part of an address.
    fn word(&mut self, what: &str) -> String {
        let word = format!("canary{}", &Uuid::new_v4().simple().to_string()[..16]);
        self.keep(what, &word);
        word
    }

    /// A secret that was given to us.
    fn keep(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 12, "{what} is too short to be found by chance only: {secret}");
        self.0.push((what.to_owned(), secret.to_owned()));
    }

    fn must_not_be_in(&self, place: &str, text: &str) {
        for (what, word) in &self.0 {
            if let Some(at) = text.find(word.as_str()) {
                let around: String = text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("{what} is in {place}: …{around}[{word}]");
            }
        }
    }
}

/// S02, S66g, K30: what people write, what files are called and hold, what is mailed, and every secret stay out of logs, traces and metrics; and each
/// line of a service's log is JSON that says when, how bad and of which request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_and_no_secret_of_a_person_is_in_a_log_a_trace_or_a_metric() {
    let collector = Collector::start().await;
    let environment =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "200"), ("PORTICO_LOG", "info")];
    let world = World::own_in(&WorldOptions::default(), &environment).await;
    let portal = world.portal("helpdesk").await;
    let mut canaries = Canaries::default();
    let alice = portal.customer(&canaries.word("a customer's name and address")).await;
    let agent = portal.agent(&canaries.word("an agent's name and address")).await;
    asks(&portal, &alice, &agent, &mut canaries).await;
    publishes_and_finds(&portal, &alice, &agent, &mut canaries).await;
    mails(&portal, &mut canaries).await;
    signs_in(&portal, &mut canaries).await;
    says_nonsense(&portal, &alice, &mut canaries).await;
    // The wait for a service that keeps silent ends in a line of the gateway's log.
    world.signal("knowledge", "STOP");
    let query = format!("search?q={}", canaries.word("a query while a service is silent"));
    let answer = alice.request(Method::GET, &query).send().await.unwrap();
    world.signal("knowledge", "CONT");
    assert!(answer.status().is_server_error(), "{}", answer.status());
    last_mail(&portal, &alice, &agent, &collector).await;

    let spans = collector.all();
    for service in ["gateway", "identity", "tickets", "knowledge", "community", "notifier"] {
        assert!(spans.iter().any(|span| span.service == format!("portico-{service}")), "{service} sent spans");
    }
    spans.iter().for_each(|span| span.texts().for_each(|text| canaries.must_not_be_in(&format!("the span {}", span.name), text)));
    for url in world.status()["operations"].as_object().unwrap().values().map(|url| url.as_str().unwrap()) {
        let shown = alice.http().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(shown.contains("portico_ready"), "{url} shows its metrics");
        canaries.must_not_be_in(&format!("{url}/metrics"), &shown);
    }
    logs(&world.data().join("log"), &canaries);
}

/// Requests, comments, notes, files, an organisation.
async fn asks(portal: &Portal<'_>, alice: &Client, agent: &Client, canaries: &mut Canaries) {
    portal.organization(&canaries.word("an organisation's name")).await;
    let name = format!("{}.txt", canaries.word("a file's name"));
    let upload = alice.upload(&name, "text/plain", canaries.word("a file's content").into_bytes()).await;
    let ticket = json!({
        "subject": canaries.word("a subject"), "description": canaries.word("a description"), "uploads": [upload],
        "contact_name": canaries.word("a contact's name"),
    });
    let number = number(&alice.post("tickets", ticket).await.expect(201));
    let says = async |who: &Client, body: Value| who.post(&format!("tickets/{number}/comments"), body).await.expect(201);
    says(agent, json!({"body": canaries.word("an answer"), "status": "waiting_customer"})).await;
    says(agent, json!({"body": canaries.word("an internal note"), "visibility": "internal"})).await;
    says(alice, json!({"body": canaries.word("a customer's comment")})).await;
    let receipt = portal.mailbox().about(alice.email(), "receipt", &number).await;
    canaries.keep("a reply address", receipt.reply_to.split('@').next().unwrap());
    let mut own = portal.browser_of(alice).await;
    let page = own.new_request().await;
    let fields = [("subject", canaries.word("a form's subject")), ("description", canaries.word("a form's text"))];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let file = format!("{}.txt", canaries.word("a form's file"));
    let sent = own.post_file(&page, "/requests", &fields, &file, canaries.word("a form's file's content").into_bytes()).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
}

/// Articles, topics, posts; and looking for them.
async fn publishes_and_finds(portal: &Portal<'_>, alice: &Client, agent: &Client, canaries: &mut Canaries) {
    let article = json!({"title": canaries.word("an article's title"), "body": canaries.word("an article's text"), "state": "draft"});
    agent.post("articles", article).await.expect(201);
    let forum = agent.post("forums", json!({"name": canaries.word("a forum's name")})).await.expect(201);
    let (title, body) = (canaries.word("a topic's title"), canaries.word("a topic's text"));
    let topic = json!({"type": "question", "title": title, "body": body, "forum": forum["id"]});
    let topic = alice.post("topics", topic).await.expect(201);
    let path = format!("topics/{}/posts", topic["id"].as_str().unwrap());
    agent.post(&path, json!({"body": canaries.word("a post")})).await.expect(201);
    alice.get(&format!("search?q={}", canaries.word("a query"))).await.expect(200);
    alice.get(&format!("suggest?q={}", canaries.word("a suggestion's query"))).await.expect(200);
    let mut visitor = portal.browser();
    visitor.get(&format!("/search?q={}", canaries.word("a page's query"))).await;
}

/// A mail with an effect, and one that nobody can read.
async fn mails(portal: &Portal<'_>, canaries: &mut Canaries) {
    let from = portal.address(&canaries.word("a sender's address"));
    let to = format!("support@{}.portico.test", portal.slug);
    let id = format!("{}@mail.test", fresh_key());
    let raw = proven_mail(&from, &to, &canaries.word("a mail's subject"), &id, &canaries.word("a mail's text"));
    portal.inbound(&raw).await.expect(202);
    portal.mailbox().first(&from, "receipt").await;
    portal.inbound(&format!("From: {0}\r\n{0}\r\n\r\n{0}", canaries.word("a broken mail"))).await;
}

/// Passwords, sessions, cookies, one-time links.
async fn signs_in(portal: &Portal<'_>, canaries: &mut Canaries) {
    let guest = portal.guest();
    let bob = portal.customer(&canaries.word("another customer's name and address")).await;
    guest.login(bob.email(), &canaries.word("a wrong password")).await.expect(401);
    let stranger = portal.address(&canaries.word("a stranger's address"));
    guest.login(&stranger, "nine quiet otters cross").await.expect(401);
    let captcha = guest.captcha("password_reset").await;
    guest.post("auth/password-reset", json!({"email": bob.email(), "captcha": captcha})).await;
    let token = portal.mailbox().first(bob.email(), "password_reset").await.token();
    canaries.keep("a one-time link", &token);
    let password = canaries.word("a password");
    let mut own = portal.browser();
    let form = text(&own.get(&format!("/reset/{token}")).await);
    let done = own.post(&form, &format!("/reset/{token}"), &[("password", password.as_str())]).await;
    assert_eq!(done.status, 200, "{}", text(&done));
    assert_eq!(own.sign_in(bob.email(), &password).await.status, 303);
    canaries.keep("a cookie", own.cookie().split_once("__Host-portico=").unwrap().1.split(';').next().unwrap());
    let session = guest.login(bob.email(), &password).await.expect(200);
    for secret in ["access_token", "refresh_token"] {
        canaries.keep(secret, session[secret].as_str().unwrap());
    }
}

/// Input that is refused, and text where none belongs: methods, paths, headers, fields.
async fn says_nonsense(portal: &Portal<'_>, alice: &Client, canaries: &mut Canaries) {
    let method = Method::from_bytes(canaries.word("a method").to_uppercase().as_bytes()).unwrap();
    canaries.keep("a method", method.as_str());
    alice.send(alice.request(method, "tickets")).await;
    for path in ["a path", "a number"].map(|what| format!("tickets/{}", canaries.word(what))) {
        alice.get(&path).await;
    }
    portal.browser().get(&format!("/reset/{}", canaries.word("a made-up link"))).await;
    let field = canaries.word("a field's name");
    alice.post("tickets", json!({"subject": 7, "description": canaries.word("a refused text"), (field): 1})).await;
    let broken = format!("{{\"subject\": \"{}", canaries.word("broken JSON"));
    alice.send(alice.request(Method::POST, "tickets").header("content-type", "application/json").body(broken)).await;
    alice.get(&format!("tickets?cursor={}", canaries.word("a made-up cursor"))).await;
    let request = alice.request(Method::GET, "tickets");
    let request = request.header("user-agent", canaries.word("a browser's name")).header("traceparent", canaries.word("a trace"));
    alice.send(request.header("referer", canaries.word("where one came from"))).await;
    alice.with_token(&canaries.word("a made-up token")).get("tickets").await.expect(401);
}

/// The last request's mail left, and all of its spans have come: so has what was before it.
async fn last_mail(portal: &Portal<'_>, alice: &Client, agent: &Client, collector: &Collector) {
    let request = alice.request(Method::POST, "tickets").header("idempotency-key", fresh_key());
    let request = request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let ticket = alice.send(request.json(&json!({"subject": "The last", "description": "Goodbye."}))).await.expect(201);
    portal.mailbox().about(alice.email(), "receipt", &number(&ticket)).await;
    agent.get(&format!("tickets/{}", number(&ticket))).await.expect(200);
    wait::until("the last mail's spans", async || {
        let spans = collector.of_trace(TRACE);
        let seen = |service: &str, name: &str| spans.iter().any(|span| span.service == service && span.name == name);
        (seen("portico-notifier", "send mail") && seen("portico-tickets", "send ev.tickets")).then_some(())
    })
    .await;
}

/// No log has a canary. Each line of a service is JSON with time, level and message, and a line within a request names its trace.
fn logs(folder: &Path, canaries: &Canaries) {
    let (mut services, mut traced) = (0, 0);
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let log = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        canaries.must_not_be_in(&path.display().to_string(), &log);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !["gateway", "identity", "tickets", "knowledge", "community", "notifier"].contains(&name.as_str()) {
            continue;
        }
        services += 1;
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
            assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{name}: the time is UTC: {line}");
            assert!(line["level"].is_string() && line["message"].is_string(), "{name}: {line}");
            if ["http", "rpc"].contains(&line["span"]["name"].as_str().unwrap_or_default()) {
                assert_eq!(line["trace_id"].as_str().map(str::len), Some(32), "{name}: {line}");
                traced += 1;
            }
        }
    }
    assert_eq!(services, 6, "the logs of all services were read");
    assert!(traced > 0, "the search that knowledge did not answer was logged with its trace");
}
