//! Story 3: answering. The conversation between a customer and the team, who sees it, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::time::Duration;

use portico_integration_tests::client::number;
use portico_integration_tests::live::Live;
use portico_integration_tests::portal::{As, proven_mail};
use portico_integration_tests::{Client, Portal, World, wait};
use serde_json::{Value, json};

async fn status_of(client: &Client, number: &str) -> String {
    client.get(&format!("tickets/{number}")).await.expect(200)["status"].as_str().unwrap().to_owned()
}

async fn says(client: &Client, number: &str, body: Value) -> Value {
    client.post(&format!("tickets/{number}/comments"), body).await.expect(201)
}

fn bodies(timeline: &Value) -> Vec<String> {
    timeline["items"].as_array().unwrap().iter().filter_map(|item| item["body"].as_str()).map(str::to_owned).collect()
}

/// CF-1 to CF-3, CF-8, CF-9, LC-2 to LC-6, LC-9, LC-23, NE-1, NE-9, S38
#[tokio::test]
async fn a_conversation_moves_the_status_by_itself_and_hides_internal_notes() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let mut desk = Live::open(&agent).await;
    let n = number(&alice.ticket("No heating on the third floor").await);
    desk.ticket(&n).await;

    let taken = agent.patch(&format!("tickets/{n}"), json!({"assignee": agent.id()})).await.expect(200);
    assert_eq!(taken["status"], "assigned");
    assert_eq!(taken["assignee"]["id"], agent.id());
    let seen_before = alice.get(&format!("tickets/{n}")).await.expect(200);

    let mut home = Live::open(&alice).await;
    says(&agent, &n, json!({"body": "SECRET: this customer always forgets the valve.", "visibility": "internal"})).await;
    let seen_after = alice.get(&format!("tickets/{n}")).await.expect(200);
    assert_eq!(seen_before["version"], seen_after["version"], "an internal note moves no version that a customer sees");
    assert!(!alice.get(&format!("tickets/{n}/timeline")).await.expect(200).to_string().contains("SECRET"));

    let file = agent.upload("wiring.pdf", "application/pdf", b"%PDF-1.4\n%%EOF\n".to_vec()).await;
    let body = json!({"body": "Is the **main valve** open? See the drawing.", "status": "waiting_customer", "uploads": [file]});
    let answer = says(&agent, &n, body).await;
    assert_eq!(answer["visibility"], "public");
    home.ticket(&n).await;
    assert_eq!(status_of(&alice, &n).await, "waiting_customer");
    let mail = portal.mailbox().about(alice.email(), "ticket_update", &n).await;
    assert!(mail.text.contains("main valve") && mail.html.contains("<strong>main valve</strong>"));
    assert!(!mail.raw.contains("SECRET"));
    wait::until("one bell mark", async || (alice.unread().await == 1).then_some(())).await;
    let bell = alice.get("notifications").await.expect(200);
    assert_eq!(bell["items"][0]["ticket"], n.as_str());
    alice.post("notifications/read", json!({"all": true})).await;
    assert_eq!(alice.unread().await, 0);

    says(&alice, &n, json!({"body": "It was closed. Now it is open, still cold."})).await;
    assert_eq!(status_of(&alice, &n).await, "pending_support");
    desk.ticket(&n).await;
    let timeline = alice.get(&format!("tickets/{n}/timeline")).await.expect(200);
    assert!(timeline["items"].as_array().unwrap().iter().all(|item| item["visibility"] != "internal"));
    assert!(agent.get(&format!("tickets/{n}/timeline")).await.expect(200).to_string().contains("SECRET"));
    assert!(numbers(&alice.get("tickets?q=SECRET").await.expect(200)).is_empty(), "notes are not searched for customers");
    alice.post(&format!("tickets/{n}/comments"), json!({"body": "x", "status": "closed"})).await.expect(403);
    alice.post(&format!("tickets/{n}/comments"), json!({"body": "x", "visibility": "internal"})).await.expect(403);
    alice.patch(&format!("tickets/{n}"), json!({"priority": "urgent"})).await.expect(403);
}

fn numbers(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(number).collect()
}

