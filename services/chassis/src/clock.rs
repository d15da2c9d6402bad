//! Chassis time: PostgreSQL's clock, carried between samples by a monotonic one.
//!
//! A wall clock that jumps on one service's node must neither fire a timer early nor reject a token, so no service reads it after
//! its start. Every `now` in the product comes from a [`Clock`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use time::{Duration, OffsetDateTime};

/// Tells the time. Cheap to clone; all clones agree.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: Instant,
    /// Unix time in nanoseconds at `origin`, as of the last sample.
    base: AtomicI64,
    /// The latest time told, in nanoseconds: time never runs backwards.
    told: AtomicI64,
    stands_still: bool,
}

impl Clock {
    /// Begins with the machine's wall clock, read once; [`Clock::observe`] corrects it.
    #[allow(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    pub fn start() -> Self {
        Self::with(OffsetDateTime::now_utc(), false)
    }

    /// A clock for tests: it stands still until [`Clock::advance`] moves it.
    pub fn standing(at: OffsetDateTime) -> Self {
        Self::with(at, true)
    }

    fn with(at: OffsetDateTime, stands_still: bool) -> Self {
        let base = nanos(at);
        Self(Arc::new(Inner { origin: Instant::now(), base: AtomicI64::new(base), told: AtomicI64::new(base), stands_still }))
    }

    /// The present moment.
    pub fn now(&self) -> OffsetDateTime {
        let reading = self.0.base.load(Ordering::Acquire).saturating_add(self.elapsed());
        let told = self.0.told.fetch_max(reading, Ordering::AcqRel).max(reading);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(told)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// How long ago `at` was; zero for the future.
    pub fn since(&self, at: OffsetDateTime) -> std::time::Duration {
        (self.now() - at).try_into().unwrap_or_default()
    }

    /// Takes over a sample of PostgreSQL's clock.
    pub fn observe(&self, sample: OffsetDateTime) {
        if !self.0.stands_still {
            self.0.base.store(nanos(sample).saturating_sub(self.elapsed()), Ordering::Release);
        }
    }

    /// Moves a standing clock forward; a running one is moved too, which is how tests jump over days.
    pub fn advance(&self, by: Duration) {
        self.0.base.fetch_add(i64::try_from(by.whole_nanoseconds()).unwrap_or(i64::MAX / 4), Ordering::AcqRel);
    }

    fn elapsed(&self) -> i64 {
        if self.0.stands_still { 0 } else { i64::try_from(self.0.origin.elapsed().as_nanos()).unwrap_or(i64::MAX / 4) }
    }
}

fn nanos(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos()).unwrap_or(i64::MAX / 4)
}

/// Protobuf's form of a time.
pub fn to_proto(at: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.unix_timestamp(), nanos: i32::try_from(at.nanosecond()).unwrap_or(0) }
}

/// A time out of protobuf; `None` when it is out of range.
pub fn from_proto(at: &prost_types::Timestamp) -> Option<OffsetDateTime> {
    let whole = OffsetDateTime::from_unix_timestamp(at.seconds).ok()?;
    whole.replace_nanosecond(u32::try_from(at.nanos).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards_when_a_sample_is_earlier() {
        let clock = Clock::start();
        let before = clock.now();
        clock.observe(before - Duration::hours(1));
        assert!(clock.now() >= before);
    }

    #[test]
    fn a_later_sample_is_taken_over() {
        let clock = Clock::start();
        let ahead = clock.now() + Duration::days(2);
        clock.observe(ahead);
        assert!(clock.now() >= ahead);
    }

    #[test]
    fn a_standing_clock_moves_only_by_hand() {
        let clock = Clock::standing(OffsetDateTime::UNIX_EPOCH);
        clock.observe(OffsetDateTime::UNIX_EPOCH + Duration::days(1));
        assert_eq!(clock.now(), OffsetDateTime::UNIX_EPOCH);
        clock.advance(Duration::seconds(3));
        assert_eq!(clock.now().unix_timestamp(), 3);
    }

    #[test]
    fn protobuf_keeps_the_nanoseconds() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_790_000_000_123_456_789).unwrap();
        assert_eq!(from_proto(&to_proto(at)), Some(at));
    }
}
