//! Timers as data: what falls due when a status is entered. The same list drives the page, the mail and the transition.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::kinds::DueKind;
use super::policy::Timers;
use super::status::Status;

/// How often in a row a customer may start the timers anew.
pub const KEEP_OPEN_LIMIT: u16 = 3;

/// Something that will happen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    /// When, never earlier.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    pub kind: DueKind,
}

/// The timers of a status entered (or kept open) at `now`, soonest first.
///
/// A reminder at or after the auto-resolve is dropped; a close reminder that would not lie between resolve and close is too.
pub fn armed(status: Status, timers: &Timers, now: OffsetDateTime) -> Vec<Due> {
    let mut due = match status {
        Status::WaitingCustomer => waiting(timers, now),
        Status::Resolved => resolved(timers, now),
        _ => Vec::new(),
    };
    due.sort_unstable();
    due
}

fn waiting(timers: &Timers, now: OffsetDateTime) -> Vec<Due> {
    let resolve = timers.auto_resolve_seconds;
    let reminders = timers.waiting_reminder_seconds.iter().filter(|seconds| **seconds < resolve);
    let mut due: Vec<Due> = reminders.map(|seconds| Due { at: after(now, *seconds), kind: DueKind::Reminder }).collect();
    due.push(Due { at: after(now, resolve), kind: DueKind::AutoResolve });
    due
}

fn resolved(timers: &Timers, now: OffsetDateTime) -> Vec<Due> {
    let close = timers.auto_close_seconds;
    let before = timers.close_reminder_seconds;
    let mut due = vec![Due { at: after(now, close), kind: DueKind::AutoClose }];
    if before > 0 && before < close {
        due.push(Due { at: after(now, close - before), kind: DueKind::CloseReminder });
    }
    due
}

fn after(now: OffsetDateTime, seconds: u32) -> OffsetDateTime {
    now.saturating_add(Duration::seconds(i64::from(seconds)))
}

/// What to do with timers of which some are due: the transition if there is one, else one reminder for all that were missed.
pub fn pick(due: &[Due], now: OffsetDateTime) -> Option<DueKind> {
    let ripe = |kind: DueKind| due.iter().any(|entry| entry.kind == kind && entry.at <= now);
    [DueKind::AutoResolve, DueKind::AutoClose, DueKind::Reminder, DueKind::CloseReminder].into_iter().find(|kind| ripe(*kind))
}

/// What stays armed after everything due at `now` took effect.
pub fn remaining(due: &[Due], now: OffsetDateTime) -> Vec<Due> {
    due.iter().copied().filter(|entry| entry.at > now).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plans() -> impl Strategy<Value = (Status, Timers)> {
        let status = prop::sample::select(Status::ALL.to_vec());
        let reminders = prop::collection::vec(0..1_000_000_u32, 0..4);
        (status, reminders, 1..1_000_000_u32, 0..1_000_000_u32, 1..1_000_000_u32).prop_map(|(status, reminders, resolve, before, close)| {
            let timers = Timers {
                waiting_reminder_seconds: reminders,
                auto_resolve_seconds: resolve,
                close_reminder_seconds: before,
                auto_close_seconds: close,
            };
            (status, timers)
        })
    }

    proptest! {
        /// I07: however seldom somebody looks, each look has at most one effect, none comes early, and the transition ends the list: what
        /// was missed is no burst.
        #[test]
        fn missed_timers_collapse_to_one_effect_a_look((status, timers) in plans(), looks in prop::collection::vec(0..400_000_i64, 0..12)) {
            let mut left = armed(status, &timers, T0);
            let (all, mut now) = (left.clone(), T0);
            prop_assert!(all.is_sorted() && all.iter().all(|due| due.at >= T0));
            for seconds in looks {
                now += Duration::seconds(seconds);
                let ripe = left.iter().filter(|due| due.at <= now).count();
                let effect = pick(&left, now);
                prop_assert_eq!(effect.is_some(), ripe > 0, "what is due has an effect, and nothing else has");
                left = remaining(&left, now);
                prop_assert!(left.iter().all(|due| due.at > now) && pick(&left, now).is_none(), "one look, one effect");
                if matches!(effect, Some(DueKind::AutoResolve | DueKind::AutoClose)) {
                    let last = all.iter().filter(|due| matches!(due.kind, DueKind::AutoResolve | DueKind::AutoClose)).all(|due| due.at <= now);
                    prop_assert!(last, "a transition is never early");
                    prop_assert!(left.is_empty(), "nothing is said after it");
                }
            }
        }
    }

    const T0: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn waiting_reminds_three_times_and_resolves_on_the_fifth_day() {
        // LC-10.
        let due = armed(Status::WaitingCustomer, &Timers::default(), T0);
        let days: Vec<(DueKind, i64)> = due.iter().map(|entry| (entry.kind, (entry.at - T0).whole_days())).collect();
        assert_eq!(days, [(DueKind::Reminder, 1), (DueKind::Reminder, 2), (DueKind::Reminder, 3), (DueKind::AutoResolve, 4)]);
    }

    #[test]
    fn resolved_reminds_a_day_before_it_closes() {
        // LC-11.
        let due = armed(Status::Resolved, &Timers::default(), T0);
        assert_eq!(due[0], Due { at: T0 + Duration::days(2), kind: DueKind::CloseReminder });
        assert_eq!(due[1], Due { at: T0 + Duration::days(3), kind: DueKind::AutoClose });
    }

    #[test]
    fn reminders_that_would_come_too_late_or_too_early_are_dropped() {
        let timers =
            Timers { waiting_reminder_seconds: vec![1, 4, 9], auto_resolve_seconds: 4, close_reminder_seconds: 5, auto_close_seconds: 5 };
        assert_eq!(armed(Status::WaitingCustomer, &timers, T0).len(), 2);
        assert_eq!(armed(Status::Resolved, &timers, T0).len(), 1);
    }

    #[test]
    fn missed_reminders_collapse_and_a_transition_comes_first() {
        let due = armed(Status::WaitingCustomer, &Timers::default(), T0);
        let after_two = T0 + Duration::days(2);
        assert_eq!(pick(&due, T0), None);
        assert_eq!(pick(&due, after_two), Some(DueKind::Reminder));
        assert_eq!(remaining(&due, after_two).len(), 2);
        assert_eq!(pick(&due, T0 + Duration::days(10)), Some(DueKind::AutoResolve));
    }
}