/// NE-10, CF-5, S59: the answer to our mail is a comment of the person it was sent to.
#[tokio::test]
async fn answering_the_mail_adds_a_comment() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let n = number(&alice.ticket("Pump").await);
    says(&agent, &n, json!({"body": "Which pump?", "status": "waiting_customer"})).await;
    let mail = portal.mailbox().about(alice.email(), "ticket_update", &n).await;
    let id = format!("answer-{}@mail.test", portal.slug);
    portal.inbound(&proven_mail(alice.email(), &mail.reply_to, "Re: Pump", &id, "The blue one.\r\n\r\n> Which pump?")).await.expect(202);
    wait::until("the comment is there", async || {
        bodies(&alice.get(&format!("tickets/{n}/timeline")).await.expect(200))
            .iter()
            .any(|body| body.contains("The blue one"))
            .then_some(())
    })
    .await;
    assert_eq!(status_of(&alice, &n).await, "pending_support");
    let state = agent.get(&format!("inbound-email/{id}")).await.expect(200);
    assert_eq!((state["state"].as_str().unwrap(), state["ticket"].as_str().unwrap()), ("comment_added", n.as_str()));

    let stranger = format!("stranger-{}@mail.test", portal.slug);
    let forged = proven_mail(&portal.address("mallory"), &mail.reply_to, &format!("Re: [{n}] Pump"), &stranger, "Let me in.");
    portal.inbound(&forged.replace("dmarc=pass", "dmarc=fail")).await.expect(202);
    let outcome = wait::until("the forged mail is worked off", async || {
        let state = agent.get(&format!("inbound-email/{stranger}")).await.expect(200);
        (state["state"] != "queued").then_some(state)
    })
    .await;
    assert_ne!(outcome["state"], "comment_added", "a mail without proof is never a comment: {outcome}");
    assert!(!bodies(&alice.get(&format!("tickets/{n}/timeline")).await.expect(200)).iter().any(|body| body.contains("Let me in")));
}

/// The inbound door takes only what the provider signed, in time.
#[tokio::test]
async fn an_inbound_mail_without_a_good_signature_is_refused() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let raw = proven_mail(&portal.address("eve"), "support@x.test", "s", "forged@mail.test", "b");
    let guest = portal.guest();
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    for (at, signature) in [
        (now.to_string(), "sha256=00".to_owned()),
        ((now - 3_600).to_string(), portal.sign(&(now - 3_600).to_string(), &raw)),
        (now.to_string(), portal.sign(&now.to_string(), "another body")),
    ] {
        let request = guest
            .request(reqwest::Method::POST, "inbound-email")
            .header("content-type", "message/rfc822")
            .header("x-portico-timestamp", at)
            .header("x-portico-signature", signature)
            .body(raw.clone());
        let status = guest.send(request).await.status;
        assert!([400, 401, 403].contains(&status), "{status}");
    }
    assert_eq!(portal.admin.get("inbound-email/forged@mail.test").await.status, 404);
}

