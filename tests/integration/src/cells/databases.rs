//! PostgreSQL is killed, stays away, and has no room left (F07, F08, F10).

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};

use super::bench::{Bench, SERVICES};
use super::probe::{self, Heard};
use crate::page::{Browser, text};
use crate::portal::PASSWORD;
use crate::wait;

/// How long after a kill of the postmaster the next one comes.
const BETWEEN: Duration = Duration::from_secs(5);
/// Half of the refusals while the database is away are faster: nobody waits for it, and nobody asks again for its caller.
const REFUSED_WITHIN: Duration = Duration::from_millis(50);
/// What was under way when the database went is over after this time; then every answer is the same clean refusal.
const SETTLED: Duration = Duration::from_secs(5);
/// Readiness is noticed within this time.
const UNREADY: Duration = Duration::from_secs(15);
/// What the disk has left when the load begins.
const ROOM: u64 = 96 * 1024 * 1024;

/// What was answered with success is kept; what is refused meanwhile is refused with a time to come again (F07).
pub(super) async fn killed(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        let blows = async {
            bench.calm().await;
            for time in 1..=bench.setting.kills {
                let name = format!("kill PostgreSQL, {time}");
                bench.begins(&name, &SERVICES);
                bench.cut_begins(&name);
                bench.world.kill("postgres").await;
                bench.heals(&name).await;
                bench.cut_ends(&name, 1, 2);
                sleep(BETWEEN).await;
            }
        };
        let heard = probe::during(&crowd, Box::pin(blows)).await;
        probe::refusals_are_clean(&heard, "F07");
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.was_felt();
}

/// F08: an immediate stop; while it is away, writes are refused fast with a time to come again, what needs no data is served, and no process is
/// ready or started again (K06).
pub(super) async fn away(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let onlooker = Onlooker::open(bench).await;
    let breaking = async {
        bench.calm().await;
        let pids = bench.pids();
        bench.begins("PostgreSQL is away", &SERVICES);
        bench.cut_begins("PostgreSQL is away");
        bench.world.take_down("postgres", "QUIT").await;
        let heard = probe::during(&crowd, Box::pin(onlooker.watch(bench))).await;
        assert_eq!(bench.pids(), pids, "nobody is started again because a database is away (F08, K06)");
        bench.note = refused_fast(&heard);
        bench.world.bring_up("postgres").await;
        bench.heals("PostgreSQL is away").await;
        bench.cut_ends("PostgreSQL is away", 1, 2);
        bench.calm().await;
    };
    // Who was refused asks again four times a second: at the full rate the waiting ones alone would keep two cores busy.
    crowd.during(rate / 4, Box::pin(breaking)).await;
    bench.was_felt();
}

/// Only refusals, soon only 503 with `Retry-After`, and most of them at once; what was measured.
fn refused_fast(heard: &[Heard]) -> String {
    let taken = heard.iter().filter(|one| one.is_ok()).count();
    assert_eq!(taken, 0, "nothing is taken while the database is away (F08)");
    let settled: Vec<&Heard> = heard.iter().filter(|one| one.at >= SETTLED).collect();
    let other = settled.iter().find(|one| one.status != 503 || !one.retry_after);
    assert!(other.is_none(), "not a 503 with a time to come again (F08): {other:?}");
    let mut took: Vec<Duration> = settled.iter().map(|one| one.took).collect();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().expect("refusals while the database is away");
    let (median, most) = (at(50), at(95));
    let note = format!("refused in {} ms (median of {}), 95 % within {} ms", median.as_millis(), took.len(), most.as_millis());
    assert!(median < REFUSED_WITHIN, "{note} (F08)");
    note
}

/// Somebody who was signed in before, and looks at what is still served.
struct Onlooker {
    browser: Browser,
    asset: String,
}

