//! How many sign-ins may fail in a row (S17).

use time::{Duration, OffsetDateTime};

/// Failures in a row after which time alone does not help any more: only a known device or a password reset does (v5.0.0-6.3.1).
pub const FINAL: i32 = 100;

/// The attempts on one account, or on one account from one known device, since the last that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Attempts that failed or are under way.
    pub count: i32,
    /// Refused until then.
    pub locked_until: Option<OffsetDateTime>,
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// It may, and is counted; a success takes the count away again.
    Allowed,
    /// Not before so much time has passed.
    Locked(Duration),
}

impl Attempts {
    /// Counts an attempt before its password is looked at, so that many at once can't slip through.
    pub fn charge(self, now: OffsetDateTime, limit: i64, lock: Duration) -> (Self, Charge) {
        if let Some(until) = self.locked_until.filter(|until| now < *until) {
            return (self, Charge::Locked(until - now));
        }
        if self.count >= FINAL {
            return (self, Charge::Locked(Duration::days(1)));
        }
        let count = self.count.saturating_add(1);
        let limit = i32::try_from(limit).unwrap_or(FINAL).clamp(1, FINAL);
        let locked_until = (count % limit == 0).then(|| now + lock);
        (Self { count, locked_until }, Charge::Allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: Duration = Duration::minutes(15);

    #[test]
    fn the_limit_locks_and_time_opens_again() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let mut attempts = Attempts::default();
        for _ in 0..10 {
            let (next, charge) = attempts.charge(start, 10, LOCK);
            assert_eq!(charge, Charge::Allowed);
            attempts = next;
        }
        assert_eq!(attempts.charge(start, 10, LOCK).1, Charge::Locked(LOCK));
        assert_eq!(attempts.charge(start + LOCK, 10, LOCK).1, Charge::Allowed);
    }

    #[test]
    fn after_a_hundred_in_a_row_time_does_not_help() {
        let mut now = OffsetDateTime::UNIX_EPOCH;
        let mut attempts = Attempts::default();
        let mut allowed = 0;
        for _ in 0..10_000 {
            let (next, charge) = attempts.charge(now, 7, LOCK);
            allowed += i32::from(charge == Charge::Allowed);
            attempts = next;
            now += Duration::minutes(20);
        }
        assert_eq!(allowed, FINAL);
    }
}
