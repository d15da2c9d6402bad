//! The fault matrix: each cell brings up a stack of its own with two replicas of every service, breaks something under a mixed load, and has
//! the invariants checked. `tests/faults.rs` plays a few of them short, on one stack, the program `portico-faults` all of them.

mod bench;
mod brokers;
mod clocks;
mod copies;
mod databases;
mod edges;
mod listeners;
mod nudge;
mod orphans;
mod parity;
mod points;
mod probe;
mod processes;
mod rolled;
mod rolling;
mod selection;
mod versions;
mod wires;

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

pub use bench::Bench;
pub use selection::{Pick, selection};

use crate::history::Counts;
use crate::plan::Plan;
use crate::stack::programs;
use crate::{cluster, configuration};

/// In seconds. NATS stays away twice as long, and all of that must end while the people of the load, who sign in before it, have a good token: it
/// lives for five minutes.
pub const LONGEST_OUTAGE: u64 = 90;

/// How hard and how long a cell is played.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// What the load does, and what the faults decide.
    pub plan: Plan,
    /// Requests a second.
    pub rate: u32,
    /// Undisturbed load before and after a fault.
    pub calm: Duration,
    /// How long a fault goes on that has no end of its own.
    pub fault: Duration,
    /// How long a server stays away.
    pub outage: Duration,
    /// How long a replica stands still, each time.
    pub pauses: &'static [u64],
    /// The rolling restart.
    pub rolling: Rolling,
    /// How often a server is killed.
    pub kills: u32,
    /// Orders of a cold start.
    pub orders: u32,
    /// In how many services, of those that have it, a fail-point is tried.
    pub victims: usize,
    /// Whether it waits for a sweep of objects that lost their row: it comes 20 s after a start.
    pub sweep: bool,
}

/// How a rolling restart is played.
#[derive(Debug, Clone, Copy)]
pub struct Rolling {
    /// Requests a second.
    pub rate: u32,
    /// How often each service is restarted.
    pub rounds: u32,
    /// Whether both replicas of each service are, one after the other, or one that the seed picks.
    pub both: bool,
    /// How long the load is measured undisturbed, for comparison; without it nothing is compared.
    pub undisturbed: Option<Duration>,
}

impl Setting {
    /// Of the whole matrix. `PORTICO_FAULT_OUTAGE` has another length of outages, in seconds.
    ///
    /// # Panics
    /// When it is no number, or more than [`LONGEST_OUTAGE`].
    pub fn full(plan: Plan) -> Self {
        let given = std::env::var("PORTICO_FAULT_OUTAGE").ok().map(|text| text.parse::<u64>().expect("PORTICO_FAULT_OUTAGE has seconds"));
        assert!(given.is_none_or(|given| given <= LONGEST_OUTAGE), "PORTICO_FAULT_OUTAGE is at most {LONGEST_OUTAGE}");
        Self {
            plan,
            rate: 80,
            calm: Duration::from_secs(8),
            fault: Duration::from_secs(60),
            outage: Duration::from_secs(given.unwrap_or(60)),
            pauses: &[5, 30, 120],
            rolling: Rolling { rate: 200, rounds: 3, both: true, undisturbed: Some(Duration::from_secs(20)) },
            kills: 3,
            orders: 5,
            victims: usize::MAX,
            sweep: true,
        }
    }

    /// Of the selection that runs with every test: it has about two minutes on two cores.
    pub fn short(plan: Plan) -> Self {
        Self {
            plan,
            rate: 50,
            calm: Duration::from_millis(1_500),
            fault: Duration::from_secs(12),
            outage: Duration::from_secs(6),
            // Longer than a lease lives.
            pauses: &[12],
            rolling: Rolling { rate: 50, rounds: 1, both: false, undisturbed: None },
            kills: 1,
            orders: 1,
            victims: 1,
            sweep: false,
        }
    }
}

/// What a cell needs of its machine beside what every test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// To be root: it mounts.
    Root,
    /// The Debian package libfaketime.
    Faketime,
    /// Programs with fail-points, which a release build has not.
    Failpoints,
}

