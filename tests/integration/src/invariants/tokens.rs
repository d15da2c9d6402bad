//! A session that was ended, by whom and however, has no live token five seconds later (I12).

use std::collections::BTreeMap;

use crate::history::{History, Kind, Operation};
use crate::load::REVOKED_WITHIN;

/// What ends sessions: the one that signs out, all of a person who is suspended, all but one of a person with a new password.
const ENDS: [&str; 3] = ["sign_out", "suspend", "change_password"];
/// What learns of the end of a session needs this long after identity is back.
const CATCHING_UP: u64 = 5_000;

/// Time in which identity could not be reached does not count.
pub(super) fn dead_after_their_session(history: &History) {
    let allowed = u64::try_from(REVOKED_WITHIN.as_millis()).unwrap_or(u64::MAX);
    let ends = history.operations.iter().filter(|one| one.outcome == Kind::Ok && ENDS.contains(&one.op.as_str()));
    let ended: BTreeMap<&str, &Operation> = ends.map(|one| (one.key.as_str(), one)).collect();
    let away = history.away("identity");
    for used in history.acknowledged("old_token") {
        let Some(ended) = used.asked["session"].as_str().and_then(|session| ended.get(session)) else { continue };
        let since = ended.ended.unwrap_or(u64::MAX);
        let excused: u64 = away.iter().map(|(from, to)| overlap((since, used.begun), (*from, to.saturating_add(CATCHING_UP)))).sum();
        let lived = used.begun.saturating_sub(since).saturating_sub(excused);
        assert!(lived <= allowed, "a token was good {lived} ms after its session ended by {} (I12): {used:?}", ended.op);
    }
}

fn overlap(one: (u64, u64), other: (u64, u64)) -> u64 {
    one.1.min(other.1).saturating_sub(one.0.max(other.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_overlap_by_what_they_share() {
        assert_eq!(overlap((10, 20), (15, 30)), 5);
        assert_eq!(overlap((10, 20), (0, u64::MAX)), 10);
        assert_eq!(overlap((10, 20), (20, 30)), 0);
        assert_eq!(overlap((10, 20), (25, 30)), 0);
    }
}
