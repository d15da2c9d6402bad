//! Versions only grow and who writes reads it at once (I09); nobody hears of another portal (I13), of an internal note or a ticket that is not
//! theirs (I06), or is taken for somebody (I16); no file is given out before it is clean (I11).

use std::collections::BTreeMap;

use super::Scene;
use crate::history::{History, Kind, Operation};

/// I13, I16, and I06 for what was read.
pub(super) fn nobody_heard_what_is_not_theirs(scene: &Scene<'_>) {
    let history = &scene.history;
    none(history.acknowledged("foreign"), "answers that speak of another portal (I13)");
    none(history.acknowledged("overheard"), "a customer was told an internal note (I06)");
    none(history.acknowledged("stranger"), "somebody without rights was answered (I16)");
    assert!(history.of_op("stranger").next().is_some(), "strangers tried (I16)");
    none(history.acknowledged("search").filter(|search| found_the_withdrawn(history, search)), "what was withdrawn was found (I06)");
    none(history.acknowledged("search").filter(|search| found_of_others(scene, search)), "tickets of others were found (I06)");
    none(history.of_op("list").filter(|file| file.told["right"] == false), "a file was given out that was not right (I11)");
}

fn none<'h>(wrong: impl Iterator<Item = &'h Operation>, what: &str) {
    let wrong: Vec<&Operation> = wrong.take(3).collect();
    assert!(wrong.is_empty(), "{what}: {wrong:?}");
}

/// A search that began after the article's end was acknowledged has not found it.
fn found_the_withdrawn(history: &History, search: &Operation) -> bool {
    let Some(title) = search.asked["gone"].as_str() else { return false };
    let gone = |one: &Operation| one.asked["title"] == title && one.ended.is_some_and(|ended| ended <= search.begun);
    let found = search.told["titles"].as_array().is_some_and(|titles| titles.iter().any(|one| one == title));
    found && history.acknowledged("unpublish").any(gone)
}

/// A search has found a ticket that the searcher neither filed nor was given.
fn found_of_others(scene: &Scene<'_>, search: &Operation) -> bool {
    let filed = scene.history.acknowledged("ticket").filter(|ticket| ticket.portal == search.portal && ticket.client != search.client);
    let number = |ticket: &Operation| ticket.answer()["number"].as_str().unwrap_or_default().to_owned();
    let others: Vec<String> = filed.map(number).filter(|number| !scene.is_ambiguous(&search.portal, number)).collect();
    let given = |number: &str| {
        let share = |share: &&Operation| share.portal == search.portal && share.asked["number"] == number;
        scene.history.of_op("share").filter(share).any(|share| search.client.ends_with(&format!("/customer{}", share.asked["with"])))
    };
    let hits = search.told["tickets"].as_array().into_iter().flatten().filter_map(|hit| hit.as_str());
    hits.filter(|hit| others.iter().any(|number| number == hit)).any(|hit| !given(hit))
}

/// I09.
pub(super) fn versions_only_grow(scene: &Scene<'_>) {
    let mut seen: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for look in scene.history.of_op("look").filter(|look| !scene.is_excused(look)) {
        let number = look.asked["number"].as_str().unwrap_or_default();
        assert!(look.outcome != Kind::Fail, "{} was told of {number} and does not find it (I09): {}", look.client, look.told);
        let Some(version) = look.told["version"].as_i64() else { continue };
        let before = seen.insert((look.client.as_str(), number), version).unwrap_or(0);
        assert!(version >= before, "{} saw {number} at version {before} and then at version {version} (I09)", look.client);
    }
}

/// I09: after the answer was acknowledged nobody sees the ticket as nobody's.
pub(super) fn writes_are_read_at_once(scene: &Scene<'_>) {
    let replies = scene.replies();
    for look in scene.history.acknowledged("look").filter(|look| !scene.is_excused(look)) {
        let number = look.asked["number"].as_str().unwrap_or_default();
        let Some(reply) = replies.get(&(look.portal.as_str(), number)) else { continue };
        let told = reply.ended.is_some_and(|ended| ended <= look.begun);
        assert!(!told || look.told["status"] != "new", "{} does not see the answer to {number} (I09): {}", look.client, look.told);
    }
}
