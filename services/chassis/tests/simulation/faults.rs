//! What goes wrong, and when: drawn from the seed. Everything is whole again at [`HEALED`].

use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use turmoil::Sim;

use crate::broker::Broker;

/// After this nothing goes wrong any more.
pub const HEALED: Duration = Duration::from_secs(20);

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A host dies and is started again later; databases and broker keep what they have.
    Crash(&'static str),
    /// Nothing passes between two hosts.
    Cut(&'static str, &'static str),
    /// Nothing passes from the one to the other.
    CutOneWay(&'static str, &'static str),
    /// What they say to each other arrives when it is over.
    Hold(&'static str, &'static str),
    /// The broker loses its disk.
    Wipe,
    /// The broker gets an older copy of its disk, of so many events.
    Restore(usize),
}

/// When it goes wrong, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    pub from: Duration,
    pub until: Duration,
    pub fault: Fault,
}

type Link = (&'static str, &'static str);

/// Draws what goes wrong among `hosts` and on the `links` that they use. In a part of the seeds a replica is a zombie for longer than a lease
/// lives: what it says to its database over one of the `fences` arrives afterwards.
pub fn plan(random: &mut ChaCha8Rng, hosts: &[&'static str], links: &[Link], fences: &[Link]) -> Vec<Planned> {
    let count = random.random_range(2..9);
    let mut plan: Vec<Planned> = (0..count).map(|_| any(random, hosts, links)).collect();
    if random.random_bool(0.4) {
        let (one, other) = fences.choose(random).copied().unwrap_or_default();
        let from = Duration::from_millis(random.random_range(2_000..8_000));
        let length = Duration::from_millis(random.random_range(10_500..12_000));
        plan.push(Planned { from, until: from + length, fault: Fault::Hold(one, other) });
    }
    plan
}

fn any(random: &mut ChaCha8Rng, hosts: &[&'static str], links: &[Link]) -> Planned {
    let from = Duration::from_millis(random.random_range(0..18_000));
    // Short ones, and some that are longer than a lease lives.
    let length = if random.random_bool(0.5) { random.random_range(50..3_000) } else { random.random_range(3_000..16_000) };
    let (one, other) = links.choose(random).copied().unwrap_or_default();
    let fault = match random.random_range(0..10) {
        0..3 => Fault::Crash(hosts.choose(random).copied().unwrap_or_default()),
        3..5 => Fault::Cut(one, other),
        5 if random.random_bool(0.5) => Fault::CutOneWay(one, other),
        5 => Fault::CutOneWay(other, one),
        6..8 => Fault::Hold(one, other),
        8 => Fault::Wipe,
        _ => Fault::Restore(random.random_range(0..60)),
    };
    Planned { from, until: (from + Duration::from_millis(length)).min(HEALED), fault }
}

/// It goes wrong.
pub fn begin(sim: &mut Sim<'_>, broker: &mut Broker, fault: Fault) {
    match fault {
        Fault::Crash(host) => sim.crash(host),
        Fault::Cut(one, other) => sim.partition(one, other),
        Fault::CutOneWay(from, to) => sim.partition_oneway(from, to),
        Fault::Hold(one, other) => sim.hold(one, other),
        Fault::Wipe => broker.wipe(),
        Fault::Restore(kept) => broker.restore(kept),
    }
}

/// It is over.
pub fn end(sim: &mut Sim<'_>, fault: Fault) {
    match fault {
        Fault::Crash(host) => sim.bounce(host),
        Fault::Cut(one, other) => sim.repair(one, other),
        Fault::CutOneWay(from, to) => sim.repair_oneway(from, to),
        Fault::Hold(one, other) => sim.release(one, other),
        Fault::Wipe | Fault::Restore(_) => {}
    }
}
