//! A door with few places behind it and a short queue before it: some requests are worked on, some wait their turn, the rest is told at once to
//! come again. Portals take turns, so one that floods waits for itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chassis::error::Error;
use chassis::fair::{Share, Shares, Turns};
use tokio::sync::oneshot;

use crate::pace::Pace;

/// A queue that was empty within this time is a burst, for which there is room; one that was not is overload, of which only as many wait as are
/// worked on: whoever is let in waits about as long as the work takes.
const BURST: Duration = Duration::from_millis(100);
/// The longest wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is told to those who find no room.
pub fn overloaded() -> Error {
    Error::Overloaded { retry_after: Duration::from_secs(1) }
}

/// A door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Shares,
    most_waiting: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    working: usize,
    /// Those who gave up their turn are still in it until it comes.
    queue: Turns<Waiting>,
    queued: usize,
    /// When nobody waited for the last time.
    calm: Instant,
}

#[derive(Debug)]
struct Waiting {
    turn: oneshot::Sender<Place>,
    share: Share,
}

/// A place behind the door; dropping it lets the next one in.
#[derive(Debug)]
pub struct Place {
    gate: Gate,
    begun: Instant,
    _share: Share,
}

enum Entry {
    Works(Place),
    Waits(oneshot::Receiver<Place>),
}

impl Gate {
    /// As many at once as the pace says; of a burst at most `most_waiting` wait.
    pub fn new(pace: Pace, most_waiting: usize) -> Self {
        let state = State { pace, working: 0, queue: Turns::default(), queued: 0, calm: Instant::now() };
        Self(Arc::new(Inner { places: Shares::new(usize::MAX), most_waiting, state: Mutex::new(state) }))
    }

    /// Waits for a place for a portal. `part`: of all places, in percent, those that may be taken when this one comes.
    ///
    /// # Errors
    /// 503 at once when there is no room; after two seconds when nobody leaves.
    pub async fn enter(&self, portal: &str, part: usize) -> Result<Place, Error> {
        match self.knock(portal, part, Instant::now()).ok_or_else(overloaded)? {
            Entry::Works(place) => Ok(place),
            Entry::Waits(turn) => match tokio::time::timeout(PATIENCE, turn).await {
                Ok(Ok(place)) => Ok(place),
                _ => Err(overloaded()),
            },
        }
    }

    /// How many may work at once now.
    pub fn at_once(&self) -> usize {
        self.state().pace.at_once()
    }

    fn knock(&self, portal: &str, part: usize, now: Instant) -> Option<Entry> {
        let mut state = self.state();
        if state.queued == 0 {
            state.calm = now;
        }
        let at_once = state.pace.at_once();
        let burst = now.saturating_duration_since(state.calm) < BURST;
        let waiting = if burst { self.0.most_waiting } else { at_once.min(self.0.most_waiting) };
        let within = ((at_once + waiting) * part / 100).max(1);
        let share = self.0.places.take_within(portal, within)?;
        if state.working < at_once && state.queued == 0 {
            state.working += 1;
            if state.working == at_once {
                state.pace.full();
            }
            return Some(Entry::Works(self.place(share, now)));
        }
        state.pace.full();
        state.queued += 1;
        let (turn, comes) = oneshot::channel();
        state.queue.push(portal, Waiting { turn, share });
        Some(Entry::Waits(comes))
    }

    /// Somebody left: those whose turn it is come in, as many as there is room for.
    fn left(&self, now: Instant) {
        let mut turns = Vec::new();
        let mut state = self.state();
        state.working -= 1;
        while state.working < state.pace.at_once()
            && let Some(next) = state.queue.pop()
        {
            state.queued -= 1;
            // Who went away leaves the turn to the next.
            if !next.turn.is_closed() {
                state.working += 1;
                turns.push(next);
            }
        }
        drop(state);
        for Waiting { turn, share } in turns {
            // Who goes away at this moment drops the place, and with it lets the next one in.
            _ = turn.send(self.place(share, now));
        }
    }

