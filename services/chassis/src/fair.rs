//! Fairness among portals: shares of a bounded whole, and a queue that takes turns. One portal at many times its share waits for itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A portal may hold this many times of what is still free: one alone gets eight ninths of the whole, two get eight seventeenths each, and
/// somebody who holds nothing always finds room.
const OF_THE_REST: usize = 8;

/// A bounded number of places, shared among portals by how much is left. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shares {
    most: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_portal: HashMap<Box<str>, usize>,
}

/// One place, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    held: Arc<Mutex<Held>>,
    portal: Box<str>,
}

impl Shares {
    /// At most `most` places at once, at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), held: Arc::default() }
    }

    /// Takes a place for a portal; `None` when all are taken, or when this portal holds its share.
    pub fn take(&self, portal: &str) -> Option<Share> {
        self.take_within(portal, self.most)
    }

    /// The same for something that may use only the first `within` places.
    pub fn take_within(&self, portal: &str, within: usize) -> Option<Share> {
        let mut held = lock(&self.held);
        let free = within.min(self.most).saturating_sub(held.total);
        let own = held.by_portal.get(portal).copied().unwrap_or(0);
        if own >= free.saturating_mul(OF_THE_REST) {
            return None;
        }
        held.total += 1;
        match held.by_portal.get_mut(portal) {
            Some(count) => *count += 1,
            None => _ = held.by_portal.insert(portal.into(), 1),
        }
        drop(held);
        Some(Share { held: self.held.clone(), portal: portal.into() })
    }

    /// Places that are taken.
    pub fn now(&self) -> usize {
        lock(&self.held).total
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        held.total -= 1;
        if let Some(count) = held.by_portal.get_mut(&self.portal) {
            *count -= 1;
            if *count == 0 {
                held.by_portal.remove(&self.portal);
            }
        }
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What waits, by portal: first come, first served within a portal, and portals take turns.
#[derive(Debug)]
pub struct Turns<T> {
    waiting: HashMap<Box<str>, VecDeque<T>>,
    turns: VecDeque<Box<str>>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), turns: VecDeque::new() }
    }
}

impl<T> Turns<T> {
    /// Puts something behind what its portal waits for already.
    pub fn push(&mut self, portal: &str, item: T) {
        match self.waiting.get_mut(portal) {
            Some(queue) => queue.push_back(item),
            None => {
                self.waiting.insert(portal.into(), VecDeque::from([item]));
                self.turns.push_back(portal.into());
            }
        }
    }

    /// The next of the portal whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let portal = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&portal)?;
        let item = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&portal);
        } else {
            self.turns.push_back(portal);
        }
        item
    }

    /// Gives back what was popped last: it is the next again.
    pub fn put_back(&mut self, portal: &str, item: T) {
        match self.waiting.get_mut(portal) {
            Some(queue) => {
                queue.push_front(item);
                self.turns.retain(|turn| &**turn != portal);
            }
            None => _ = self.waiting.insert(portal.into(), VecDeque::from([item])),
        }
        self.turns.push_front(portal.into());
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_portal_that_wants_everything_leaves_room_for_the_others() {
        let shares = Shares::new(90);
        let hog: Vec<Share> = std::iter::from_fn(|| shares.take("hog")).collect();
        assert_eq!(hog.len(), 80);
        let other: Vec<Share> = std::iter::from_fn(|| shares.take("other")).collect();
        assert!(!other.is_empty() && shares.take("third").is_some());
        drop(hog);
        assert!(shares.take("other").is_some(), "what is given back can be taken");
        drop(other);
        assert_eq!(shares.now(), 0);
    }

    #[test]
    fn one_place_can_be_taken() {
        let shares = Shares::new(0);
        let only = shares.take("a");
        assert!(only.is_some() && shares.take("b").is_none());
    }

    #[test]
    fn portals_take_turns() {
        let mut turns = Turns::default();
        (0..100).for_each(|n| turns.push("hog", ("hog", n)));
        turns.push("quiet", ("quiet", 0));
        turns.push("quiet", ("quiet", 1));
        let first: Vec<_> = std::iter::from_fn(|| turns.pop()).take(5).collect();
        assert_eq!(first, [("hog", 0), ("quiet", 0), ("hog", 1), ("quiet", 1), ("hog", 2)]);
        turns.put_back("hog", ("hog", 2));
        turns.push("quiet", ("quiet", 2));
        assert_eq!((turns.pop(), turns.pop()), (Some(("hog", 2)), Some(("quiet", 2))), "its turn comes again, then the newcomer's");
    }

    proptest! {
        /// Whatever comes in and goes out: nothing is lost, and each portal's things keep their order.
        #[test]
        fn nothing_is_lost_and_each_portal_keeps_its_order(steps in prop::collection::vec(prop::option::of(0_u8..4), 0..200)) {
            let (mut turns, mut pushed, mut popped) = (Turns::default(), Vec::new(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Some(portal) => {
                        turns.push(&portal.to_string(), (portal, number));
                        pushed.push((portal, number));
                    }
                    None => popped.extend(turns.pop()),
                }
            }
            popped.extend(std::iter::from_fn(|| turns.pop()));
            for portal in 0..4 {
                let of = |all: &[(u8, usize)]| all.iter().filter(|(own, _)| *own == portal).copied().collect::<Vec<_>>();
                prop_assert_eq!(of(&pushed), of(&popped));
            }
            prop_assert!(turns.is_empty());
        }
    }
}