/// CO-1 to CO-7, IA-14: who sees a ticket, and what a collaborator may.
#[tokio::test]
async fn colleagues_and_collaborators_see_what_they_may() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let acme = portal.organization("ACME").await;
    let globex = portal.organization("Globex").await;
    let of = |organization, visibility| As { organization: Some(organization), visibility: Some(visibility), ..As::default() };
    let alice = portal.person("alice@acme", of(&acme, "own")).await;
    let bob = portal.person("bob@acme", of(&acme, "organization")).await;
    let dave = portal.person("dave@acme", of(&acme, "own")).await;
    let carol = portal.person("carol@globex", of(&globex, "own")).await;
    let agent = portal.agent("agnes").await;
    let n = number(&alice.ticket("Shared boiler").await);
    let other = number(&alice.ticket("Private matter").await);
    let path = format!("tickets/{n}");

    bob.get(&path).await.expect(200);
    assert_eq!(numbers(&bob.get("tickets?scope=organization").await.expect(200)).len(), 2);
    for stranger in [&dave, &carol] {
        assert_eq!(stranger.get(&path).await.status, 404);
        assert_eq!(stranger.post(&format!("{path}/comments"), json!({"body": "x"})).await.status, 404);
    }
    portal.guest().get(&path).await.expect(401);

    let added = alice.post(&format!("{path}/collaborators"), json!({"email": carol.email()})).await.expect(201);
    assert_eq!((added["state"].as_str().unwrap(), &added["name"]), ("active", &Value::Null), "a foreign name shows when that person acts");
    portal.mailbox().about(carol.email(), "collaborator_added", &n).await;
    carol.get(&path).await.expect(200);
    assert_eq!(carol.get(&format!("tickets/{other}")).await.status, 404);
    assert_eq!(numbers(&carol.get("tickets?scope=collaborating").await.expect(200)), [n.as_str()]);
    assert_eq!(numbers(&alice.get("tickets?scope=shared").await.expect(200)), [n.as_str()]);

    says(&carol, &n, json!({"body": "Globex sees the same."})).await;
    let known = alice.get(&format!("{path}/collaborators")).await.expect(200);
    assert!(known["items"][0]["name"].is_string(), "{known}");
    carol.post(&format!("{path}/close"), json!({})).await.expect(403);
    carol.post(&format!("{path}/collaborators"), json!({"email": dave.email()})).await.expect(403);

    says(&agent, &n, json!({"body": "To everybody on this request."})).await;
    portal.mailbox().about(carol.email(), "ticket_update", &n).await;

    let unknown = portal.address("zoe@globex");
    let invited = bob.post(&format!("{path}/collaborators"), json!({"email": unknown})).await.expect(201);
    assert_eq!(
        (invited["state"].as_str().unwrap(), &invited["name"]),
        ("active", &Value::Null),
        "the same whether an account exists or not"
    );

    let list = async |query: String| alice.get(&format!("{path}/collaborators?limit=1{query}")).await.expect(200);
    for (sort, expected) in [("", [&invited, &added]), ("&sort=created_at", [&added, &invited])] {
        let first = list(sort.to_owned()).await;
        let second = list(format!("{sort}&cursor={}", first["next_cursor"].as_str().unwrap())).await;
        for (page, one) in [&first, &second].into_iter().zip(expected) {
            let ids: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
            assert_eq!(ids, [&one["id"]], "{sort}");
        }
        assert_eq!(second["next_cursor"], Value::Null);
    }

    let id = added["id"].as_str().unwrap();
    let removed = alice.delete(&format!("{path}/collaborators/{id}")).await.status;
    assert!((200..300).contains(&removed), "{removed}");
    wait::within(Duration::from_secs(5), "the removal takes effect", async || (carol.get(&path).await.status == 404).then_some(())).await;
    let before = portal.mailbox().of_kind(carol.email(), "ticket_update").len();
    says(&agent, &n, json!({"body": "Not for Globex."})).await;
    wait::until("alice is told", async || (portal.mailbox().of_kind(alice.email(), "ticket_update").len() >= 3).then_some(())).await;
    assert_eq!(portal.mailbox().of_kind(carol.email(), "ticket_update").len(), before, "queued mail included");
}

/// LC-7, LC-12, LC-13, CF-8: resolve, reopen with a comment, resolve again.
#[tokio::test]
async fn a_resolved_request_is_reopened_by_the_customers_comment() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let n = number(&alice.ticket("Fan too loud").await);
    says(&agent, &n, json!({"body": "Firmware 3.2 fixes it.", "status": "resolved"})).await;
    let resolved = alice.get(&format!("tickets/{n}")).await.expect(200);
    assert_eq!((resolved["status"].as_str().unwrap(), resolved["status_category"].as_str().unwrap()), ("resolved", "resolved"));
    assert_eq!(resolved["reason"], "answered");
    assert!(resolved["resolved_at"].is_string());
    assert!(resolved["due"].as_array().unwrap().iter().any(|due| due["kind"] == "auto_close"), "{}", resolved["due"]);
    assert_eq!(numbers(&alice.get("tickets?state=resolved").await.expect(200)), [n.as_str()]);
    assert!(numbers(&alice.get("tickets?state=open").await.expect(200)).is_empty());

    alice.post(&format!("tickets/{n}/reopen"), json!({})).await.expect(422);
    alice.post(&format!("tickets/{n}/reopen"), json!({"comment": "Still loud."})).await;
    let reopened = alice.get(&format!("tickets/{n}")).await.expect(200);
    assert_eq!((reopened["status"].as_str().unwrap(), reopened["reopen_count"].as_u64()), ("pending_support", Some(1)));
    assert!(reopened["due"].as_array().unwrap().is_empty(), "timers of the old state are cancelled");
    says(&agent, &n, json!({"body": "And now?", "status": "resolved", "reason": "workaround"})).await;
    says(&alice, &n, json!({"body": "Not yet."})).await;
    assert_eq!(status_of(&alice, &n).await, "pending_support", "in this profile a comment reopens");
    agent.patch(&format!("tickets/{n}"), json!({"status": "new"})).await.refused(409, "invalid_transition");
}

