//! When a mail that could not be sent is tried again, and when it is given up.

use std::time::Duration;

/// A mail that the peer keeps refusing for the moment is given up after this many attempts: with the delays below that is about two days.
pub const MAX_ATTEMPTS: i32 = 20;
/// A mail whose peer can't be reached is given up when its event is this old.
pub const LONGEST_WAIT: time::Duration = time::Duration::days(5);

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// A peer that is away says nothing about the mail: it goes soon after the peer is back.
const LONGEST_AWAY: Duration = Duration::from_secs(20);

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The peer refused for good (5xx).
    Permanent,
    /// The peer refused for the moment (4xx).
    Temporary,
    /// The peer stopped answering. The mail may have been taken.
    Silent,
    /// The peer could not be reached or broke off.
    Unreachable,
}

/// How long to wait after the `attempts`-th failure (from 1), before jitter: 5 s, 10 s, 20 s, … up to 4 hours.
pub fn delay(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

/// What is to be done after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this delay, lengthened by jitter.
    Wait(Duration),
    /// Never again.
    GiveUp,
}

/// Decides after the `attempts`-th failure (from 1) of a mail whose event is `age` old.
pub fn after_failure(failure: Failure, attempts: i32, age: time::Duration) -> Next {
    match failure {
        Failure::Permanent => Next::GiveUp,
        Failure::Temporary | Failure::Silent if attempts >= MAX_ATTEMPTS => Next::GiveUp,
        Failure::Temporary | Failure::Silent => Next::Wait(delay(attempts)),
        Failure::Unreachable if age > LONGEST_WAIT => Next::GiveUp,
        Failure::Unreachable => Next::Wait(delay(attempts).min(LONGEST_AWAY)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failures() -> impl Strategy<Value = Failure> {
        prop::sample::select(vec![Failure::Permanent, Failure::Temporary, Failure::Silent, Failure::Unreachable])
    }

    proptest! {
        /// I05: whatever the peer does, a mail is tried again, later each time, until it is given up; that comes, and not by an outage alone.
        #[test]
        fn every_mail_is_given_up_in_the_end_and_none_too_early(failures in prop::collection::vec(failures(), 1..60)) {
            let (mut age, mut attempts, mut refusals) = (time::Duration::ZERO, 0, 0);
            for failure in failures.into_iter().chain(std::iter::repeat(Failure::Temporary)) {
                attempts += 1;
                refusals += i32::from(matches!(failure, Failure::Temporary | Failure::Silent));
                match after_failure(failure, attempts, age) {
                    Next::GiveUp => {
                        let for_good = failure == Failure::Permanent || (attempts >= MAX_ATTEMPTS && refusals > 0);
                        prop_assert!(for_good || age > LONGEST_WAIT);
                        break;
                    }
                    Next::Wait(delay) => {
                        prop_assert!(FIRST <= delay && delay <= LONGEST);
                        prop_assert!(failure != Failure::Permanent && (failure != Failure::Unreachable || delay <= LONGEST_AWAY));
                        age += delay;
                    }
                }
                prop_assert!(attempts <= 60 + MAX_ATTEMPTS, "it comes to an end");
            }
        }

        #[test]
        fn no_count_of_attempts_is_too_large_or_too_small(attempts in any::<i32>(), failure in failures()) {
            prop_assert!((FIRST..=LONGEST).contains(&delay(attempts)));
            let next = after_failure(failure, attempts, YOUNG);
            prop_assert!(failure == Failure::Unreachable || attempts < MAX_ATTEMPTS || next == Next::GiveUp);
        }
    }

    const YOUNG: time::Duration = time::Duration::MINUTE;

    #[test]
    fn delays_double_and_have_a_ceiling() {
        assert_eq!(delay(1), Duration::from_secs(5));
        assert_eq!(delay(2), Duration::from_secs(10));
        assert_eq!(delay(200), LONGEST);
        for attempts in 1..40 {
            assert!(delay(attempts) <= delay(attempts + 1));
        }
    }

    #[test]
    fn a_permanent_refusal_is_final_and_patience_ends() {
        assert_eq!(after_failure(Failure::Permanent, 1, YOUNG), Next::GiveUp);
        assert_eq!(after_failure(Failure::Temporary, MAX_ATTEMPTS, YOUNG), Next::GiveUp);
        assert!(matches!(after_failure(Failure::Silent, MAX_ATTEMPTS - 1, YOUNG), Next::Wait(_)));
    }

    #[test]
    fn a_mail_goes_soon_after_a_long_outage_of_the_smarthost() {
        assert_eq!(after_failure(Failure::Unreachable, 500, YOUNG), Next::Wait(LONGEST_AWAY));
        assert_eq!(after_failure(Failure::Unreachable, 500, LONGEST_WAIT + YOUNG), Next::GiveUp);
    }

    #[test]
    fn a_greylisted_mail_is_tried_for_more_than_a_day() {
        let total: Duration = (1..MAX_ATTEMPTS).map(delay).sum();
        assert!(total > Duration::from_secs(24 * 3600), "{total:?}");
    }
}
