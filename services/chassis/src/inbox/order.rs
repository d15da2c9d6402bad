//! Which events are next: pure, so that a property test can lose, double and reorder them.

use std::collections::BTreeMap;

use portico_proto::events::v1::{Envelope, GetHeadResponse};
use uuid::Uuid;

use crate::ids::parse_uuid;

/// Events kept ahead of a hole; beyond this the hole is fetched anyway.
const AHEAD: usize = 2048;

/// How far a consumer has read a producer's journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The producer's epoch; empty before the first event.
    pub epoch: String,
    /// The last applied position; 0 before the first.
    pub position: i64,
    /// The event at that position; empty before the first.
    pub event_id: String,
}

impl Cursor {
    /// Whether this is still where the stored cursor stands: nobody else has applied anything meanwhile.
    pub fn is_at(&self, epoch: &str, position: i64) -> bool {
        self.position == position && self.epoch == epoch
    }

    /// By how many events the producer is ahead.
    pub fn behind(&self, head: &GetHeadResponse) -> Result<i64, Diverged> {
        let known = !self.epoch.is_empty();
        if known && (head.epoch != self.epoch || !head.matches) {
            return Err(Diverged { position: self.position });
        }
        Ok(head.position - self.position)
    }

    /// Whether a page that was asked for after this cursor begins further on: the journal no longer goes back to it.
    pub fn is_too_old_for(&self, page: &[Envelope]) -> bool {
        page.first().is_some_and(|first| first.position > self.position + 1)
    }
}

/// The events of a run on aggregates of which an earlier event is parked: they are parked behind it, so that they can be driven again in order.
pub fn held_back<'r>(run: &'r [Envelope], parked: &[Uuid]) -> Vec<&'r Envelope> {
    run.iter().filter(|event| parse_uuid(&event.aggregate_id).is_ok_and(|id| parked.contains(&id))).collect()
}

/// The producer's journal is not the one that was read before: somebody restored its database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal of the producer diverged at position {position}")]
pub struct Diverged {
    /// Where.
    pub position: i64,
}

/// Puts events in order behind a cursor.
#[derive(Debug, Default)]
pub struct Order {
    cursor: Cursor,
    ahead: BTreeMap<i64, Envelope>,
    /// Events that were dropped because they were applied before.
    pub duplicates: u64,
    foreign: bool,
}

impl Order {
    /// Goes on after `cursor`.
    pub fn after(cursor: Cursor) -> Self {
        Self { cursor, ahead: BTreeMap::new(), duplicates: 0, foreign: false }
    }

    /// How far it came.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Takes an event in; one at or below the cursor is dropped. So is one of another epoch, which is remembered: it may be a leftover at
    /// the broker or the first of a new epoch, and only the producer knows.
    pub fn offer(&mut self, event: Envelope) {
        if !self.cursor.epoch.is_empty() && event.epoch != self.cursor.epoch {
            self.foreign = true;
        } else if event.position <= self.cursor.position || self.ahead.contains_key(&event.position) {
            self.duplicates += 1;
        } else if self.ahead.len() < AHEAD || self.ahead.last_key_value().is_some_and(|(last, _)| event.position < *last) {
            self.ahead.insert(event.position, event);
            if self.ahead.len() > AHEAD {
                self.ahead.pop_last();
            }
        }
    }

    /// Takes in what the producer was asked for; tells how many of its events were not known yet. Those that were are no delivery of the
    /// broker's, so they do not count as duplicates.
    pub fn fill(&mut self, page: Vec<Envelope>) -> usize {
        let before = (page.len(), self.duplicates);
        page.into_iter().for_each(|event| self.offer(event));
        let known = std::mem::replace(&mut self.duplicates, before.1) - before.1;
        before.0.saturating_sub(usize::try_from(known).unwrap_or(usize::MAX))
    }

    /// Whether an event of another epoch came since this was asked last.
    pub fn met_another_epoch(&mut self) -> bool {
        std::mem::take(&mut self.foreign)
    }

    /// The next events without a hole, at most `limit`; each one's predecessor was checked. They stay until [`Order::advance`].
    pub fn run(&self, limit: usize) -> Result<Vec<Envelope>, Diverged> {
        let mut previous = (self.cursor.position, self.cursor.event_id.as_str());
        let mut run = Vec::new();
        for (position, event) in self.ahead.iter().take(limit) {
            if *position != previous.0 + 1 {
                break;
            }
            if event.previous_event_id != previous.1 {
                return Err(Diverged { position: *position });
            }
            previous = (*position, &event.event_id);
            run.push(event.clone());
        }
        Ok(run)
    }

    /// `last` and everything before it is applied.
    pub fn advance(&mut self, last: &Envelope) {
        self.cursor = Cursor { epoch: last.epoch.clone(), position: last.position, event_id: last.event_id.clone() };
        self.ahead = self.ahead.split_off(&(last.position + 1));
    }