/// LC-14 to LC-18, CR-26: rating, follow-up, and a comment on a closed request.
#[tokio::test]
async fn a_closed_request_is_rated_followed_up_and_makes_a_new_one_when_written_to() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let n = number(&alice.ticket("Done soon").await);
    let path = format!("tickets/{n}");
    let closed = alice.post(&format!("{path}/close"), json!({"satisfaction": 4, "comment": "Quick."})).await;
    assert!((200..300).contains(&closed.status), "{}", closed.body);
    let ticket = alice.get(&path).await.expect(200);
    assert_eq!(ticket["status"], "closed");
    assert_eq!(ticket["satisfaction"]["score"], 4);
    alice.put(&format!("{path}/satisfaction"), json!({"score": 5, "comment": "Even better."})).await;
    assert_eq!(alice.get(&path).await.expect(200)["satisfaction"]["score"], 5);
    alice.put(&format!("{path}/satisfaction"), json!({"score": 6})).await.refused_field("score");
    alice.post(&format!("{path}/reopen"), json!({"comment": "Once more."})).await.refused(409, "invalid_transition");

    let follow = alice.post(&format!("{path}/follow-ups"), json!({"subject": "More", "description": "Another thing."})).await.expect(201);
    assert_eq!(follow["follow_up_of"], n.as_str());
    assert_ne!(number(&follow), n);

    let comment = alice.post(&format!("{path}/comments"), json!({"body": "It is back."})).await.expect(201);
    let new = comment["follow_up"]["number"].as_str().expect("the new number").to_owned();
    let linked = alice.get(&format!("tickets/{new}")).await.expect(200);
    assert_eq!((linked["follow_up_of"].as_str(), linked["description"].as_str()), (Some(n.as_str()), Some("It is back.")));
    wait::until("both ways", async || {
        let parent = alice.get(&path).await.expect(200);
        let links: Vec<&str> = parent["follow_ups"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        (links.contains(&new.as_str()) && links.contains(&number(&follow).as_str())).then_some(())
    })
    .await;
    assert_eq!(status_of(&alice, &n).await, "closed", "a closed request never changes again (LC-16)");
}

/// The policies of the profiles at their edges.
#[tokio::test]
async fn each_profile_says_no_in_its_own_way() {
    let world = World::shared().await;
    for (profile, close, on_closed) in
        [("product-help", 409, "link"), ("client-cases", 409, "link"), ("service-desk", 409, "refuse"), ("agency-support", 200, "new")]
    {
        let portal = world.portal(profile).await;
        let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
        let n = number(&alice.ticket("Edge").await);
        let answer = alice.post(&format!("tickets/{n}/close"), json!({})).await;
        if close == 409 {
            answer.refused(409, "not_allowed_by_policy");
        } else {
            assert!((200..300).contains(&answer.status), "{profile}: {}", answer.body);
        }
        close_now(&portal, &agent, &n).await;
        let late = alice.post(&format!("tickets/{n}/comments"), json!({"body": "Late."})).await;
        match on_closed {
            "new" => assert!(late.expect(201)["follow_up"]["number"].is_string()),
            "link" => assert!(late.refused(409, "ticket_closed")["follow_up_url"].is_string(), "{profile}"),
            _ => assert!(late.refused(409, "ticket_closed").get("follow_up_url").is_none_or(Value::is_null), "{profile}"),
        }
    }
}

/// Brings a ticket to `closed` whatever the profile: resolved, with a grace of nothing.
async fn close_now(portal: &Portal<'_>, agent: &Client, n: &str) {
    if status_of(agent, n).await == "closed" {
        return;
    }
    portal.settings(json!({"timers": {"auto_close_seconds": 0}})).await;
    wait::until("the setting is effective and the ticket closes", async || match status_of(agent, n).await.as_str() {
        "closed" => Some(()),
        "resolved" => {
            agent.post(&format!("tickets/{n}/comments"), json!({"body": "Reopened.", "status": "assigned"})).await;
            None
        }
        _ => {
            agent.post(&format!("tickets/{n}/comments"), json!({"body": "Done.", "status": "resolved"})).await;
            None
        }
    })
    .await;
}

