//! First blows: processes die or stand still under load, the broker's data vanish, and nothing that was acknowledged is lost or doubled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::time::Duration;

use portico_integration_tests::load::Crowd;
use portico_integration_tests::{World, WorldOptions, invariants, wait};
use serde_json::json;
use tokio::time::sleep;

/// Requests a second during a fault.
const RATE: u32 = 50;

/// F01: kill -9 of each service in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_may_be_killed_under_load() {
    let world = World::own(&WorldOptions::default()).await;
    let portal = world.portal("helpdesk").await;
    let crowd = Crowd::gather(&portal, 4).await;
    let history = crowd
        .work(Duration::from_secs(24), RATE, async {
            for service in ["tickets", "notifier", "gateway", "identity", "knowledge", "community"] {
                sleep(Duration::from_secs(3)).await;
                world.kill(service).await;
            }
        })
        .await;
    assert!(history.troubled > 0, "the faults were felt");
    invariants::check(&world, &crowd, &history).await;
}

/// F13, F14: kill -9 of the broker, then its whole data folder deleted while everything runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_may_die_and_forget_everything_under_load() {
    let world = World::own(&WorldOptions::default()).await;
    let portal = world.portal("helpdesk").await;
    let crowd = Crowd::gather(&portal, 4).await;
    let history = crowd
        .work(Duration::from_secs(20), RATE, async {
            sleep(Duration::from_secs(3)).await;
            world.kill("nats").await;
            sleep(Duration::from_secs(5)).await;
            let folder = world.status()["nats_data_dir"].as_str().unwrap().to_owned();
            delete_while_written(&folder).await;
        })
        .await;
    assert!(history.unknown.is_empty(), "writes need no broker: {:?}", history.unknown);
    invariants::check(&world, &crowd, &history).await;
    // New writes after the loss flow as before.
    let later = crowd.work(Duration::from_secs(3), RATE, async {}).await;
    invariants::check(&world, &crowd, &later).await;
}

/// F07: kill -9 of the postmaster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_may_be_killed_under_load() {
    let world = World::own(&WorldOptions::default()).await;
    let portal = world.portal("helpdesk").await;
    let crowd = Crowd::gather(&portal, 4).await;
    let history = crowd
        .work(Duration::from_secs(16), RATE, async {
            sleep(Duration::from_secs(4)).await;
            world.kill("postgres").await;
        })
        .await;
    invariants::check(&world, &crowd, &history).await;
}

/// F03: one replica of each service stands still for 30 s while the other serves; then it goes on (I05, I07).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_may_stand_still_while_the_other_serves() {
    let world = World::own(&WorldOptions { two_replicas: true }).await;
    let portal = world.portal("helpdesk").await;
    portal.settings(json!({"timers": {"waiting_reminder_seconds": [], "auto_resolve_seconds": 15}})).await;
    let crowd = Crowd::gather(&portal, 3).await;
    let stopped = ["tickets", "notifier", "gateway"];
    let history = crowd
        .work(Duration::from_secs(40), 12, async {
            sleep(Duration::from_secs(4)).await;
            for service in stopped {
                world.signal(service, "STOP");
            }
            sleep(Duration::from_secs(30)).await;
            for service in stopped {
                world.signal(service, "CONT");
            }
        })
        .await;
    invariants::check(&world, &crowd, &history).await;
    // I07: each waiting ticket is resolved by its timer, once.
    for ticket in history.tickets.iter().filter(|ticket| ticket.reply.is_some()) {
        let path = format!("tickets/{}/timeline", ticket.number);
        wait::within(Duration::from_secs(60), "the timer resolves it", async || {
            let timeline = crowd.agent.get(&path).await.expect(200);
            let by_system = timeline["items"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|item| item["actor"]["role"] == "system" && item["to"] == "resolved")
                .count();
            assert!(by_system <= 1, "{} was resolved twice (I07)", ticket.number);
            (by_system == 1).then_some(())
        })
        .await;
    }
}

/// Everything is killed at once, the supervisor too; the next start finds the orphans and the data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_killed_starts_again_with_its_data() {
    let world = World::own(&WorldOptions::default()).await;
    let (email, ticket) = {
        let portal = world.portal("helpdesk").await;
        let alice = portal.customer("alice").await;
        (alice.email().to_owned(), alice.ticket("Survives").await)
    };
    let status = world.status();
    let supervisor = status["supervisor"]["pid"].as_u64().unwrap();
    kill(supervisor);
    for name in ["gateway", "nats"] {
        kill(status["pids"][name].as_u64().unwrap());
    }
    // The others are orphans now, PostgreSQL among them.
    let world = world.start_again().await;
    let alice = world.guest(&portal_slug(&ticket)).login(&email, portico_integration_tests::portal::PASSWORD).await;
    assert_eq!(alice.status, 200, "{}", alice.body);
    let list = world.guest(&portal_slug(&ticket)).with_session(alice.body).get("tickets").await.expect(200);
    assert_eq!(list["items"][0]["subject"], "Survives");
}

/// The broker goes on writing into the folder, so a sweep may find it filled again: sweep until a moment finds it empty.
async fn delete_while_written(folder: &str) {
    wait::until("the broker's folder is deleted", async || match std::fs::remove_dir_all(folder) {
        Ok(()) => Some(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(()),
        Err(_) => None,
    })
    .await;
}

fn kill(pid: u64) {
    assert!(std::process::Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap().success());
}

/// The portal's slug is in the ticket's number: `T1234-1`.
fn portal_slug(ticket: &serde_json::Value) -> String {
    ticket["number"].as_str().unwrap().rsplit_once('-').unwrap().0.to_lowercase()
}
