//! Which entries of a batch may commit: pure, so that a property test can try all orders.

use std::collections::HashMap;

use uuid::Uuid;

use super::entry::{Claim, Entry};
use crate::ids::PortalId;

/// What the database said, under the head lock, about everything that the batch names.
#[derive(Debug, Default, Clone)]
pub struct Known {
    /// Versions of the aggregates that exist.
    pub versions: HashMap<Uuid, i64>,
    /// Owners of the claims that are taken, by (portal, space, key).
    pub claims: HashMap<(PortalId, String, String), Uuid>,
    /// The requests that were answered.
    pub requests: HashMap<RequestScope, Answered>,
}

/// An idempotency key in its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestScope {
    /// In which portal.
    pub portal: String,
    /// Who asked.
    pub caller: String,
    /// What for.
    pub operation: String,
    /// The key.
    pub key: String,
}

/// What a request was, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// SHA-256 of the request.
    pub fingerprint: Vec<u8>,
    /// What was answered.
    pub answer: Vec<u8>,
}

/// Requests that an earlier entry of the batch answers: its index and the request's fingerprint.
type AnsweredHere = HashMap<RequestScope, (usize, [u8; 32])>;

/// The verdict on one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It commits; the versions that its events bring their aggregates to, in order.
    Admitted {
        /// One for each event.
        versions: Vec<i64>,
    },
    /// Answered before.
    Replayed(Vec<u8>),
    /// The same request stands earlier in this batch; it gets that one's answer.
    Twin {
        /// Index of the first in the batch.
        of: usize,
    },
    /// The request id was used for something else.
    KeyReused,
    /// Not at the expected version.
    VersionConflict,
    /// Lost a claim.
    ClaimTaken(&'static str),
    /// An event names an aggregate that the entry does not expect: a defect of the service.
    Unexpected,
}

/// Judges the entries in order: what an admitted one changes, the later ones see.
pub fn admit<W>(entries: &[&Entry<W>], mut known: Known) -> Vec<Verdict> {
    let mut answered_here = AnsweredHere::new();
    let mut verdicts = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let verdict = judge(entry, &known, &answered_here);
        if let Verdict::Admitted { .. } = &verdict {
            take_effect(entry, &mut known);
            if let Some(request) = &entry.request {
                answered_here.insert(request_key(entry, request), (index, request.fingerprint));
            }
        }
        verdicts.push(verdict);
    }
    verdicts
}

fn judge<W>(entry: &Entry<W>, known: &Known, answered_here: &AnsweredHere) -> Verdict {
    if let Some(request) = &entry.request {
        let key = request_key(entry, request);
        if let Some(answered) = known.requests.get(&key) {
            return if answered.fingerprint == request.fingerprint {
                Verdict::Replayed(answered.answer.clone())
            } else {
                Verdict::KeyReused
            };
        }
        if let Some((of, fingerprint)) = answered_here.get(&key) {
            return if *fingerprint == request.fingerprint { Verdict::Twin { of: *of } } else { Verdict::KeyReused };
        }
    }
    for (aggregate, expected) in &entry.expects {
        if known.versions.get(&aggregate.id).copied().unwrap_or(0) != *expected {
            return Verdict::VersionConflict;
        }
    }
    for claim in &entry.claims {
        if let Claim::Take { space, key, owner } = claim {
            let holder = known.claims.get(&(entry.portal.clone(), (*space).to_owned(), key.clone()));
            if holder.is_some_and(|holder| holder != owner) {
                return Verdict::ClaimTaken(space);
            }
        }
    }
    let mut versions: HashMap<Uuid, i64> = entry.expects.iter().map(|(aggregate, version)| (aggregate.id, *version)).collect();
    let mut reached = Vec::with_capacity(entry.finish.events.len());
    for event in &entry.finish.events {
        let Some(version) = versions.get_mut(&event.aggregate.id) else { return Verdict::Unexpected };
        *version += 1;
        reached.push(*version);
    }
    Verdict::Admitted { versions: reached }
}

fn take_effect<W>(entry: &Entry<W>, known: &mut Known) {
    for event in &entry.finish.events {
        *known.versions.entry(event.aggregate.id).or_insert(0) += 1;
    }
    for claim in &entry.claims {
        match claim {
            Claim::Take { space, key, owner } => {
                known.claims.insert((entry.portal.clone(), (*space).to_owned(), key.clone()), *owner);
            }
            Claim::Release { space, key } => {
                known.claims.remove(&(entry.portal.clone(), (*space).to_owned(), key.clone()));
            }
        }
    }
}

