//! A process ends between two steps that belong together (F02).

use std::time::Duration;

use portico_chassis::failpoint::Point;
use rand::Rng;
use rand::seq::SliceRandom;

use super::bench::Bench;
use super::{nudge, orphans};
use crate::stack::World;
use crate::wait;

/// An armed process reaches its point under load within this time.
const REACHED: Duration = Duration::from_secs(40);
/// Who has a journal that the load writes to.
const WRITERS: [&str; 4] = ["tickets", "community", "knowledge", "notifier"];
/// Who keeps files.
const KEEPERS: [&str; 3] = ["tickets", "community", "knowledge"];

/// Nothing of a batch is there.
pub(super) async fn before_commit(bench: &mut Bench) {
    ends_at(bench, Point::BeforeCommit, &WRITERS).await;
}

/// The event is published by the next leader.
pub(super) async fn after_commit(bench: &mut Bench) {
    ends_at(bench, Point::AfterCommit, &WRITERS).await;
}

/// The next leader publishes a page again.
pub(super) async fn after_publish(bench: &mut Bench) {
    ends_at(bench, Point::AfterPublish, &WRITERS).await;
}

/// The mails that were on their way come again, under the same Message-ID.
pub(super) async fn after_send(bench: &mut Bench) {
    ends_at(bench, Point::AfterSend, &["notifier"]).await;
}

/// The file is there once; an object that its row never followed is swept when it is old enough.
pub(super) async fn after_put(bench: &mut Bench) {
    ends_at(bench, Point::AfterPut, &KEEPERS).await;
    if bench.setting.sweep {
        orphans::are_swept(bench, &KEEPERS).await;
    }
}

/// The caller asks again and gets the stored answer.
pub(super) async fn before_reply(bench: &mut Bench) {
    ends_at(bench, Point::BeforeReply, &WRITERS).await;
}

/// Arms both replicas of each service, one after the other under load, and waits until one of them has died of it.
async fn ends_at(bench: &mut Bench, point: Point, services: &[&str]) {
    let (crowd, rate) = bench.load().await;
    let mut draw = bench.setting.plan.faults();
    let mut services = services.to_vec();
    services.shuffle(&mut draw);
    services.truncate(bench.setting.victims);
    let mut made = Vec::new();
    let breaking = async {
        bench.calm().await;
        for service in &services {
            let name = format!("{service} ends {}", point.name());
            bench.begins(&name, &[]);
            let wish = format!("{}:{}", point.name(), draw.random_range(1..8));
            bench.cut_begins(&name);
            let deaths = aborts(bench, service);
            made.extend(nudge::during(&crowd, service, Box::pin(dies_of(bench, service, &wish))).await);
            // Both replicas were armed: both may have reached the point.
            let senders = if *service == "notifier" { aborts(bench, service) - deaths } else { 0 };
            bench.cut_ends(&name, senders, senders);
            bench.heals(&name).await;
        }
        bench.note = format!("{} of {}", point.name(), services.join(", "));
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    nudge::are_there_once(&crowd.signed_in_again().await, &made).await;
}

/// Has a service reach its point; the other replica is no longer armed when this returns.
async fn dies_of(bench: &Bench, service: &str, wish: &str) {
    let world = &bench.world;
    let before = aborts(bench, service);
    for process in world.replicas(service) {
        world.arm(&process, &[("PORTICO_TEST_FAILPOINT", wish)]);
        renew(world, &process).await;
        // It has its variables: the next start has none.
        world.disarm(&process);
    }
    // The supervisor says how each process ended: another end is another cell's.
    let died = async || (aborts(bench, service) > before).then_some(());
    wait::within(REACHED, &format!("{service} dies of {wish}"), died).await;
    for process in world.replicas(service) {
        renew(world, &process).await;
    }
}

/// How often processes of a service have aborted, by the supervisor's words.
fn aborts(bench: &Bench, service: &str) -> u64 {
    let second = format!("{service}-2");
    let aborted = |line: &&str| {
        let ended = line.split_once(" ended (signal: 6").map(|(process, _)| process);
        ended.is_some_and(|process| process == service || process == second)
    };
    bench.run_log().lines().filter(aborted).count() as u64
}

/// Starts a process anew, in order, and waits until it serves: only the point is to end it the hard way.
async fn renew(world: &World, process: &str) {
    // One that died of its point a moment ago is being started already.
    let old = wait::within(REACHED, &format!("{process} runs"), async || world.pid(process)).await;
    let _ = std::process::Command::new("kill").args(["-TERM", &old.to_string()]).status();
    world.reborn(process, old, REACHED).await;
    world.ready(process).await;
}
