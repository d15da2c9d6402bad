//! The processes of one service. Calls take turns among those that answer; one that does not is left alone for a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tonic::transport::{Channel, Endpoint};

/// How long a process that did not answer is passed over, as long as another one is there.
const REST: Duration = Duration::from_secs(2);

/// The channels to the processes of one service; connections are made when first used. Cheap to clone.
#[derive(Clone)]
pub(super) struct Replicas(Arc<Inner>);

struct Inner {
    channels: Vec<Channel>,
    /// Until when each is passed over, in milliseconds after `begun`.
    resting_until: Vec<AtomicU64>,
    begun: Instant,
    turn: AtomicUsize,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replica(usize);

impl Replicas {
    /// For one endpoint or several.
    pub fn new(endpoints: &[Endpoint]) -> Self {
        let channels: Vec<Channel> = endpoints.iter().map(Endpoint::connect_lazy).collect();
        let resting_until = channels.iter().map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { channels, resting_until, begun: Instant::now(), turn: AtomicUsize::new(0) }))
    }

    /// Whether there is another one to ask.
    pub fn several(&self) -> bool {
        self.0.channels.len() > 1
    }

    /// The next in turn: rather one that does not rest, and rather another one than `not`.
    pub fn next(&self, not: Option<Replica>) -> Replica {
        let (count, now) = (self.0.channels.len().max(1), self.now());
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || (0..count).map(|step| Replica(turn.wrapping_add(step) % count));
        let rested = |one: &Replica| self.0.resting_until.get(one.0).is_none_or(|until| until.load(Ordering::Relaxed) <= now);
        let another = |one: &Replica| Some(*one) != not;
        in_turn().find(|one| rested(one) && another(one)).or_else(|| in_turn().find(another)).unwrap_or(Replica(turn % count))
    }

    /// Its channel; `None` when the service has no address at all.
    pub fn channel(&self, one: Replica) -> Option<Channel> {
        self.0.channels.get(one.0).cloned()
    }

    /// It did not answer: others go first for a while.
    pub fn rest(&self, one: Replica) {
        if let Some(until) = self.0.resting_until.get(one.0) {
            until.store(self.now() + REST.as_millis() as u64, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn replicas_take_turns_and_one_that_does_not_answer_is_passed_over() {
        let endpoints = ["http://127.0.0.1:1", "http://127.0.0.1:2"].map(Endpoint::from_static);
        let both = Replicas::new(&endpoints);
        assert_ne!(both.next(None), both.next(None));
        both.rest(Replica(0));
        assert!((0..4).all(|_| both.next(None) == Replica(1)));
        assert_eq!(both.next(Some(Replica(1))), Replica(0), "rather one that rests than the same again");
        both.rest(Replica(1));
        assert_ne!(both.next(None), both.next(None), "when all rest they take turns again");
    }

    #[tokio::test]
    async fn the_only_replica_is_asked_whatever_it_did() {
        let one = Replicas::new(&[Endpoint::from_static("http://127.0.0.1:1")]);
        one.rest(Replica(0));
        assert_eq!(one.next(Some(Replica(0))), Replica(0));
        assert!(!one.several());
    }
}
