//! Which events of a run that failed are to blame: pure. One by one they are tried until the run is behind; only an event that fails by itself,
//! again and again, is put aside.

use std::time::{Duration, Instant};

/// How often an event is tried before it is parked …
const TRIES: u32 = 5;
/// … and for how long at least: what ends by itself within seconds parks nothing.
const PATIENCE: Duration = Duration::from_secs(8);

/// What failed last, until it is behind.
#[derive(Debug, Default)]
pub struct Suspects(Option<Failed>);

/// Who is to blame for a run that could not be applied, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// No event: something is away. Later again.
    Nobody,
    /// One of several: they are tried one by one, at once.
    OneOfThem,
    /// This event, perhaps: it is tried again later.
    NotYet,
    /// This event: it is put aside.
    TheEvent,
}

#[derive(Debug)]
struct Failed {
    /// The last position of the run that failed.
    until: i64,
    /// The event that failed by itself, how often, and since when.
    alone: Option<(i64, u32, Instant)>,
}

impl Suspects {
    /// How many events to try at once, of `most`.
    pub fn limit(&self, most: usize) -> usize {
        if self.0.is_some() { 1 } else { most }
    }

    /// The run from `first` to `last` failed at `now`, for a reason that passes by itself or not.
    pub fn blame(&mut self, first: i64, last: i64, is_transient: bool, now: Instant) -> Blame {
        if is_transient {
            return Blame::Nobody;
        }
        match (self.failed(first, last, now), first == last) {
            (true, _) => Blame::TheEvent,
            (false, true) => Blame::NotYet,
            (false, false) => Blame::OneOfThem,
        }
    }

    /// The run failed for good reasons; true when it is one event and has been tried enough.
    fn failed(&mut self, first: i64, last: i64, now: Instant) -> bool {
        let failed = self.0.get_or_insert(Failed { until: last, alone: None });
        if first != last {
            return false;
        }
        let (tries, since) = match failed.alone {
            Some((position, tries, since)) if position == first => (tries + 1, since),
            _ => (1, now),
        };
        failed.alone = Some((first, tries, since));
        tries >= TRIES && now.duration_since(since) >= PATIENCE
    }

    /// Everything up to `position` is behind: applied or parked.
    pub fn passed(&mut self, position: i64) {
        if self.0.as_ref().is_some_and(|failed| failed.until <= position) {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// I18: whichever events are poisonous, exactly they are put aside; the others are applied in order, and in bounded time.
        #[test]
        fn only_poison_is_put_aside(
            count in 1i64..60,
            most in 1usize..20,
            poison in prop::collection::btree_set(1i64..60, 0..6),
            away in prop::collection::vec(any::<bool>(), 0..30),
        ) {
            let (begun, mut pauses, mut next) = (Instant::now(), 0, 1);
            let (mut suspects, mut applied, mut parked) = (Suspects::default(), Vec::new(), Vec::new());
            let mut away = away.into_iter();
            for step in 0.. {
                prop_assert!(step < 2000, "it comes to an end");
                if next > count {
                    break;
                }
                let now = begun + Duration::from_secs(pauses);
                let last = count.min(next + suspects.limit(most) as i64 - 1);
                let is_away = away.next().unwrap_or(false);
                if !is_away && poison.range(next..=last).next().is_none() {
                    applied.extend(next..=last);
                    suspects.passed(last);
                    next = last + 1;
                    continue;
                }
                match suspects.blame(next, last, is_away, now) {
                    Blame::Nobody => prop_assert!(is_away),
                    Blame::OneOfThem => prop_assert!(last > next && suspects.limit(most) == 1),
                    Blame::NotYet => prop_assert!(poison.contains(&next)),
                    Blame::TheEvent => {
                        parked.push(next);
                        suspects.passed(next);
                        next += 1;
                        continue;
                    }
                }
                pauses += 1;
            }
            prop_assert_eq!(&parked, &poison.range(1..=count).copied().collect::<Vec<_>>());
            prop_assert_eq!(applied, (1..=count).filter(|position| !poison.contains(position)).collect::<Vec<_>>());
            prop_assert!(pauses <= 30 + 12 * parked.len() as u64 + count as u64, "a poisonous event is waited for and no other");
        }
    }

    #[test]
    fn events_of_a_failed_run_are_tried_one_by_one_until_it_is_behind() {
        let mut suspects = Suspects::default();
        assert_eq!(suspects.limit(64), 64);
        assert!(!suspects.failed(5, 8, Instant::now()));
        for position in 5..8 {
            assert_eq!(suspects.limit(64), 1);
            suspects.passed(position);
        }
        suspects.passed(8);
        assert_eq!(suspects.limit(64), 64);
    }

    #[test]
    fn a_second_and_a_half_of_failures_parks_nothing_however_many_they_are() {
        let (mut suspects, begun) = (Suspects::default(), Instant::now());
        for n in 0..100u64 {
            assert!(!suspects.failed(5, 5, begun + Duration::from_millis(15 * n)));
        }
    }

    #[test]
    fn an_event_that_fails_for_long_and_often_is_parked() {
        let (mut suspects, begun) = (Suspects::default(), Instant::now());
        assert!(!suspects.failed(5, 5, begun));
        // Long, but not often.
        assert!(!suspects.failed(5, 5, begun + PATIENCE * 2));
        assert!(!suspects.failed(5, 5, begun + PATIENCE * 2));
        assert!(!suspects.failed(5, 5, begun + PATIENCE * 2));
        assert!(suspects.failed(5, 5, begun + PATIENCE * 2));
        // Another event begins at the beginning.
        assert!(!suspects.failed(6, 6, begun + PATIENCE * 2));
    }
}
