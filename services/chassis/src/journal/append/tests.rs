//! The journal's step on a database of maps: judge, assemble, write. Batches get lost before or after their commit and are sent again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Head, assemble};
use crate::ids::PortalId;
use crate::journal::admit::{Answered, Known, RequestScope, admit};
use crate::journal::batch::Batch;
use crate::journal::entry::{AggregateRef, Claim, Entry, NewEvent, RequestKey, TimerChange};
use crate::journal::{Committed, Outcome};

const PORTAL: &str = "demo";

/// One caller's wish.
#[derive(Debug, Clone)]
struct Wish {
    aggregate: u8,
    /// How far the expected version is from what the database had before the batch.
    ahead: i64,
    events: u8,
    /// The request id and what it asks for.
    request: Option<(u8, u8)>,
    claim: Option<(bool, u8)>,
    timer: u8,
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    LostBefore,
    LostAfter,
}

fn wishes() -> impl Strategy<Value = Vec<(Vec<Wish>, Fate)>> {
    let request = prop::option::weighted(0.6, (0_u8..12, 0_u8..2));
    let claim = prop::option::weighted(0.4, (prop::bool::weighted(0.7), 0_u8..3));
    let wish = (0_u8..3, 0_i64..3, 0_u8..3, request, claim, 0_u8..4).prop_map(|(aggregate, ahead, events, request, claim, timer)| Wish {
        aggregate,
        ahead,
        events,
        request,
        claim,
        timer,
    });
    let fate = prop_oneof![4 => Just(Fate::Answered), 1 => Just(Fate::LostBefore), 1 => Just(Fate::LostAfter)];
    prop::collection::vec((prop::collection::vec(wish, 1..12), fate), 1..12)
}

/// The tables, as the statements of `batch.rs` change them.
#[derive(Default)]
struct Database {
    position: i64,
    last_event: Option<Uuid>,
    /// Position, event, the event before, aggregate, version.
    journal: Vec<(i64, Uuid, Option<Uuid>, Uuid, i64)>,
    versions: HashMap<Uuid, i64>,
    claims: HashMap<(PortalId, String, String), Uuid>,
    requests: HashMap<RequestScope, Answered>,
    /// Timer and aggregate.
    timers: BTreeMap<Uuid, Uuid>,
    ids: u128,
}

impl Database {
    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn entry(&mut self, wish: &Wish) -> Entry<()> {
        let aggregate = AggregateRef { kind: "thing", id: Uuid::from_u128(0xa000_0000 + u128::from(wish.aggregate)) };
        let expected = self.versions.get(&aggregate.id).copied().unwrap_or(0) + wish.ahead;
        let events: Vec<NewEvent> = (0..wish.events).map(|_| NewEvent { id: self.id(), aggregate, body: Default::default() }).collect();
        let request = wish.request.map(|(key, what)| RequestKey { fingerprint: [what; 32], ..RequestKey::internal("Do", key.to_string()) });
        let timers = match wish.timer {
            0 => vec![TimerChange::Arm { id: self.id(), kind: "due", aggregate_id: aggregate.id, due_at: OffsetDateTime::UNIX_EPOCH }],
            1 => vec![TimerChange::CancelAll { aggregate_id: aggregate.id }],
            2 => self.timers.keys().next().map(|id| TimerChange::Done { id: *id }).into_iter().collect(),
            _ => Vec::new(),
        };
        let answer = self.id().as_bytes().to_vec();
        let entry = Entry::new(PORTAL.parse().unwrap(), "system", OffsetDateTime::UNIX_EPOCH).expect("thing", aggregate.id, expected);
        let entry = entry.events(events).request(request).timers(timers).answer(answer);
        match wish.claim {
            Some((true, key)) => entry.claim(Claim::Take { space: "name", key: key.to_string(), owner: aggregate.id }),
            Some((false, key)) => entry.claim(Claim::Release { space: "name", key: key.to_string() }),
            None => entry,
        }
    }

    fn known(&self) -> Known {
        Known { versions: self.versions.clone(), claims: self.claims.clone(), requests: self.requests.clone() }
    }

    /// Deletes first, as the statements do.
    fn write(&mut self, batch: Batch<()>) {
        for (portal, space, key) in &batch.released {
            self.claims.remove(&(portal.parse::<PortalId>().unwrap(), (*space).to_owned(), key.clone()));
        }
        self.timers.retain(|id, aggregate| !batch.cancelled.contains(aggregate) && !batch.done.contains(id));
        for (index, position) in batch.positions.iter().enumerate() {
            let row = (*position, batch.event_ids[index], batch.previous[index], batch.aggregate_ids[index], batch.versions[index]);
            self.journal.push(row);
        }
        self.versions.extend(batch.heads.iter().map(|(id, (.., version))| (*id, *version)));
        for ((portal, space, key), owner) in &batch.taken {
            self.claims.entry((portal.parse::<PortalId>().unwrap(), (*space).to_owned(), key.clone())).or_insert(*owner);
        }
        for (portal, request, answer, _) in &batch.requests {
            let scope = RequestScope {
                portal: portal.clone(),
                caller: request.caller.clone(),
                operation: request.operation.to_owned(),
                key: request.key.clone(),
            };
            let answered = Answered { fingerprint: request.fingerprint.to_vec(), answer: answer.clone() };
            assert!(self.requests.insert(scope, answered).is_none(), "the primary key of `request`");
        }
        self.timers.extend(batch.timers.iter().map(|timer| (timer.id, timer.aggregate_id)));
        (self.position, self.last_event) = (batch.position, batch.last_event);
    }