/// LC-10, LC-11, NE-3, NE-4, I07: timers remind, resolve and close, each once and never early.
#[tokio::test]
async fn timers_remind_resolve_and_close_once() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let timers = json!({"waiting_reminder_seconds": [2], "auto_resolve_seconds": 4, "close_reminder_seconds": 2, "auto_close_seconds": 4});
    let settings = portal.settings(json!({"timers": timers})).await;
    assert_eq!(settings["timers"]["auto_resolve_seconds"], 4);
    // Effective within 2 s on every replica: a probe tells when.
    let probe = number(&alice.ticket("Probe").await);
    wait::until("the timers are short", async || {
        says(&agent, &probe, json!({"body": "?", "status": "assigned"})).await;
        says(&agent, &probe, json!({"body": "?", "status": "waiting_customer"})).await;
        let due = alice.get(&format!("tickets/{probe}")).await.expect(200)["due"].clone();
        let soon = due
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|due| at(&due["at"]))
            .any(|at| at < time::OffsetDateTime::now_utc() + time::Duration::seconds(60));
        soon.then_some(())
    })
    .await;

    let n = number(&alice.ticket("Waiting").await);
    says(&agent, &n, json!({"body": "Which floor?", "status": "waiting_customer"})).await;
    let due = alice.get(&format!("tickets/{n}")).await.expect(200)["due"].clone();
    let resolve_at = due
        .as_array()
        .unwrap()
        .iter()
        .find(|due| due["kind"] == "auto_resolve")
        .and_then(|due| at(&due["at"]))
        .expect("auto-resolve is due");
    portal.mailbox().about(alice.email(), "waiting_reminder", &n).await;
    wait::until("resolved by the timer", async || (status_of(&alice, &n).await != "waiting_customer").then_some(())).await;
    assert!(time::OffsetDateTime::now_utc() >= resolve_at, "never early");
    let resolved = alice.get(&format!("tickets/{n}")).await.expect(200);
    assert_eq!(resolved["reason"], "no_customer_reply");
    portal.mailbox().about(alice.email(), "auto_resolved", &n).await;
    portal.mailbox().about(alice.email(), "close_reminder", &n).await;
    wait::until("closed by the timer", async || (status_of(&alice, &n).await == "closed").then_some(())).await;
    portal.mailbox().about(alice.email(), "closed", &n).await;
    let timeline = agent.get(&format!("tickets/{n}/timeline")).await.expect(200);
    let changes: Vec<&str> = timeline["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["actor"]["role"] == "system")
        .filter_map(|item| item["to"].as_str())
        .collect();
    assert_eq!(changes, ["resolved", "closed"], "each once");
    for kind in ["waiting_reminder", "auto_resolved", "close_reminder", "closed"] {
        let about: Vec<String> =
            portal.mailbox().of_kind(alice.email(), kind).into_iter().filter(|mail| mail.ticket == n).map(|mail| mail.message_id).collect();
        assert_eq!(about.len(), 1, "{kind} once: {about:?}");
    }
}

/// LC-10: keep it open starts the timers of this state anew; a reply before the timer wins (I08).
#[tokio::test]
async fn a_customer_keeps_a_request_open() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let n = number(&alice.ticket("Keep").await);
    says(&agent, &n, json!({"body": "?", "status": "waiting_customer"})).await;
    let path = format!("tickets/{n}/keep-open");
    for _ in 0..3 {
        let kept = alice.post(&path, json!({})).await;
        assert!((200..300).contains(&kept.status), "{}", kept.body);
        assert!(kept.body["due"].is_array());
    }
    assert_eq!(alice.post(&path, json!({})).await.status, 409, "at most three times in a row");
    assert_eq!(status_of(&alice, &n).await, "waiting_customer");
}

fn at(text: &Value) -> Option<time::OffsetDateTime> {
    time::OffsetDateTime::parse(text.as_str()?, &time::format_description::well_known::Rfc3339).ok()
}
