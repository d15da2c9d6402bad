//! Another PostgreSQL takes over: a synchronous standby, one that lags, one that was restored (F09, F12).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::bench::{Bench, SERVICES};
use crate::cluster::{Primary, Twin, address_of, at};
use crate::invariants::all_items;
use crate::load::Crowd;
use crate::proxy::Proxy;
use crate::stack::World;
use crate::wait;

/// How long consumers may take until they notice that their producer's history is another one.
const NOTICED: Duration = Duration::from_secs(60);
const CAUGHT_UP: Duration = Duration::from_secs(60);

/// A proxy before each service's database; every process reaches its own through it.
async fn databases(world: &World) -> BTreeMap<String, Proxy> {
    let mut proxies = BTreeMap::new();
    for service in world.services() {
        let dsn = world.dsn(&service);
        let proxy = Proxy::before(address_of(&dsn)).await;
        let through = at(&dsn, proxy.address);
        for process in world.replicas(&service) {
            world.arm(&process, &[("PORTICO_DATABASE_URL", through.as_str())]);
        }
        world.restart(&service).await;
        proxies.insert(service, proxy);
    }
    proxies
}

/// Sends a service to its database on another server.
fn move_to(world: &World, proxies: &BTreeMap<String, Proxy>, service: &str, twin: &Twin) {
    if let Some(proxy) = proxies.get(service) {
        proxy.retarget(twin.address);
    }
    world.moved(service, &at(&world.dsn(service), twin.address));
}

/// A streaming standby.
async fn standby(primary: &Primary) -> Twin {
    let folder = primary.folder();
    let data = folder.path().join("data");
    copy(primary, &data, &["-R"]).await;
    let twin = Twin::start(primary, folder, &data);
    twin.answers("SELECT pg_is_in_recovery()::text", "true").await;
    twin.answers("SELECT count(*)::text FROM pg_stat_wal_receiver", "1").await;
    twin
}

/// Copies the primary while the load goes on.
async fn copy(primary: &Primary, data: &Path, more: &'static [&'static str]) {
    let (primary, data) = (primary.clone(), data.to_path_buf());
    tokio::task::spawn_blocking(move || primary.copy(&data, more)).await.expect("the copy is made");
}