fn request_key<W>(entry: &Entry<W>, request: &super::RequestKey) -> RequestScope {
    RequestScope {
        portal: entry.portal.to_string(),
        caller: request.caller.clone(),
        operation: request.operation.to_owned(),
        key: request.key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;

    use super::*;
    use crate::journal::{AggregateRef, NewEvent, RequestKey};

    fn entry(aggregate: u128, expected: i64, events: usize) -> Entry<()> {
        let aggregate = AggregateRef { kind: "thing", id: Uuid::from_u128(aggregate) };
        let event = || NewEvent { id: Uuid::nil(), aggregate, body: Default::default() };
        Entry::new("demo".parse().unwrap(), "system", OffsetDateTime::UNIX_EPOCH)
            .expect("thing", aggregate.id, expected)
            .events((0..events).map(|_| event()))
    }

    fn asked(key: &str, fingerprint: u8) -> Option<RequestKey> {
        Some(RequestKey { caller: "a".into(), operation: "Do", key: key.into(), fingerprint: [fingerprint; 32] })
    }

    fn judge_all(entries: &[Entry<()>], known: Known) -> Vec<Verdict> {
        admit(&entries.iter().collect::<Vec<_>>(), known)
    }

    #[test]
    fn a_run_on_one_aggregate_commits_as_one_chain() {
        let verdicts = judge_all(&[entry(1, 0, 2), entry(1, 2, 1)], Known::default());
        assert_eq!(verdicts, [Verdict::Admitted { versions: vec![1, 2] }, Verdict::Admitted { versions: vec![3] }]);
    }

    #[test]
    fn the_loser_of_a_version_is_left_out_and_strangers_commit() {
        let verdicts = judge_all(&[entry(1, 0, 1), entry(1, 0, 1), entry(2, 0, 1)], Known::default());
        assert_eq!(verdicts[1], Verdict::VersionConflict);
        assert_eq!(verdicts[2], Verdict::Admitted { versions: vec![1] });
    }

    #[test]
    fn the_same_request_twice_in_one_batch_has_one_effect() {
        let entries = [entry(1, 0, 1).request(asked("k", 1)), entry(2, 0, 1).request(asked("k", 1)), entry(3, 0, 1).request(asked("k", 2))];
        let verdicts = judge_all(&entries, Known::default());
        assert_eq!(verdicts[1], Verdict::Twin { of: 0 });
        assert_eq!(verdicts[2], Verdict::KeyReused);
    }

    #[test]
    fn a_claim_is_had_by_one_owner_and_can_be_given_back() {
        let take = |owner: u128| Claim::Take { space: "email", key: "a@b.test".into(), owner: Uuid::from_u128(owner) };
        let entries = [
            entry(1, 0, 1).claim(take(1)),
            entry(2, 0, 1).claim(take(2)),
            entry(1, 1, 1).claim(Claim::Release { space: "email", key: "a@b.test".into() }),
            entry(3, 0, 1).claim(take(3)),
        ];
        let verdicts = judge_all(&entries, Known::default());
        assert_eq!(verdicts[1], Verdict::ClaimTaken("email"));
        assert!(matches!(verdicts[3], Verdict::Admitted { .. }));
    }

    #[test]
    fn an_event_on_an_aggregate_that_nobody_checked_is_a_defect() {
        let mut wrong = entry(1, 0, 1);
        wrong.expects.clear();
        assert_eq!(judge_all(&[wrong], Known::default()), [Verdict::Unexpected]);
    }

    proptest! {
        /// I03: whatever is tried, the admitted versions of each aggregate are 1, 2, 3, … without gap or double.
        #[test]
        fn versions_are_gapless(tries in prop::collection::vec((0u128..4, 0i64..6, 1usize..3), 1..60)) {
            let entries: Vec<_> = tries.iter().map(|(id, expected, events)| entry(*id, *expected, *events)).collect();
            let mut reached: HashMap<u128, Vec<i64>> = HashMap::new();
            for (verdict, (id, ..)) in judge_all(&entries, Known::default()).into_iter().zip(&tries) {
                if let Verdict::Admitted { versions } = verdict {
                    reached.entry(*id).or_default().extend(versions);
                }
            }
            for versions in reached.values() {
                prop_assert_eq!(versions, &(1..=versions.len() as i64).collect::<Vec<_>>());
            }
        }
    }
}