    fn place(&self, share: Share, begun: Instant) -> Place {
        Place { gate: self.clone(), begun, _share: share }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Leaves with an answer of this route that tells how fast they are now: not one of a refusal, which is always fast.
    pub fn answered(self, route: &str) {
        let now = Instant::now();
        self.gate.state().pace.answered(route, now.saturating_duration_since(self.begun), now);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.left(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 100;

    fn gate(at_once: usize, most_waiting: usize) -> Gate {
        Gate::new(Pace::new(at_once, at_once, at_once, Instant::now()), most_waiting)
    }

    /// A request that came now: it works, waits, or was sent away.
    fn knock(gate: &Gate, portal: &str) -> Option<Entry> {
        gate.knock(portal, ALL, Instant::now())
    }

    fn works(entry: Option<Entry>) -> Place {
        match entry {
            Some(Entry::Works(place)) => place,
            Some(Entry::Waits(_)) => panic!("waits"),
            None => panic!("was sent away"),
        }
    }

    fn waits(entry: Option<Entry>) -> oneshot::Receiver<Place> {
        match entry {
            Some(Entry::Waits(turn)) => turn,
            Some(Entry::Works(_)) => panic!("works"),
            None => panic!("was sent away"),
        }
    }

    #[test]
    fn who_leaves_lets_the_next_one_in_and_portals_take_turns_s66i() {
        let gate = gate(2, 100);
        let working = [works(knock(&gate, "hog")), works(knock(&gate, "hog"))];
        let mut hog: Vec<_> = (0..10).map(|_| waits(knock(&gate, "hog"))).collect();
        let mut quiet = waits(knock(&gate, "quiet"));
        let [one, two] = working;
        drop(one);
        let first = hog[0].try_recv().expect("came first");
        assert!(quiet.try_recv().is_err());
        drop(two);
        let second = quiet.try_recv().expect("the other portal's turn, before nine that came earlier");
        assert!(hog[1].try_recv().is_err());
        drop((first, second));
        assert!(hog[1].try_recv().is_ok() && hog[2].try_recv().is_ok());
    }

    #[test]
    fn who_went_away_keeps_no_place() {
        let gate = gate(1, 100);
        let working = works(knock(&gate, "a"));
        let (gone, mut stays) = (waits(knock(&gate, "a")), waits(knock(&gate, "a")));
        drop(gone);
        drop(working);
        let working = stays.try_recv().expect("the first one is not there any more");
        let late = waits(knock(&gate, "a"));
        drop(working);
        drop(late);
        drop(works(knock(&gate, "a")));
        assert_eq!(gate.0.places.now(), 0);
    }

    #[test]
    fn a_burst_finds_room_and_a_queue_that_stays_does_not() {
        let (gate, start) = (gate(2, 100), Instant::now());
        let _working = [works(knock(&gate, "a")), works(knock(&gate, "a"))];
        let burst: Vec<_> = std::iter::from_fn(|| gate.knock("a", ALL, start)).collect();
        assert!(burst.len() > 80, "{}", burst.len());
        assert!(gate.knock("a", ALL, start + BURST * 2).is_none());
        assert!(gate.knock("other", ALL, start + BURST * 2).is_none(), "nor for anybody else while all places are taken");
    }

    #[test]
    fn a_portal_that_floods_leaves_room_for_the_others_s66i() {
        let (gate, start) = (gate(8, 100), Instant::now());
        let later = start + BURST * 2;
        let mut hog = vec![gate.knock("hog", ALL, start)];
        while gate.state().queued == 0 {
            hog.push(gate.knock("hog", ALL, start));
        }
        hog.extend(std::iter::from_fn(|| gate.knock("hog", ALL, later)).map(Some));
        assert!(hog.len() < 16, "{}", hog.len());
        assert!(gate.knock("quiet", ALL, later).is_some());
    }

    #[test]
    fn what_matters_less_finds_less_room() {
        let gate = gate(10, 0);
        let _held: Vec<_> = (0..4).map(|_| works(gate.knock("a", ALL, Instant::now()))).collect();
        assert!(gate.knock("b", 40, Instant::now()).is_none());
        assert!(gate.knock("b", 60, Instant::now()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_forever() {
        let gate = gate(1, 100);
        let _works = gate.enter("a", ALL).await.unwrap();
        let begun = tokio::time::Instant::now();
        let refused = gate.enter("a", ALL).await.unwrap_err();
        assert_eq!(refused.http_status(), 503);
        assert!(begun.elapsed() >= PATIENCE);
        assert!(refused.retry_after().is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn in_a_crowd_never_more_work_than_may_and_everybody_gets_a_turn() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let (gate, working, most) = (gate(3, 1000), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut crowd = tokio::task::JoinSet::new();
        for number in 0..200 {
            let (gate, working, most) = (gate.clone(), working.clone(), most.clone());
            crowd.spawn(async move {
                let place = gate.enter(["a", "b", "c"][number % 3], ALL).await.unwrap();
                most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                working.fetch_sub(1, Ordering::SeqCst);
                drop(place);
            });
        }
        crowd.join_all().await;
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
        let state = gate.state();
        assert_eq!((state.working, state.queued, gate.0.places.now()), (0, 0, 0));
    }
}