impl Need {
    /// What is missing, if it is.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Self::Root if !cluster::is_root() => Some("needs root"),
            Self::Faketime if faketime().is_none() => Some("needs libfaketime"),
            Self::Failpoints if !have_failpoints() => Some("needs programs with fail-points"),
            _ => None,
        }
    }
}

/// What a cell does to its bench, its load included.
type Run = for<'b> fn(&'b mut Bench) -> LocalBoxFuture<'b, ()>;

/// How a cell is played.
#[derive(Clone, Copy)]
enum Play {
    /// On a stack with load; the invariants are checked afterwards.
    OnBench(Run),
    /// Without either; it tells what was measured.
    Alone(fn() -> LocalBoxFuture<'static, String>),
}

/// One row of the matrix.
#[derive(Clone, Copy)]
pub struct Cell {
    /// Its id, and what tells it from others of that id.
    pub name: &'static str,
    /// What breaks.
    pub about: &'static str,
    /// What it needs.
    pub need: Need,
    /// For which place of the selection it may be picked; none when the whole matrix alone has it.
    pub pick: Option<Pick>,
    play: Play,
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What a cell came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How the operations of the load ended.
    pub counts: Counts,
    /// The longest time from the end of a fault to a service that is whole again.
    pub recovery: Option<Duration>,
    /// What else was measured.
    pub note: String,
}

impl Cell {
    /// Plays it and checks the invariants.
    ///
    /// # Panics
    /// When one does not hold.
    pub async fn play(&self, setting: Setting) -> Outcome {
        let run = match self.play {
            Play::OnBench(run) => run,
            Play::Alone(play) => return Outcome { counts: Counts::default(), recovery: None, note: play().await },
        };
        let mut bench = Box::pin(Bench::set_up(setting)).await;
        run(&mut bench).await;
        bench.end().await
    }

    /// Plays several on one bench, one after the other, and checks the invariants after the last; `begins` is told of each.
    ///
    /// # Panics
    /// When one does not hold, or a cell has no use for a bench.
    pub async fn play_in_turn(cells: &[&Self], setting: Setting, begins: impl Fn(&Self)) -> Outcome {
        let mut bench = Box::pin(Bench::set_up(setting)).await;
        let mut notes = Vec::new();
        for cell in cells {
            let Play::OnBench(run) = cell.play else { panic!("{cell:?} has no use for a bench") };
            begins(cell);
            bench.next_cell();
            run(&mut bench).await;
            notes.push(format!("{cell:?}: {}", std::mem::take(&mut bench.note)));
        }
        bench.note = notes.join("; ");
        bench.end().await
    }
}

/// The library that gives a process a clock of its own.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists())
}

/// Whether the programs under test read the variable that arms a fail-point; looked up once.
fn have_failpoints() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let mut grep = Command::new("grep");
        grep.args(["-q", "-F", "PORTICO_TEST_FAILPOINT"]).arg(programs().join("portico-tickets"));
        grep.status().is_ok_and(|found| found.success())
    })
}

const fn plain(name: &'static str, about: &'static str, run: Run) -> Cell {
    Cell { name, about, need: Need::Nothing, pick: None, play: Play::OnBench(run) }
}

const fn alone(name: &'static str, about: &'static str, play: fn() -> LocalBoxFuture<'static, String>) -> Cell {
    Cell { name, about, need: Need::Nothing, pick: None, play: Play::Alone(play) }
}

const fn picked(pick: Pick, cell: Cell) -> Cell {
    Cell { pick: Some(pick), ..cell }
}

/// A fail-point.
const fn point(name: &'static str, about: &'static str, run: Run) -> Cell {
    picked(Pick::Point, needs(Need::Failpoints, plain(name, about, run)))
}

const fn needs(need: Need, cell: Cell) -> Cell {
    Cell { need, ..cell }
}

