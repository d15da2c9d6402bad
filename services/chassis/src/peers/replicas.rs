//! The processes of one service. Calls take turns among those that answer; one that does not is left alone for a moment.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::Uri;
use tonic::transport::{Channel, Endpoint};

/// How long a process that did not answer is passed over, as long as another one is there.
const REST: Duration = Duration::from_secs(2);

/// The channels to the processes of one service; connections are made when first used. Cheap to clone.
#[derive(Clone)]
pub(super) struct Replicas(Arc<Inner>);

struct Inner {
    members: RwLock<Members>,
    begun: Instant,
    turn: AtomicUsize,
}

type Members = Arc<[Arc<Member>]>;

/// One process.
struct Member {
    uri: Uri,
    channel: Channel,
    /// Until when it is passed over, in milliseconds after `begun`.
    resting_until: AtomicU64,
}

/// One of them, by its place. When the processes change meanwhile it may be another one: then that one is asked, or rests in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replica(usize);

impl Replicas {
    /// For one endpoint or several.
    pub fn new(endpoints: &[Endpoint]) -> Self {
        let members: Members = endpoints.iter().map(Member::new).collect();
        Self(Arc::new(Inner { members: RwLock::new(members), begun: Instant::now(), turn: AtomicUsize::new(0) }))
    }

    /// The processes of now. Those that stay keep their connections; none at all says that nobody knows, and changes nothing.
    pub fn set(&self, endpoints: &[Endpoint]) {
        let before = self.members();
        let stays = |endpoint: &Endpoint| before.iter().find(|member| member.uri == *endpoint.uri()).cloned();
        let same = before.len() == endpoints.len() && endpoints.iter().all(|endpoint| stays(endpoint).is_some());
        if endpoints.is_empty() || same {
            return;
        }
        let members: Members = endpoints.iter().map(|endpoint| stays(endpoint).unwrap_or_else(|| Member::new(endpoint))).collect();
        *self.0.members.write().unwrap_or_else(PoisonError::into_inner) = members;
    }

    /// Whether there is another one to ask.
    pub fn several(&self) -> bool {
        self.members().len() > 1
    }

    /// The next in turn: rather one that does not rest, and rather another one than `not`.
    pub fn next(&self, not: Option<Replica>) -> Replica {
        let members = self.members();
        let (count, now) = (members.len().max(1), self.now());
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || (0..count).map(|step| Replica(turn.wrapping_add(step) % count));
        let rested = |one: &Replica| members.get(one.0).is_none_or(|member| member.resting_until.load(Ordering::Relaxed) <= now);
        let another = |one: &Replica| Some(*one) != not;
        in_turn().find(|one| rested(one) && another(one)).or_else(|| in_turn().find(another)).unwrap_or(Replica(turn % count))
    }

    /// Its channel; `None` when the service has no address at all.
    pub fn channel(&self, one: Replica) -> Option<Channel> {
        let members = self.members();
        members.get(one.0 % members.len().max(1)).map(|member| member.channel.clone())
    }

    /// It did not answer: others go first for a while.
    pub fn rest(&self, one: Replica) {
        if let Some(member) = self.members().get(one.0) {
            member.resting_until.store(self.now() + REST.as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// Where they are.
    #[cfg(test)]
    pub fn uris(&self) -> Vec<String> {
        self.members().iter().map(|member| member.uri.to_string()).collect()
    }

    fn members(&self) -> Members {
        self.0.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Member {
    fn new(endpoint: &Endpoint) -> Arc<Self> {
        Arc::new(Self { uri: endpoint.uri().clone(), channel: endpoint.connect_lazy(), resting_until: AtomicU64::new(0) })
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

    #[tokio::test]
    async fn processes_come_and_go_and_those_that_stay_are_known() {
        let [first, second, third] = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"].map(Endpoint::from_static);
        let replicas = Replicas::new(&[first.clone(), second.clone()]);
        replicas.rest(Replica(1));
        replicas.set(&[second, third]);
        assert_eq!(replicas.uris(), ["http://127.0.0.1:2/", "http://127.0.0.1:3/"]);
        assert!((0..4).all(|_| replicas.next(None) == Replica(1)), "the one that stayed still rests");
        replicas.set(&[]);
        assert!(replicas.several(), "a name that is not known for a moment takes nobody away");
        replicas.set(&[first]);
        assert!(replicas.channel(Replica(1)).is_some(), "a call that chose one of before finds one of now");
    }
}