impl Onlooker {
    async fn open(bench: &Bench) -> Self {
        let camp = &bench.crowd.camps[0];
        let mut browser = Browser::open(&bench.world.guest(&camp.slug), &camp.slug);
        let signed_in = browser.sign_in(camp.customers[0].email(), PASSWORD).await;
        assert_eq!(signed_in.status, 303, "{}", signed_in.asked);
        let home = text(&browser.get("").await);
        let (_, rest) = home.split_once("/assets/").expect("a page has an asset");
        let asset = rest.split(['"', '\'', '?']).next().unwrap_or_default();
        Self { browser, asset: format!("//assets/{asset}") }
    }

    /// For as long as the outage takes.
    async fn watch(&self, bench: &Bench) {
        let end = Instant::now() + bench.setting.outage;
        wait::within(UNREADY, "no service with a database is ready (K06)", async || (!ready_somewhere(bench).await).then_some(())).await;
        while Instant::now() < end {
            assert!(!ready_somewhere(bench).await, "a service is ready without its database (K06)");
            for (path, status) in [(self.asset.as_str(), 200), ("//api/v1/openapi.json", 200), ("/requests", 503)] {
                let answer = self.browser.request(Method::GET, path).send().await.expect("the gateway answers (F08)");
                assert_eq!(answer.status().as_u16(), status, "{path} while the database is away (F08)");
                let says_when = answer.headers().contains_key("retry-after");
                assert!(says_when || status == 200, "{path} does not say when to come again (F08)");
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Whether any process of a service that has a database says that it may serve.
async fn ready_somewhere(bench: &Bench) -> bool {
    for service in bench.world.services() {
        for process in bench.world.replicas(&service) {
            if bench.world.is_ready(&process).await {
                return true;
            }
        }
    }
    false
}

/// F10: data and log are on a small disk, which something else fills; what is refused is refused cleanly, and room is all that is needed.
pub(super) async fn disk_full(bench: &mut Bench) {
    let place = bench.world.data().join("postgres");
    bench.world.take_down("postgres", "INT").await;
    let disk = Disk::around(&place);
    let ballast = disk.0.path().join("ballast");
    bench.world.bring_up("postgres").await;
    bench.keep(disk);
    bench.heals("moving to a small disk").await;
    bench.recovery = None;
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        bench.calm().await;
        bench.begins("the disk is full", &SERVICES);
        bench.cut_begins("the disk is full");
        let end = Instant::now() + bench.setting.fault;
        let filling = async {
            while Instant::now() < end {
                // What was given back meanwhile is taken again.
                fill(&ballast);
                sleep(Duration::from_millis(500)).await;
            }
        };
        let heard = probe::during(&crowd, filling).await;
        std::fs::remove_file(&ballast).expect("room is made");
        probe::refusals_are_clean(&heard, "F10");
        bench.heals("the disk is full").await;
        bench.cut_ends("the disk is full", 1, 2);
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.was_felt();
}

/// Appends until there is no room.
fn fill(ballast: &Path) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(ballast).expect("a file on the small disk");
    let zeros = vec![0; 256 * 1024];
    while file.write_all(&zeros).is_ok() {}
}

/// A file system of limited size; it is taken away when this is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Moves a folder onto it and leaves a link.
    fn around(place: &Path) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("portico-disk-").permissions(open).tempdir().expect("a folder");
        let size = size_of(place) + ROOM;
        let options = format!("size={size},mode=0755");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()));
        let disk = Self(folder);
        let target = disk.0.path().join("postgres");
        run(Command::new("cp").arg("-a").arg(std::fs::canonicalize(place).expect("the cluster")).arg(&target));
        std::fs::rename(place, aside(place)).expect("the cluster moves aside");
        std::os::unix::fs::symlink(&target, place).expect("a link to the small disk");
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn aside(place: &Path) -> PathBuf {
    place.with_file_name("postgres.aside")
}

fn run(command: &mut Command) {
    let done = command.status().expect("a program of the system");
    assert!(done.success(), "{command:?}: {done}");
}

/// Bytes on the disk below a folder.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the cluster's folder").flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size_of(&entry.path()),
        Ok(about) => about.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}
