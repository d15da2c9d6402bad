//! NATS is killed, comes back with damaged or older data, is away, doubles everything, and changes its password (F13, F14, F16, F18, F19).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::bench::{Bench, SERVICES};
use super::parity;
use crate::broker::{self, Doubles, Held};
use crate::cluster::address_of;
use crate::proxy::{Flow, Proxy};
use crate::wait;

/// How long acknowledgements get lost, and how often.
const DEAF: Duration = Duration::from_secs(3);
const DEAF_TIMES: u32 = 3;
/// What all services may hold more of while the broker is away than in the same time with it: events wait in the database, not in memory.
const GROWTH: u64 = 64 * 1024 * 1024;
/// Every process says that its password is refused within this time.
const SAID: Duration = Duration::from_secs(60);
/// Between two looks into the logs.
const LOOK: Duration = Duration::from_millis(500);
/// What befell the broker's data is seen at the broker within this time.
const SEEN: Duration = Duration::from_secs(30);
/// The gauge of what waits for the broker is renewed every 5 s.
const GAUGED: Duration = Duration::from_secs(20);
/// Readers are at parity within this time (I04).
const PARITY: Duration = Duration::from_secs(60);
const HEALED: &str = "portico_inbox_healed_total";
const DUPLICATES: &str = "portico_inbox_duplicates_total";
const BACKLOG: &str = "portico_relay_backlog";

