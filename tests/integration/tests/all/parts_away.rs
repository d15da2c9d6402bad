//! When a service keeps silent, what does not need it works on and says what is missing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::{Duration, Instant};

use portico_integration_tests::page::text;
use portico_integration_tests::{World, WorldOptions, wait};
use serde_json::{Value, json};

fn group<'a>(found: &'a Value, kind: &str) -> Option<&'a Value> {
    found["groups"].as_array().unwrap().iter().find(|group| group["kind"] == kind)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tickets_files_of_articles_and_the_search_work() {
    let world = World::own(&WorldOptions::default()).await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    alice.ticket("The relay clicks").await;
    let upload = agent.upload("drawing.txt", "text/plain", b"a drawing".to_vec()).await;
    let body = json!({"title": "About relays", "body": "A relay clicks.", "state": "published", "audience": "public", "uploads": [upload]});
    let article = agent.post("articles", body).await.expect(201);
    let file = format!("attachments/{}", article["attachments"][0]["id"].as_str().unwrap());
    let mut own = portal.browser_of(&alice).await;
    let whole = wait::until("everything is found", async || {
        let found = alice.get("search?q=relay").await.expect(200);
        let ready = group(&found, "articles").is_some_and(|group| group["total"] == 1) && alice.get(&file).await.status == 200;
        (ready && group(&found, "tickets").is_some_and(|group| group["total"] == 1)).then_some(found)
    })
    .await;
    assert_eq!((&whole["tickets_missing"], &whole["topics_missing"]), (&json!(false), &json!(false)));

    world.signal("tickets", "STOP");
    let begun = Instant::now();
    let downloaded = alice.get(&file).await;
    assert_eq!((downloaded.status, downloaded.bytes.as_slice()), (200, &b"a drawing"[..]));
    let found = alice.get("search?q=relay").await.expect(200);
    assert_eq!((&found["tickets_missing"], group(&found, "tickets")), (&json!(true), None));
    assert_eq!(group(&found, "articles").unwrap()["total"], 1);
    assert_eq!(alice.get("suggest?q=rel").await.expect(200)["tickets_missing"], true);
    assert_eq!(portal.guest().get("search?q=relay").await.expect(200)["tickets_missing"], false, "a guest has none");
    let page = text(&own.get("/search?q=relay").await);
    assert!(page.contains("About relays") && page.contains("did not answer in time"), "{page}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    world.signal("tickets", "CONT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bell_that_keeps_silent_holds_up_no_page() {
    let world = World::own(&WorldOptions::default()).await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let mut own = portal.browser_of(&alice).await;
    own.get("/requests").await;
    world.signal("notifier", "STOP");
    let begun = Instant::now();
    let page = own.new_request().await;
    let sent = own.post(&page, "/requests", &[("subject", "Lamp"), ("description", "It blinks.")]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    world.signal("notifier", "CONT");
}