/// The matrix.
pub const CELLS: &[Cell] = &[
    picked(Pick::Kill, plain("F01", "a random process is killed every 2 to 5 s", |bench| Box::pin(processes::killed(bench)))),
    point("F02 before_commit", "aborts before COMMIT", |bench| Box::pin(points::before_commit(bench))),
    point("F02 after_commit", "aborts after COMMIT, before publishing", |bench| Box::pin(points::after_commit(bench))),
    point("F02 after_publish", "aborts after publishing, before the mark", |bench| Box::pin(points::after_publish(bench))),
    point("F02 after_send", "aborts after SMTP's 250, before the mark", |bench| Box::pin(points::after_send(bench))),
    point("F02 after_put", "aborts after the object's PUT, before its row", |bench| Box::pin(points::after_put(bench))),
    point("F02 before_reply", "aborts before the reply", |bench| Box::pin(points::before_reply(bench))),
    picked(Pick::More, plain("F03", "one replica of each service stands still", |bench| Box::pin(processes::paused(bench)))),
    picked(
        Pick::Restart,
        plain("F04", "rolling restart of every process, 200 requests a second", |bench| Box::pin(rolling::restarted(bench))),
    ),
    picked(Pick::More, plain("F06", "everything is killed, and started in a random order", |bench| Box::pin(processes::all_killed(bench)))),
    picked(Pick::Server, plain("F07", "PostgreSQL is killed, three times", |bench| Box::pin(databases::killed(bench)))),
    plain("F08", "PostgreSQL is away", |bench| Box::pin(databases::away(bench))),
    plain("F09 synchronous", "a synchronous standby takes over", |bench| Box::pin(copies::failover(bench))),
    plain("F09 lagging", "a standby that lags takes over from tickets' database", |bench| Box::pin(copies::lagging(bench))),
    needs(Need::Root, plain("F10", "PostgreSQL's disk is full", |bench| Box::pin(databases::disk_full(bench)))),
    plain("F12", "tickets' database is restored to a point in time", |bench| Box::pin(copies::restored(bench))),
    picked(Pick::Server, plain("F13", "NATS is killed, three times", |bench| Box::pin(brokers::killed(bench)))),
    picked(Pick::More, plain("F14 deleted", "NATS' data are deleted while it runs", |bench| Box::pin(brokers::deleted(bench)))),
    plain("F14 older copy", "NATS comes back with an older copy of its data", |bench| Box::pin(brokers::older_copy(bench))),
    plain("F14 truncated", "NATS' largest file loses its second half", |bench| Box::pin(brokers::truncated(bench))),
    plain("F14 bit flipped", "one bit of NATS' largest file is flipped", |bench| Box::pin(brokers::bit_flipped(bench))),
    picked(Pick::More, plain("F14 stream deleted", "somebody deletes every stream", |bench| Box::pin(brokers::streams_deleted(bench)))),
    plain("F16", "NATS is away", |bench| Box::pin(brokers::away(bench))),
    plain("F18", "every event comes ten times more, backwards, and acknowledgements get lost", |bench| Box::pin(brokers::doubled(bench))),
    plain("F19", "NATS' password is changed in the middle", |bench| Box::pin(brokers::password_changed(bench))),
    plain("F21", "the mail server misbehaves in seven ways", |bench| Box::pin(edges::mail_server(bench))),
    plain("F26", "one direction between two parts is lost, pair by pair", |bench| Box::pin(wires::one_way(bench))),
    needs(Need::Faketime, plain("F28", "clocks jump by hours and days, and one drifts", |bench| Box::pin(clocks::clocks(bench)))),
    alone("F31", "the configuration is wrong, one value at a time", || Box::pin(misconfigured())),
    needs(
        Need::Failpoints,
        plain("F32", "every process is replaced by the next version, and back, 200 requests a second", |bench| {
            Box::pin(versions::rolled(bench))
        }),
    ),
];

/// Each wrong value ends the start of the service that it is wrong for, and of no other.
async fn misconfigured() -> String {
    let (wrong, all) = configuration::wrong_starts().await;
    assert!(wrong.is_empty(), "{} wrong starts of {all} (F31): {}", wrong.len(), wrong.join("; "));
    let ended = configuration::ended_with_right_values().await;
    assert!(ended.is_empty(), "right values are refused (F31): {ended:?}");
    format!("{all} wrong starts ended at once and named their key")
}
