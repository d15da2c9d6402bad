//! What a cell works with: its stack, the load on it, and the marks of its faults in the history.

use std::any::Any;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::probe::{Heard, Probe};
use super::processes::ON_THEIR_WAY;
use super::{Outcome, Setting, parity};
pub(super) use crate::SERVICES;
use crate::history::Kind;
use crate::invariants::Tolerance;
use crate::load::Crowd;
use crate::stack::{World, WorldOptions};
use crate::{invariants, wait};

/// After a fault everything is whole again within this time (I17).
const RECOVERED: Duration = Duration::from_secs(60);
/// How long one question whether it is back may take.
const PROBE: Duration = Duration::from_secs(2);
/// What needs no acknowledgement to be read again has none to miss.
const READS: [&str; 6] = ["look", "me", "search", "list", "stranger", "old_token"];

/// One cell's bench. The stack goes first when it is dropped, then what it stood on.
pub struct Bench {
    /// The stack.
    pub world: World,
    /// The people.
    pub crowd: Crowd,
    /// How it is played.
    pub setting: Setting,
    /// What the fault may leave behind.
    pub tolerance: Tolerance,
    /// The longest recovery so far.
    pub recovery: Option<Duration>,
    /// What else was measured.
    pub note: String,
    /// The moment of the history in which the cell began.
    since: u64,
    kept: Vec<Box<dyn Any>>,
}

impl Bench {
    /// A stack with two replicas of every service, and a load that has not begun.
    pub async fn set_up(setting: Setting) -> Self {
        let world = World::own(&WorldOptions { two_replicas: true }).await;
        assert_eq!(world.processes().len(), 2 * SERVICES.len(), "every service is there twice");
        let crowd = Crowd::gather(&world, setting.plan).await;
        let (tolerance, note) = (Tolerance::default(), String::new());
        Self { world, crowd, setting, tolerance, recovery: None, note, since: 0, kept: Vec::new() }
    }

    /// The next cell begins: what was felt before is none of its business.
    pub(super) fn next_cell(&mut self) {
        self.since = self.crowd.recorder.now();
    }

    /// Checks the invariants; what it all came to.
    pub(super) async fn end(&mut self) -> Outcome {
        let tolerance = std::mem::take(&mut self.tolerance);
        let counts = Box::pin(invariants::check(&self.world, &self.crowd, tolerance)).await;
        Outcome { counts, recovery: self.recovery, note: std::mem::take(&mut self.note) }
    }

    /// Keeps something until the stack is gone.
    pub(super) fn keep(&mut self, thing: impl Any) {
        self.kept.push(Box::new(thing));
    }

    /// The load, everybody signed in a moment ago, and its requests a second.
    pub(super) async fn load(&mut self) -> (Crowd, u32) {
        self.crowd = self.crowd.signed_in_again().await;
        (self.crowd.clone(), self.setting.rate)
    }

    /// Load without a fault.
    pub(super) async fn calm(&self) {
        sleep(self.setting.calm).await;
    }

    /// A fault begins; `away` are the services that can't do their work.
    pub(super) fn begins(&self, name: &str, away: &[&str]) {
        self.crowd.recorder.fault_begins(name, away);
    }

    /// Whoever sends mail begins to die, or can no longer note what it has sent.
    pub(super) fn cut_begins(&self, name: &str) {
        self.crowd.recorder.cut_begins(name);
    }

    /// It is over; what so many senders had on their way may come again, each mail so many times.
    pub(super) fn cut_ends(&self, name: &str, times: u64, senders: u64) {
        self.crowd.recorder.cut_ends(name, times, senders * ON_THEIR_WAY);
    }

    /// It is taken back: waits until all is whole again, readers and relays too, and notes how long that took.
    pub(super) async fn heals(&mut self, name: &str) {
        let begun = Instant::now();
        let left = || RECOVERED.saturating_sub(begun.elapsed());
        wait::within(left(), &format!("all is ready after {name} (I17)"), async || self.world.all_ready().await.then_some(())).await;
        let probe = Probe::begin(&self.crowd);
        let taken = async || Some(probe.ask(PROBE).await).filter(Heard::is_ok);
        let heard = wait::within(left(), &format!("a ticket is taken after {name} (I17)"), taken).await;
        probe.end(&heard);
        self.crowd.recorder.fault_ends(name);
        let heads =
            wait::within(left(), &format!("the databases answer after {name} (I17)"), async || parity::heads(&self.world).await).await;
        let caught_up = async || parity::reached(&self.world, &heads).await.then_some(());
        wait::within(left(), &format!("relays and readers have caught up after {name} (I04, I17)"), caught_up).await;
        let took = begun.elapsed();
        self.recovery = Some(self.recovery.map_or(took, |longest| longest.max(took)));
    }

    /// The numbers of the processes, which change when one is started again.
    pub(super) fn pids(&self) -> BTreeMap<String, Option<u32>> {
        self.world.processes().into_iter().map(|process| (process.clone(), self.world.pid(&process))).collect()
    }

    /// What the supervisor has said so far.
    pub(super) fn run_log(&self) -> String {
        std::fs::read_to_string(self.world.data().join("run.log")).unwrap_or_default()
    }

    /// The fault did something.
    pub(super) fn was_felt(&self) {
        assert!(self.crowd.recorder.history().since(self.since).troubled() > 0, "nobody felt the fault");
    }

    /// No write was left without an answer.
    pub(super) fn every_write_was_answered(&self) {
        let history = self.crowd.recorder.history().since(self.since);
        let open = |operation: &&crate::history::Operation| {
            operation.outcome == Kind::Unknown && operation.is_of_client() && !READS.contains(&operation.op.as_str())
        };
        let left: Vec<_> = history.operations.iter().filter(open).take(5).collect();
        assert!(left.is_empty(), "writes without an answer: {left:?}");
    }
}