    /// Whether events wait behind a hole.
    pub fn has_hole(&self) -> bool {
        self.ahead.first_key_value().is_some_and(|(first, _)| *first > self.cursor.position + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(position: i64) -> Envelope {
        let id = |position: i64| if position == 0 { String::new() } else { format!("e{position}") };
        Envelope { event_id: id(position), previous_event_id: id(position - 1), epoch: "a".into(), position, ..Default::default() }
    }

    fn apply_all(order: &mut Order, applied: &mut Vec<i64>) {
        let run = order.run(64).unwrap();
        applied.extend(run.iter().map(|event| event.position));
        if let Some(last) = run.last() {
            order.advance(last);
        }
    }

    proptest! {
        /// I05: whatever the broker doubles, loses and reorders, each event is applied once and in order.
        #[test]
        fn each_event_once_and_in_order(delivered in prop::collection::vec(1i64..40, 0..200)) {
            let mut order = Order::default();
            let mut applied = Vec::new();
            for position in delivered {
                order.offer(event(position));
                apply_all(&mut order, &mut applied);
            }
            // The producer is asked for what is missing.
            for position in 1..=40 {
                order.offer(event(position));
                apply_all(&mut order, &mut applied);
            }
            prop_assert_eq!(applied, (1..=40).collect::<Vec<_>>());
            prop_assert!(!order.has_hole());
        }
    }

    proptest! {
        /// Another history: the producer's database was restored. `read` events of the old one were applied, `shared` of them are in the new
        /// one too.
        #[test]
        fn nothing_of_another_history_is_applied(
            read in 1i64..30,
            shared in 0i64..40,
            grown in 0i64..40,
            delivered in prop::collection::vec(1i64..70, 0..120),
        ) {
            let shared = shared.min(read);
            let id = |position: i64| match position {
                0 => String::new(),
                old if old <= shared => format!("e{old}"),
                new => format!("r{new}"),
            };
            let restored =
                |position: i64| Envelope { event_id: id(position), previous_event_id: id(position - 1), ..event(position) };
            let head = shared + grown;
            let cursor = Cursor { epoch: "a".into(), position: read, event_id: format!("e{read}") };
            let mut order = Order::after(cursor.clone());
            let mut applied = Vec::new();
            for position in delivered.into_iter().filter(|position| *position <= head) {
                order.offer(restored(position));
                let Ok(run) = order.run(64) else { break };
                applied.extend(run.iter().map(|event| event.position));
                if let Some(last) = run.last() {
                    order.advance(last);
                }
            }
            prop_assert!(shared == read || applied.is_empty(), "what follows another event than the one that was read is left alone");
            prop_assert_eq!(&applied, &(read + 1..=read + applied.len() as i64).collect::<Vec<_>>());
            // Also when nothing was delivered: the producer says it.
            let matches = read <= head && id(read) == cursor.event_id;
            let answer = GetHeadResponse { epoch: "a".into(), position: head, matches };
            prop_assert_eq!(cursor.behind(&answer).is_err(), shared < read);
        }
    }

    #[test]
    fn what_comes_too_early_is_bounded_and_the_nearest_stay() {
        let mut order = Order::default();
        (2..=3000).rev().for_each(|position| order.offer(event(position)));
        (3001..=3010).for_each(|position| order.offer(event(position)));
        assert!(order.ahead.len() == AHEAD && order.has_hole() && order.run(64).unwrap().is_empty());
        assert_eq!(order.ahead.keys().copied().collect::<Vec<_>>(), (2..2 + AHEAD as i64).collect::<Vec<_>>());
    }

    #[test]
    fn a_new_epoch_and_a_page_that_begins_later_are_noticed() {
        let cursor = Cursor { epoch: "a".into(), position: 3, event_id: "e3".into() };
        let head = |epoch: &str, matches| GetHeadResponse { epoch: epoch.into(), position: 7, matches };
        assert_eq!(cursor.behind(&head("a", true)), Ok(4));
        assert_eq!(cursor.behind(&head("b", true)), Err(Diverged { position: 3 }));
        assert_eq!(Cursor::default().behind(&head("b", false)), Ok(7), "who has read nothing begins with any epoch");
        assert!(!cursor.is_too_old_for(&[]) && !cursor.is_too_old_for(&[event(4)]) && cursor.is_too_old_for(&[event(5)]));
        assert!(cursor.is_at("a", 3) && !cursor.is_at("a", 4) && !cursor.is_at("b", 3));
    }

    #[test]
    fn followers_of_a_parked_event_are_held_back() {
        let of = |position, aggregate: u128| Envelope { aggregate_id: Uuid::from_u128(aggregate).to_string(), ..event(position) };
        let run = [of(1, 1), of(2, 2), of(3, 1), event(4)];
        let positions: Vec<i64> = held_back(&run, &[Uuid::from_u128(1)]).iter().map(|event| event.position).collect();
        assert_eq!(positions, [1, 3]);
        assert!(held_back(&run, &[]).is_empty());
    }

    #[test]
    fn what_is_fetched_counts_when_the_broker_had_not_delivered_it() {
        let mut order = Order::default();
        order.offer(event(2));
        order.offer(event(2));
        assert_eq!(order.fill(vec![event(1), event(2), event(3)]), 2);
        assert_eq!(order.duplicates, 1, "one of the broker's, none of the producer's");
        assert_eq!(order.run(64).unwrap().len(), 3);
    }

    #[test]
    fn an_event_ahead_waits_for_the_hole() {
        let mut order = Order::default();
        order.offer(event(2));
        assert!(order.run(64).unwrap().is_empty());
        assert!(order.has_hole());
    }

    #[test]
    fn a_restored_journal_is_noticed() {
        let mut order = Order::default();
        order.offer(event(1));
        order.advance(&event(1));
        let stranger = Envelope { previous_event_id: "other".into(), ..event(2) };
        order.offer(stranger);
        assert_eq!(order.run(64), Err(Diverged { position: 2 }));
    }

    #[test]
    fn an_event_of_another_epoch_is_dropped_and_remembered_once() {
        let mut order = Order::after(Cursor { epoch: "a".into(), position: 0, event_id: String::new() });
        order.offer(Envelope { epoch: "b".into(), ..event(1) });
        assert!(order.run(64).unwrap().is_empty());
        assert!(order.met_another_epoch() && !order.met_another_epoch());
    }
}
