//! Which events of a run that failed are to blame: pure. One by one they are tried until the run is behind; only an event that fails by itself,
//! again and again, is put aside.

use std::time::{Duration, Instant};

/// How often an event is tried before it is parked …
const TRIES: u32 = 5;
/// … and for how long at least: what ends by itself within seconds parks nothing.
const PATIENCE: Duration = Duration::from_secs(8);

/// What failed last, until it is behind.
#[derive(Debug, Default)]
pub(super) struct Suspects(Option<Failed>);

#[derive(Debug)]
struct Failed {
    /// The last position of the run that failed.
    until: i64,
    /// The event that failed by itself, how often, and since when.
    alone: Option<(i64, u32, Instant)>,
}

impl Suspects {
    /// How many events to try at once, of `most`.
    pub(super) fn limit(&self, most: usize) -> usize {
        if self.0.is_some() { 1 } else { most }
    }

    /// The run from `first` to `last` failed at `now` for good reasons; true when it is one event and has been tried enough.
    pub(super) fn failed(&mut self, first: i64, last: i64, now: Instant) -> bool {
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
    pub(super) fn passed(&mut self, position: i64) {
        if self.0.as_ref().is_some_and(|failed| failed.until <= position) {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