/// Each time it comes back with its data, and relays and readers go on by themselves (F13).
pub(super) async fn killed(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        bench.calm().await;
        for time in 1..=bench.setting.kills {
            let name = format!("kill NATS, {time}");
            bench.begins(&name, &[]);
            bench.world.kill("nats").await;
            bench.heals(&name).await;
            bench.calm().await;
        }
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// The data are deleted under the running broker (F14). The local deployment notices that the folder is gone and starts the broker anew; a
/// cluster's operator has to do that.
pub(super) async fn deleted(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        bench.calm().await;
        let before = Before::of(bench).await;
        bench.begins("delete NATS' data", &[]);
        broker::delete_while_written(&broker::store(&bench.world)).await;
        before.is_damaged(bench).await;
        bench.heals("delete NATS' data").await;
        bench.note = before.healed(bench).await;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// Sequences that were used come again with other events (F14).
pub(super) async fn older_copy(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let store = broker::store(&bench.world);
    let older = store.with_file_name("nats.older");
    let breaking = async {
        bench.calm().await;
        bench.world.take_down("nats", "TERM").await;
        broker::copy(&store, &older);
        bench.world.bring_up("nats").await;
        bench.calm().await;
        let before = Before::of(bench).await;
        bench.begins("an older copy", &[]);
        bench.world.take_down("nats", "KILL").await;
        broker::delete_while_written(&store).await;
        broker::copy(&older, &store);
        bench.world.bring_up("nats").await;
        before.is_damaged(bench).await;
        bench.heals("an older copy").await;
        bench.note = before.healed(bench).await;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// A write that the disk had promised is lost (F14).
pub(super) async fn truncated(bench: &mut Bench) {
    damaged(bench, "truncate", broker::truncate).await;
}

/// The disk gives back something else than it was given (F14).
pub(super) async fn bit_flipped(bench: &mut Bench) {
    damaged(bench, "flip a bit", broker::flip).await;
}

async fn damaged(bench: &mut Bench, name: &str, damage: fn(&std::path::Path)) {
    let (crowd, rate) = bench.load().await;
    let store = broker::store(&bench.world);
    let breaking = async {
        bench.calm().await;
        let before = Before::of(bench).await;
        bench.begins(name, &[]);
        bench.world.take_down("nats", "KILL").await;
        damage(&broker::largest_block(&store));
        bench.world.bring_up("nats").await;
        before.is_damaged(bench).await;
        bench.heals(name).await;
        bench.note = before.healed(bench).await;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// The broker runs on without what services made in it (F14).
pub(super) async fn streams_deleted(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        bench.calm().await;
        let before = Before::of(bench).await;
        bench.begins("delete streams", &[]);
        broker::delete_streams(&bench.world).await;
        before.is_damaged(bench).await;
        bench.heals("delete streams").await;
        bench.note = before.healed(bench).await;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// What there was before the damage.
struct Before {
    held: BTreeMap<String, Held>,
    healed: f64,
}

impl Before {
    async fn of(bench: &Bench) -> Self {
        let held = wait::within(SEEN, "the broker tells what it holds", async || broker::contents(&bench.world).await).await;
        Self { held, healed: bench.world.metric_of_all(HEALED).await }
    }

    /// Waits until something is seen to be gone: damage that befell nothing proves nothing.
    async fn is_damaged(&self, bench: &Bench) {
        wait::within(SEEN, "the broker has lost something (F14)", async || {
            broker::contents(&bench.world).await.filter(|now| broker::is_damaged(&self.held, now)).map(|_| ())
        })
        .await;
    }

    /// What readers had to fetch from producers themselves.
    async fn healed(&self, bench: &Bench) -> String {
        format!("{:.0} events fetched from their producers", bench.world.metric_of_all(HEALED).await - self.healed)
    }
}

/// Writes go on as before, events wait in the database and nowhere else, and what waited is handed over when the broker is back (F16).
pub(super) async fn away(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        let outage = bench.setting.outage * 2;
        bench.calm().await;
        let begun = resident(bench);
        sleep(bench.setting.outage / 2).await;
        // In four times the time.
        let usual = resident(bench).saturating_sub(begun) * 4;
        bench.begins("NATS is away", &[]);
        let from = bench.crowd.recorder.now();
        bench.world.take_down("nats", "TERM").await;
        let before = resident(bench);
        sleep(outage).await;
        let waiting = wait::within(GAUGED, "events wait for the broker (F16)", async || {
            Some(bench.world.metric(&["tickets".to_owned()], BACKLOG).await).filter(|waiting| *waiting > 0.0)
        })
        .await;
        let grown = resident(bench).saturating_sub(before);
        let until = bench.crowd.recorder.now();
        let note = format!("{} s away, {waiting:.0} events waited, memory grew by {} MB", outage.as_secs(), grown >> 20);
        assert!(grown < usual + GROWTH, "{note}, of {} MB that it usually grows (F16)", usual >> 20);
        nobody_noticed(bench, from, until);
        bench.world.bring_up("nats").await;
        bench.heals("NATS is away").await;
        bench.note = note;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// What began and ended in this stretch, sign-ins too, met neither a 5xx nor silence.
fn nobody_noticed(bench: &Bench, from: u64, until: u64) {
    let history = bench.crowd.recorder.history();
    let within =
        history.operations.iter().filter(|one| one.op != "fault" && one.begun >= from && one.ended.is_some_and(|end| end <= until));
    let (mut all, mut troubled) = (0, Vec::new());
    for operation in within {
        all += 1;
        if operation.tries().any(|status| status == 0 || status >= 500) {
            troubled.push(operation);
        }
    }
    assert!(all > 0, "the load went on (F16)");
    assert!(troubled.is_empty(), "of {all} operations without NATS these were refused (F16): {:?}", &troubled[..troubled.len().min(5)]);
}

/// Bytes of memory that all services hold.
fn resident(bench: &Bench) -> u64 {
    let pids = bench.world.processes().into_iter().filter_map(|process| bench.world.pid(&process));
    let status = pids.filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok());
    status
        .filter_map(|text| text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok()))
        .sum::<u64>()
        * 1024
}

/// Every event comes ten times more and backwards, a relay does not hear that its events were taken, a reader's acknowledgements get lost so that
/// the broker delivers again, and then it reads slower than events come (F18).
pub(super) async fn doubled(bench: &mut Bench) {
    let (relay, reader) = (nats_through_proxy(bench, "tickets").await, nats_through_proxy(bench, "notifier").await);
    let duplicates = bench.world.metric_of_all(DUPLICATES).await;
    let doubles = Doubles::begin(&bench.world).await;
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        let end = Instant::now() + bench.setting.fault;
        bench.begins("doubles", &[]);
        for _ in 0..DEAF_TIMES {
            bench.calm().await;
            relay.set(Flow::NothingBack);
            reader.set(Flow::NothingThere);
            sleep(DEAF).await;
            // What was on its way is lost with the connection.
            relay.cut();
            reader.cut();
            relay.set(Flow::Open);
            reader.set(Flow::Trickle);
            sleep(DEAF).await;
            reader.set(Flow::Open);
        }
        tokio::time::sleep_until(end).await;
        bench.heals("doubles").await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    let sent = doubles.end();
    let dropped = bench.world.metric_of_all(DUPLICATES).await - duplicates;
    bench.note = format!("{sent} doubles sent, {dropped:.0} deliveries dropped as known");
    assert!(sent > 0 && dropped > 0.0, "doubles reached the readers: {} (F18)", bench.note);
    bench.every_write_was_answered();
}

/// A proxy between a service and the broker.
async fn nats_through_proxy(bench: &Bench, service: &str) -> Proxy {
    let url = bench.world.status()["nats"].as_str().expect("the broker's URL").to_owned();
    let proxy = Proxy::before(address_of(&url.replace("nats://", "@"))).await;
    let through = format!("nats://{}", proxy.address);
    for process in bench.world.replicas(service) {
        bench.world.arm(&process, &[("PORTICO_NATS_URL", through.as_str())]);
    }
    bench.world.restart(service).await;
    proxy
}

/// The password of all is refused in the middle of the work (F19). Each process says so clearly and stays ready (ADR 0016). When the broker takes
/// it again, all go on without hands; with another one for good, each service is started with that in turn.
pub(super) async fn password_changed(bench: &mut Bench) {
    give_password(bench, "one").await;
    broker::ask_for(&bench.world, "one");
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        bench.calm().await;
        let (pids, said) = (bench.pids(), Logs::now(bench));
        bench.begins("another password", &[]);
        broker::ask_for(&bench.world, "two");
        said.all_say(bench, "authorization violation").await;
        bench.calm().await;
        assert!(bench.world.all_ready().await, "a service that waits for the broker alone is ready (F19)");
        broker::ask_for(&bench.world, "one");
        let heads = wait::within(PARITY, "the databases answer", async || parity::heads(&bench.world).await).await;
        let caught_up = async || parity::reached(&bench.world, &heads).await.then_some(());
        wait::within(PARITY, "all go on when the password is taken again (F19)", caught_up).await;
        assert_eq!(bench.pids(), pids, "nobody was started again for it (F19)");
        broker::ask_for(&bench.world, "two");
        give_password(bench, "two").await;
        bench.heals("another password").await;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// The logs of all processes, and how long each was at one moment.
struct Logs(BTreeMap<PathBuf, u64>);

impl Logs {
    fn now(bench: &Bench) -> Self {
        let log = |process: String| bench.world.data().join(format!("log/{process}.log"));
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |about| about.len());
        Self(bench.world.processes().into_iter().map(log).map(|path| (path.clone(), size(&path))).collect())
    }

    /// Waits until each has said this since then, in whatever letters.
    async fn all_say(&self, bench: &Bench, what: &str) {
        let end = Instant::now() + SAID;
        loop {
            let silent: Vec<&PathBuf> = self.0.iter().filter(|(path, from)| !says(path, **from, what)).map(|(path, _)| path).collect();
            if silent.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "these do not say {what:?} (F19): {silent:?} of {:?}", bench.world.processes());
            sleep(LOOK).await;
        }
    }
}

/// Whether a file has these words behind a place in it.
fn says(path: &Path, from: u64, what: &str) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    let new = bytes.get(usize::try_from(from).unwrap_or_default()..).unwrap_or(&bytes);
    String::from_utf8_lossy(new).to_lowercase().contains(what)
}

async fn give_password(bench: &Bench, password: &str) {
    let url = broker::url_with(&bench.world, password);
    for service in SERVICES {
        for process in bench.world.replicas(service) {
            bench.world.arm(&process, &[("PORTICO_NATS_URL", url.as_str())]);
        }
        bench.world.restart(service).await;
    }
}
