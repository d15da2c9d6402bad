//! Clocks jump, and one runs too fast (F28).

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::seq::SliceRandom;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use tokio::time::{Instant, sleep};

use super::bench::{Bench, SERVICES};
use super::faketime;
use crate::client::Client;
use crate::wait;

/// How long each clock lasts.
const EACH: Duration = Duration::from_secs(5);
/// What the clocks are set to, as libfaketime reads it, and by how many seconds that is wrong.
const JUMPS: [(&str, i64); 3] = [("+3600", 3_600), ("-3600", -3_600), ("+10d", 864_000)];
/// A clock that gains a second in ten.
const DRIFT: &str = "+0 x1.1";
/// The true time again: libfaketime keeps a rate until it is told another one.
const STEADY: &str = "+0 x1";
/// How long one drifts, and what it has gained then at least, in whole seconds.
const DRIFTS: Duration = Duration::from_secs(25);
const GAINED: i64 = 1;
/// A wrong clock's log is wrong by what the clock is, but for this many seconds.
const EXACT: i64 = 120;
/// How long a token lives, leeway included, and a little more.
const TOKEN: Duration = Duration::from_secs(300 + 60 + 10);
/// A clock that is an hour behind makes no old token good for so long.
const REFUSED: Duration = Duration::from_secs(5);

/// The wall clock of one service jumps, then that of all, then one drifts; the monotonic one stays true.
pub(super) async fn clocks(bench: &mut Bench) {
    let library = faketime().expect("libfaketime").display().to_string();
    let (old, signed_in) = (bench.crowd.camps[0].customers[0].clone(), Instant::now());
    for service in SERVICES {
        let file = clock_of(bench, service);
        set(&file, "+0");
        let file = file.display().to_string();
        let variables = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        for process in bench.world.replicas(service) {
            bench.world.arm(&process, &variables);
        }
        bench.world.restart(service).await;
    }
    let (crowd, rate) = bench.load().await;
    let mut services = SERVICES;
    services.shuffle(&mut bench.setting.plan.faults());
    let breaking = async {
        bench.calm().await;
        for who in [&services[..1], &services[..]] {
            for (jump, seconds) in JUMPS {
                jumps(bench, who, jump, seconds).await;
            }
        }
        drifts(bench, services[0]).await;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
    tokens_are_judged_by_the_true_time(bench, &old, signed_in).await;
}

async fn jumps(bench: &mut Bench, who: &[&str], jump: &str, seconds: i64) {
    let name = format!("clock {jump} at {}", who.join(", "));
    bench.begins(&name, &[]);
    who.iter().for_each(|service| set(&clock_of(bench, service), jump));
    sleep(EACH).await;
    assert_eq!(bench.crowd.camps[0].customers[0].get("me").await.status, 200, "a fresh token is good at {jump} (F28)");
    // A process that starts with a wrong clock learns the time from its database. What it writes into its log shows that the clock is wrong.
    bench.world.restart(who[0]).await;
    let said = offset_of_log(&bench.world.data().join(format!("log/{}.log", who[0])));
    assert!((said - seconds).abs() <= EXACT, "the log of {} is off by {said} s, its clock by {seconds} s (F28)", who[0]);
    who.iter().for_each(|service| set(&clock_of(bench, service), "+0"));
    bench.heals(&name).await;
}

/// One clock runs too fast, and its service's answers show it.
async fn drifts(bench: &mut Bench, service: &str) {
    let name = format!("clock {DRIFT} at {service}");
    bench.begins(&name, &[]);
    // A server keeps the date of its answers until its clock is past it: after a jump back that would last as long as the jump was.
    bench.world.restart(service).await;
    let before = ahead(bench, service).await;
    set(&clock_of(bench, service), DRIFT);
    sleep(DRIFTS).await;
    let after = ahead(bench, service).await;
    assert!(before <= 0 && after >= GAINED, "{service} was {before} s ahead, and {after} s after {} s of {DRIFT} (F28)", DRIFTS.as_secs());
    set(&clock_of(bench, service), STEADY);
    bench.heals(&name).await;
}

/// By how many whole seconds the date of a service's answers is ahead.
async fn ahead(bench: &Bench, service: &str) -> i64 {
    let status = bench.world.status();
    let url = status["operations"][service].as_str().expect("an operations URL");
    let answer = bench.world.guest("").http().get(format!("{url}/healthz")).send().await.expect("it answers");
    let now = OffsetDateTime::now_utc();
    let date = answer.headers()["date"].to_str().expect("a date").replace("GMT", "+0000");
    (OffsetDateTime::parse(&date, &Rfc2822).expect("a date") - now).whole_seconds()
}

/// By how many seconds the newest "started" of a log is off.
fn offset_of_log(path: &Path) -> i64 {
    let text = std::fs::read_to_string(path).expect("a log");
    let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let started = lines.filter(|line| line["message"] == "started").find_map(|line| line["timestamp"].as_str().map(str::to_owned));
    let at = OffsetDateTime::parse(&started.expect("it says that it started"), &Rfc3339).expect("a time stamp");
    (at - OffsetDateTime::now_utc()).whole_seconds()
}

/// A token that has ended stays refused though all clocks say that it has not; one of a moment ago is good.
async fn tokens_are_judged_by_the_true_time(bench: &mut Bench, old: &Client, signed_in: Instant) {
    tokio::time::sleep_until(signed_in + TOKEN).await;
    let fresh = bench.crowd.signed_in_again().await;
    bench.begins("clock -3600 and an old token", &[]);
    for service in SERVICES {
        set(&clock_of(bench, service), "-3600");
    }
    wait::holds(REFUSED, "an old token is refused (F28)", 401, async || old.get("me").await.status).await;
    assert_eq!(fresh.camps[0].customers[0].get("me").await.status, 200, "a fresh token is good (F28)");
    for service in SERVICES {
        set(&clock_of(bench, service), "+0");
    }
    bench.crowd = fresh;
    bench.heals("clock -3600 and an old token").await;
}

fn clock_of(bench: &Bench, service: &str) -> PathBuf {
    bench.world.data().join(format!("{service}.clock"))
}

/// Whole or not at all: it is read at every look at the clock.
fn set(file: &Path, offset: &str) {
    let part = file.with_extension("part");
    std::fs::write(&part, format!("{offset}\n")).expect("a clock's file");
    std::fs::rename(part, file).expect("a clock's file");
}