/// F09: nothing that was acknowledged is lost, because each commit waited for the standby.
pub(super) async fn failover(bench: &mut Bench) {
    let proxies = databases(&bench.world).await;
    let primary = Primary::of(&bench.world);
    let twin = standby(&primary).await;
    primary.run(&["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"]).await;
    wait::within(CAUGHT_UP, "the standby is synchronous", async || {
        (primary.ask("SELECT coalesce(max(sync_state), '') FROM pg_stat_replication").await == "sync").then_some(())
    })
    .await;
    let (crowd, rate) = bench.load().await;
    let breaking = async {
        bench.calm().await;
        bench.begins("failover", &SERVICES);
        bench.cut_begins("failover");
        bench.world.take_down("postgres", "KILL").await;
        twin.promote().await;
        for service in bench.world.services() {
            move_to(&bench.world, &proxies, &service, &twin);
        }
        bench.heals("failover").await;
        bench.cut_ends("failover", 1, 2);
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.keep(twin);
    bench.was_felt();
}

/// F09: a standby that had not received everything takes over from one service's database. What it lost is lost, its readers notice, and
/// `portico reconcile` heals them.
pub(super) async fn lagging(bench: &mut Bench) {
    let proxies = databases(&bench.world).await;
    let primary = Primary::of(&bench.world);
    let twin = standby(&primary).await;
    let (crowd, rate) = bench.load().await;
    let mut lost = (0, 0);
    let breaking = async {
        bench.calm().await;
        lost.0 = bench.crowd.recorder.now();
        let end = primary.ask("SELECT pg_current_wal_flush_lsn()::text").await;
        twin.answers(&format!("SELECT (pg_last_wal_receive_lsn() >= '{end}')::text"), "true").await;
        twin.run(&["ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"]).await;
        twin.answers("SELECT count(*)::text FROM pg_stat_wal_receiver", "0").await;
        bench.calm().await;
        bench.begins("failover with a lag", &[]);
        twin.promote().await;
        move_to(&bench.world, &proxies, "tickets", &twin);
        let took = reconcile(&bench.world).await;
        bench.heals("failover with a lag").await;
        lost.1 = bench.crowd.recorder.now();
        bench.note =
            format!("lost the last {:.1} s by design, reconciled in {:.1} s", bench.setting.calm.as_secs_f64(), took.as_secs_f64());
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.tolerance.lost = Some(lost);
    bench.keep(twin);
    bench.was_felt();
}

/// F12: a backup that was taken under load and the log since then bring tickets' database back to a point in time; events, objects and the
/// other databases are newer.
pub(super) async fn restored(bench: &mut Bench) {
    let proxies = databases(&bench.world).await;
    let primary = Primary::of(&bench.world);
    let (folder, log) = (primary.folder(), primary.folder());
    let data = folder.path().join("data");
    let mut archive = Archive::begin(&primary, log.path()).await;
    let (crowd, rate) = bench.load().await;
    let mut lost = (0, 0);
    let mut twin = None;
    let breaking = async {
        bench.calm().await;
        let begun = Instant::now();
        copy(&primary, &data, &[]).await;
        let backed_up = begun.elapsed();
        bench.calm().await;
        lost.0 = bench.crowd.recorder.now();
        let target = primary.ask("SELECT clock_timestamp()::text").await;
        bench.calm().await;
        archive.end(&primary).await;

        bench.begins("restore", &[]);
        recover_to(&data, log.path(), &target);
        let (restored, recovered, ready) = moves_to_copy(bench, &proxies, &primary, folder, &data).await;
        let reconciled = reconcile(&bench.world).await;
        let begun = Instant::now();
        bench.heals("restore").await;
        lost.1 = bench.crowd.recorder.now();
        bench.note = drill(&[
            ("backup under load", backed_up),
            ("restore to a point in time", recovered),
            ("service ready again", ready),
            ("reconcile", reconciled),
            ("all inboxes run", begun.elapsed()),
        ]);
        twin = Some(restored);
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.tolerance.lost = Some(lost);
    let begun = Instant::now();
    search_equals_lists(&bench.crowd.signed_in_again().await).await;
    bench.note.push_str(&format!(", search equals the lists after {:.1} s more", begun.elapsed().as_secs_f64()));
    bench.keep((twin, log));
    bench.was_felt();
}

/// Without tickets, starts the copy and has tickets serve from it; how long the copy took to recover, and tickets to be ready from then on.
async fn moves_to_copy(
    bench: &Bench,
    proxies: &BTreeMap<String, Proxy>,
    primary: &Primary,
    folder: tempfile::TempDir,
    data: &Path,
) -> (Twin, Duration, Duration) {
    let begun = Instant::now();
    for process in bench.world.replicas("tickets") {
        bench.world.take_down(&process, "TERM").await;
    }
    let restored = Twin::start(primary, folder, data);
    restored.answers("SELECT pg_is_in_recovery()::text", "false").await;
    move_to(&bench.world, proxies, "tickets", &restored);
    let recovered = begun.elapsed();
    for process in bench.world.replicas("tickets") {
        bench.world.bring_up(&process).await;
        bench.world.ready(&process).await;
    }
    (restored, recovered, begun.elapsed() - recovered)
}

/// The steps of the drill table in docs/OPERATIONS.md, with what each took.
fn drill(steps: &[(&str, Duration)]) -> String {
    steps.iter().map(|(step, took)| format!("{step} {:.1} s", took.as_secs_f64())).collect::<Vec<_>>().join(", ")
}

/// I10: search knows the topics that the list has, each once, and no more. Every title of the load has the portal's slug.
async fn search_equals_lists(crowd: &Crowd) {
    for camp in crowd.camps.iter() {
        let customer = &camp.customers[0];
        wait::within(CAUGHT_UP, "search and list have the same topics (I10)", async || {
            let listed = all_items(customer, "topics?").await.len();
            let found = customer.get(&format!("search?q={}", camp.slug)).await.expect(200);
            let topics = found["groups"].as_array()?.iter().find(|group| group["kind"] == "topics");
            let (total, capped) = topics.map_or((0, false), |group| (group["total"].as_u64().unwrap_or(0), group["total_capped"] == true));
            (capped || total == listed as u64).then_some(())
        })
        .await;
    }
}

/// Waits until somebody stands still, and has the operator's command heal it; how long the command took.
async fn reconcile(world: &World) -> Duration {
    wait::within(NOTICED, "a reader notices another history", async || (!world.portico(&["inboxes"]).status.success()).then_some(())).await;
    let begun = Instant::now();
    let done = world.portico(&["reconcile"]);
    assert!(done.status.success(), "reconcile: {}", String::from_utf8_lossy(&done.stderr));
    let took = begun.elapsed();
    wait::within(NOTICED, "nobody stands still", async || world.portico(&["inboxes"]).status.success().then_some(())).await;
    took
}

/// Takes the primary's log over as it is written.
struct Archive {
    receiver: Child,
}

impl Archive {
    async fn begin(primary: &Primary, folder: &Path) -> Self {
        let mut command = primary.program("pg_receivewal");
        command.args(["-d", &primary.dsn(primary.address), "-D"]).arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let receiver = command.spawn().expect("pg_receivewal starts");
        wait::within(CAUGHT_UP, "the log is received", async || {
            let receiving =
                "SELECT count(*)::text FROM pg_stat_replication WHERE application_name = 'pg_receivewal' AND state = 'streaming'";
            (primary.ask(receiving).await == "1").then_some(())
        })
        .await;
        Self { receiver }
    }

    /// Ends the present segment and waits until it is there.
    async fn end(&mut self, primary: &Primary) {
        let end = primary.ask("SELECT pg_switch_wal()::text").await;
        let question = format!(
            "SELECT coalesce(bool_or(coalesce(flush_lsn, '0/0') >= '{end}'), false)::text FROM pg_stat_replication \
             WHERE application_name = 'pg_receivewal'"
        );
        wait::within(CAUGHT_UP, "the last segment is received", async || (primary.ask(&question).await == "true").then_some(())).await;
        let _ = self.receiver.kill();
        let _ = self.receiver.wait();
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = self.receiver.kill();
        let _ = self.receiver.wait();
    }
}

/// Writes into a copy how far it is to be recovered.
fn recover_to(data: &Path, log: &Path, target: &str) {
    let path = data.join("postgresql.auto.conf");
    let mut conf = std::fs::OpenOptions::new().append(true).open(path).expect("the copy's configuration");
    let log = log.display();
    writeln!(
        conf,
        "restore_command = 'cp {log}/%f %p || cp {log}/%f.partial %p'\nrecovery_target_time = '{target}'\nrecovery_target_action = 'promote'"
    )
    .expect("the copy's configuration");
    std::fs::write(data.join("recovery.signal"), "").expect("the copy is to recover");
}
