//! Which events are next: pure, so that a property test can lose, double and reorder them.

use std::collections::BTreeMap;

use portico_proto::events::v1::Envelope;

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
