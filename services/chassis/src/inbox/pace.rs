//! When an inbox asks the producer what is missing: pure.

use std::time::Duration;

use tokio::time::Instant;

/// Events in one transaction.
pub const RUN: usize = 64;
/// How long a hole may be open before the producer is asked: events overtake each other by less.
pub const HOLE_PATIENCE: Duration = Duration::from_millis(200);
/// How often the producer is asked for its head: a lost tail heals in this time.
pub const HEAD_CHECK: Duration = Duration::from_secs(2);
/// How long one transaction may take; longer, and the database is gone or another replica stopped in the middle of something.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two terms of work: after a failure, and of those who do not have the lease.
pub const REST: Duration = Duration::from_secs(1);

/// What decides when to ask. One that is new asks at once.
#[derive(Debug, Default)]
pub struct Pace {
    asked: Option<Instant>,
    hole_since: Option<Instant>,
}

impl Pace {
    /// Whether the producer should be asked: the last time is long ago, or events wait behind a hole that nothing filled.
    pub fn is_due(&self, now: Instant) -> bool {
        self.asked.is_none_or(|at| now.duration_since(at) >= HEAD_CHECK)
            || self.hole_since.is_some_and(|since| now.duration_since(since) >= HOLE_PATIENCE)
    }

    /// The producer was asked, whether it answered or not.
    pub fn asked(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Everything that is next was applied; whether a hole is left. An old hole stays old.
    pub fn looked(&mut self, has_hole: bool, now: Instant) {
        self.hole_since = has_hole.then(|| self.hole_since.unwrap_or(now));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// I17: in a loop that looks every 200 ms nothing waits for longer than one head check, a hole not even that long; and without a
        /// hole the producer is not asked more often than it must be.
        #[test]
        fn nothing_waits_and_nobody_is_pestered(looks in prop::collection::vec((any::<bool>(), 1_u64..200), 1..100)) {
            let (mut pace, mut now) = (Pace::default(), Instant::now());
            prop_assert!(pace.is_due(now), "it begins by asking");
            let (mut asked, mut hole_since) = (None::<Instant>, None::<Instant>);
            for (has_hole, pause) in looks {
                let due = pace.is_due(now);
                let late = asked.is_none_or(|at| now - at >= HEAD_CHECK);
                prop_assert_eq!(due, late || hole_since.is_some_and(|since| now - since >= HOLE_PATIENCE));
                if due {
                    pace.asked(now);
                    asked = Some(now);
                }
                pace.looked(has_hole, now);
                hole_since = if has_hole { hole_since.or(Some(now)) } else { None };
                now += Duration::from_millis(pause);
            }
        }
    }
}
