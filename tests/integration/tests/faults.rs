//! First blows: processes die or stand still under load, the broker's data vanish, and nothing that was acknowledged is lost or doubled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::time::Duration;

use futures_util::StreamExt;
use portico_integration_tests::client::fresh_key;
use portico_integration_tests::live::Live;
use portico_integration_tests::load::Crowd;
use portico_integration_tests::{World, WorldOptions, invariants, wait};
use serde_json::json;
use tokio::time::{Instant, sleep};

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

/// F06, F07: kill -9 of the postmaster, then of everything at once; the next start finds the orphans' traces and all data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_and_then_everything_may_be_killed_under_load() {
    let world = World::own(&WorldOptions::default()).await;
    let portal = world.portal("helpdesk").await;
    let crowd = Crowd::gather(&portal, 4).await;
    let history = crowd
        .work(Duration::from_secs(22), RATE, async {
            sleep(Duration::from_secs(3)).await;
            world.kill("postgres").await;
            sleep(Duration::from_secs(6)).await;
            world.kill_everything();
            world.start_again().await;
        })
        .await;
    assert!(history.troubled > 0, "the faults were felt");
    invariants::check(&world, &crowd, &history).await;
}

/// F03: one replica of each service, of all at once, stands still for 30 s while the others serve, then it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_of_each_service_may_stand_still_while_the_other_serves() {
    let world = World::own(&WorldOptions { two_replicas: true }).await;
    let portal = world.portal("helpdesk").await;
    let crowd = Crowd::gather(&portal, 4).await;
    let services = ["tickets", "notifier", "gateway", "identity", "knowledge", "community"];
    let history = crowd
        .work(Duration::from_secs(37), RATE, async {
            sleep(Duration::from_secs(3)).await;
            for service in services {
                world.signal(service, "STOP");
            }
            sleep(Duration::from_secs(30)).await;
            for service in services {
                world.signal(service, "CONT");
            }
        })
        .await;
    assert!(history.unknown.is_empty(), "the other replica serves: {:?}", history.unknown);
    invariants::check(&world, &crowd, &history).await;
}

/// What the gateway is in the middle of when it is told to stop: a stream that never ends by itself, and a body that takes its time.
struct Busy {
    live: Live,
    slow: tokio::task::JoinHandle<u16>,
}

impl Busy {
    async fn begin(crowd: &Crowd) -> Self {
        let live = Live::open(&crowd.customers[0]).await;
        let subject = "Written slowly";
        let whole = json!({"subject": subject, "description": "Letter by letter"}).to_string();
        let pieces: Vec<String> = whole.chars().map(String::from).collect();
        let body = futures_util::stream::iter(pieces).then(async |piece| {
            sleep(Duration::from_millis(100)).await;
            Ok::<_, std::io::Error>(piece)
        });
        let request = crowd.customers[0]
            .request(reqwest::Method::POST, "tickets")
            .header("content-type", "application/json")
            .header("idempotency-key", fresh_key())
            .body(reqwest::Body::wrap_stream(Box::pin(body)));
        let slow = tokio::spawn(async move { request.send().await.map_or(0, |answer| answer.status().as_u16()) });
        sleep(Duration::from_millis(500)).await;
        Self { live, slow }
    }
}

/// F04: SIGTERM of each service under load: it ends by itself with exit code 0 in less than 30 s, and what it had begun is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_may_be_told_to_stop_under_load() {
    let world = World::own(&WorldOptions::default()).await;
    let portal = world.portal("helpdesk").await;
    let crowd = Crowd::gather(&portal, 4).await;
    let history = crowd
        .work(Duration::from_secs(20), RATE, async {
            sleep(Duration::from_secs(2)).await;
            for service in ["community", "knowledge", "notifier", "identity", "tickets", "gateway"] {
                let mut busy = Busy::begin(&crowd).await;
                let begun = Instant::now();
                let old = world.signal(service, "TERM");
                let patience = Duration::from_secs(30);
                wait::within(patience, &format!("{service} ends in less than 30 s and is started again"), async || {
                    world.pid(service).filter(|pid| *pid != old)
                })
                .await;
                let said = std::fs::read_to_string(world.data().join("run.log")).unwrap();
                let ended = said.lines().rev().find(|line| line.starts_with(&format!("{service} ended"))).unwrap_or_default();
                assert!(ended.contains("exit status: 0"), "after {:?}: {ended}", begun.elapsed());
                if service == "gateway" {
                    assert!(matches!(busy.slow.await, Ok(200..300)), "a request that had begun is answered");
                    while busy.live.next_within(Duration::from_secs(1)).await.is_some() {}
                } else {
                    busy.slow.abort();
                }
            }
        })
        .await;
    invariants::check(&world, &crowd, &history).await;
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
