//! Once all is healed it is as before: as many errors as without a fault, and nothing was started again for it (I17).

use super::Scene;
use crate::history::{History, Operation};

/// Milliseconds after the last fault in which what was broken off may still fail.
const OVER: u64 = 5_000;
/// One try in so many may fail without a fault: a busy machine.
const SELDOM: usize = 100;

/// Tries without an answer or with a 5xx, and all tries, of some operations.
fn tries<'h>(operations: impl Iterator<Item = &'h Operation>) -> (usize, usize) {
    operations
        .flat_map(Operation::tries)
        .fold((0, 0), |(failed, all), status| (failed + usize::from(status == 0 || status >= 500), all + 1))
}

/// What began after the last fault fails no more often than what ended before the first one, or in one try of a hundred.
pub(super) fn errors_are_as_before(history: &History) {
    let faults = history.faults();
    let (Some(first), Some(last)) = (faults.iter().map(|fault| fault.0).min(), history.last_fault().and_then(|fault| fault.ended)) else {
        return;
    };
    let (failed_before, before) = tries(history.operations.iter().filter(|one| one.ended.is_some_and(|ended| ended < first)));
    let (failed, after) = tries(history.operations.iter().filter(|one| one.begun >= last.saturating_add(OVER)));
    let allowed = (after * failed_before).checked_div(before).unwrap_or(0).max(after / SELDOM);
    assert!(failed <= allowed, "{failed} of {after} tries failed after the last fault, {failed_before} of {before} before the first (I17)");
}

/// Each service's processes are those of the moment in which the last fault was healed.
pub(super) fn nothing_was_started_again(scene: &Scene<'_>) {
    let Some(healed) = scene.history.last_fault().filter(|fault| fault.told["pids"].is_object()) else { return };
    let now = scene.world.status();
    for process in scene.world.processes() {
        let (before, after) = (&healed.told["pids"][&process], &now["pids"][&process]);
        assert!(before == after, "{process} was {before} when {} was healed, and is {after} (I17)", healed.key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::*;
    use crate::history::Kind;

    fn one(op: &str, begun: u64, statuses: Value) -> Operation {
        Operation {
            client: String::new(),
            op: op.into(),
            key: String::new(),
            portal: String::new(),
            begun,
            ended: Some(begun + 10),
            outcome: Kind::Ok,
            asked: Value::Null,
            told: json!({ "tries": statuses }),
        }
    }

    fn with(last: Value) -> History {
        let operations =
            vec![one("look", 0, json!([200])), one("fault", 100, json!([])), one("look", 150, json!([0, 503])), one("look", 9_000, last)];
        History { began_at: OffsetDateTime::UNIX_EPOCH, operations }
    }

    #[test]
    fn errors_while_it_heals_are_no_matter() {
        errors_are_as_before(&with(json!([200])));
    }

    #[test]
    #[should_panic(expected = "1 of 2 tries failed")]
    fn an_error_afterwards_is() {
        errors_are_as_before(&with(json!([503, 200])));
    }
}