    /// One batch; the outcomes are what the callers hear if the answer arrives.
    fn append(&mut self, entries: &[Entry<()>], fate: Fate) -> Vec<Outcome> {
        let entries: Vec<&Entry<()>> = entries.iter().collect();
        let verdicts = admit(&entries, self.known());
        let head = Head { position: self.position, last_event: self.last_event, transaction: String::new() };
        let (appended, batch) = assemble(&entries, &verdicts, &HashMap::new(), head);
        if fate != Fate::LostBefore && !batch.is_empty() {
            self.write(batch);
        }
        appended.outcomes
    }
}

/// What the committed entries, told one after the other, must have come to.
#[derive(Default)]
struct Told {
    claims: HashMap<String, Uuid>,
    timers: BTreeSet<Uuid>,
    armed: HashMap<Uuid, Uuid>,
    answers: HashMap<String, (u8, Vec<u8>)>,
}

impl Told {
    fn committed(&mut self, entry: &Entry<()>, committed: &Committed) -> Result<(), TestCaseError> {
        for claim in &entry.claims {
            match claim {
                Claim::Take { key, owner, .. } => {
                    prop_assert!(self.claims.get(key).is_none_or(|holder| holder == owner), "a claim has one owner");
                    self.claims.insert(key.clone(), *owner);
                }
                Claim::Release { key, .. } => _ = self.claims.remove(key),
            }
        }
        for change in &entry.finish.timers {
            match change {
                TimerChange::Arm { id, aggregate_id, .. } => {
                    self.timers.insert(*id);
                    self.armed.insert(*id, *aggregate_id);
                }
                TimerChange::CancelAll { aggregate_id } => self.timers.retain(|id| self.armed[id] != *aggregate_id),
                TimerChange::Done { id } => _ = self.timers.remove(id),
            }
        }
        if let Some(request) = &entry.request {
            let first = self.answers.insert(request.key.clone(), (request.fingerprint[0], committed.answer.clone())).is_none();
            prop_assert!(first, "a request has one effect");
        }
        Ok(())
    }

    /// I02: the answer is the first one's, byte for byte, and another request with the same id gets none.
    fn answered(&self, entry: &Entry<()>, outcome: &Outcome) -> Result<(), TestCaseError> {
        let known = entry.request.as_ref().and_then(|request| Some((request, self.answers.get(&request.key)?)));
        match (outcome, known) {
            (Outcome::Replayed(answer), Some((request, (what, first)))) => {
                prop_assert_eq!((answer, request.fingerprint[0]), (first, *what));
            }
            (Outcome::KeyReused, Some((request, (what, _)))) => prop_assert_ne!(request.fingerprint[0], *what),
            (Outcome::Replayed(_) | Outcome::KeyReused, None) => return Err(TestCaseError::fail("nobody asked this before")),
            _ => {}
        }
        Ok(())
    }
}

fn check(database: &Database, told: &Told) -> Result<(), TestCaseError> {
    let mut reached: HashMap<Uuid, i64> = HashMap::new();
    let mut before = None;
    for (index, (position, event, previous, aggregate, version)) in database.journal.iter().enumerate() {
        prop_assert_eq!(*position, index as i64 + 1, "positions have neither gap nor double");
        prop_assert_eq!(*previous, before, "each event names the one before it");
        before = Some(*event);
        let last = reached.entry(*aggregate).or_default();
        *last += 1;
        prop_assert_eq!(*version, *last, "versions have neither gap nor double");
    }
    prop_assert_eq!(&reached, &database.versions, "the table says what the journal says");
    prop_assert_eq!((database.position, database.last_event), (database.journal.len() as i64, before));
    let claims: HashMap<String, Uuid> = database.claims.iter().map(|((_, _, key), owner)| (key.clone(), *owner)).collect();
    prop_assert_eq!(&claims, &told.claims);
    prop_assert_eq!(&database.timers.keys().copied().collect::<BTreeSet<_>>(), &told.timers);
    prop_assert_eq!(database.requests.len(), told.answers.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// I02, I03: whatever is tried, lost and tried again, the tables are what the committed entries tell, one after the other.
    #[test]
    fn a_batch_is_its_entries_one_after_the_other(batches in wishes()) {
        let (mut database, mut told) = (Database::default(), Told::default());
        let mut again: Vec<Entry<()>> = Vec::new();
        for (wishes, fate) in batches {
            let mut entries = std::mem::take(&mut again);
            for wish in &wishes {
                entries.push(database.entry(wish));
            }
            let outcomes = database.append(&entries, fate);
            prop_assert_eq!(outcomes.len(), entries.len());
            if fate != Fate::LostBefore {
                for (entry, outcome) in entries.iter().zip(&outcomes) {
                    match outcome {
                        Outcome::Committed(committed) => told.committed(entry, committed)?,
                        other => told.answered(entry, other)?,
                    }
                }
            }
            check(&database, &told)?;
            if fate != Fate::Answered {
                // Who hears nothing asks again with the same id; who has none decides anew.
                again = entries.into_iter().filter(|entry| entry.request.is_some()).collect();
            }
        }
    }
}
