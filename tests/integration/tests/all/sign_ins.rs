//! Many people sign in at once (S16): hashing is bounded, so the rest of the portal goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::time::{Duration, Instant};

use portico_integration_tests::portal::PASSWORD;
use portico_integration_tests::{World, wait};
use serde_json::json;
use tokio::task::JoinSet;

/// Sign-ins at once: three times as many as may wait for a hash.
const CROWD: usize = 200;

#[tokio::test]
async fn two_hundred_sign_ins_at_once_leave_the_other_routes_alone() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    alice.ticket("Still here").await;
    let mut crowd = JoinSet::new();
    for place in 0..CROWD {
        let guest = portal.guest();
        // Known and unknown addresses cost the same; every fourth is right.
        let (email, password) = if place % 4 == 0 {
            (alice.email().to_owned(), PASSWORD)
        } else {
            (portal.address(&format!("nobody{place}")), "wrong wrong wrong")
        };
        crowd.spawn(async move {
            let body = json!({"email": email, "password": password});
            let sent = guest.request(reqwest::Method::POST, "auth/login").json(&body).send().await.unwrap();
            (place, sent.status().as_u16(), sent.headers().contains_key("retry-after"))
        });
    }
    // Meanwhile: reads, writes and public pages, each well within what a person waits for.
    let mut slowest = Duration::ZERO;
    let mut rounds = 0;
    while !crowd.is_empty() {
        for path in ["tickets", "catalog", "search?q=still", "me"] {
            let begun = Instant::now();
            alice.get(path).await.expect(200);
            slowest = slowest.max(begun.elapsed());
        }
        alice.post("tickets", json!({"subject": "Meanwhile", "description": "It goes on."})).await.expect(201);
        rounds += 1;
        while let Some(answered) = crowd.try_join_next() {
            let (place, status, retry_after) = answered.unwrap();
            let fits = match status {
                200 => place % 4 == 0,
                401 => place % 4 != 0,
                // Shed, and told when to come again.
                429 | 503 => retry_after,
                _ => false,
            };
            assert!(fits, "sign-in {place} was answered {status}");
        }
    }
    assert!(rounds > 0 && slowest < Duration::from_secs(5), "another route took {slowest:?} in {rounds} rounds");
    wait::until("the crowd has gone and a sign-in works", async || {
        (portal.guest().login(alice.email(), PASSWORD).await.status == 200).then_some(())
    })
    .await;
}
