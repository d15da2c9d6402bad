//! The two kinds of databases: tables in memory that outlive a crash, and one question is one transaction.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use portico_chassis::events;
use portico_chassis::inbox::order::{Cursor, held_back};
use portico_chassis::journal::Entry;
use portico_chassis::journal::admit::{Answered, Known, RequestScope, Verdict, admit};
use portico_chassis::relay::courier;
use portico_chassis::testing::lease::Row;
use portico_proto::events::v1::{Envelope, GetHeadRequest, GetHeadResponse};
use uuid::Uuid;

use crate::net::{Answer, Ask, Asker, Defect, Port, World, now};

pub const EPOCH: &str = "the only epoch";
/// Who wrote what no consumer can apply.
pub const POISON: &str = "poison";

/// What every database has.
pub trait Tables {
    fn serve(&mut self, world: &World, ask: Ask) -> Option<Answer>;
}

/// The software of a database's host.
pub async fn host<T: Tables + 'static>(world: Rc<World>, name: &'static str, tables: Rc<RefCell<T>>) -> turmoil::Result {
    let port = Port::open(world, name).await?;
    port.listen(|port: &Port, ask: Ask, asker: Asker| {
        let answer = tables.borrow_mut().serve(port.world(), ask);
        if let Some(answer) = answer {
            port.answer(asker, answer);
        }
    })
    .await
}

/// The table `lease` with its one row, and who had which term.
#[derive(Default)]
pub struct Leases {
    row: Option<Row>,
    terms: BTreeMap<i64, &'static str>,
}

impl Leases {
    fn hold(&mut self, world: &World, by: &'static str) -> Answer {
        let term = Row::hold(&mut self.row, by, now());
        if let Some(term) = term {
            let first = *self.terms.entry(term).or_insert_with(|| {
                world.note(by, "holds", term, 0);
                by
            });
            if first != by {
                world.wrong.borrow_mut().push(format!("term {term} was given to {first} and to {by}"));
            }
        }
        Answer::Term(term)
    }
}

/// The producer's database.
#[derive(Default)]
pub struct Journal {
    pub rows: Vec<Envelope>,
    pub versions: BTreeMap<Uuid, i64>,
    pub published: i64,
    pub requests: HashMap<RequestScope, Answered>,
    pub leases: Leases,
}

impl Journal {
    pub fn head(&self) -> i64 {
        self.rows.len() as i64
    }

    /// A batch of one entry: judged by the journal's own rules.
    fn append(&mut self, entry: &Entry<()>) -> Verdict {
        let scope = entry.request.as_ref().map(|request| RequestScope {
            portal: entry.portal.to_string(),
            caller: request.caller.clone(),
            operation: request.operation.to_owned(),
            key: request.key.clone(),
        });
        let answered = scope.as_ref().and_then(|scope| Some((scope.clone(), self.requests.get(scope)?.clone())));
        let versions = entry.expects.iter().filter_map(|(aggregate, _)| Some((aggregate.id, *self.versions.get(&aggregate.id)?)));
        let known = Known { versions: versions.collect(), requests: answered.into_iter().collect(), ..Known::default() };
        let verdict = admit(&[entry], known).remove(0);
        if let Verdict::Admitted { versions } = &verdict {
            for (event, version) in entry.finish.events.iter().zip(versions) {
                self.versions.insert(event.aggregate.id, *version);
                let previous_event_id = self.rows.last().map(|row| row.event_id.clone()).unwrap_or_default();
                self.rows.push(Envelope {
                    event_id: event.id.to_string(),
                    portal: entry.portal.to_string(),
                    producer: "tickets".to_owned(),
                    epoch: EPOCH.to_owned(),
                    position: self.head() + 1,
                    previous_event_id,
                    aggregate_kind: event.aggregate.kind.to_owned(),
                    aggregate_id: event.aggregate.id.to_string(),
                    version: *version,
                    actor: entry.actor.clone(),
                    ..Envelope::default()
                });
            }
            if let (Some(scope), Some(request)) = (scope, &entry.request) {
                let answered = Answered { fingerprint: request.fingerprint.to_vec(), answer: entry.finish.answer.clone() };
                self.requests.insert(scope, answered);
            }
        }
        verdict
    }

    fn after(&self, position: i64, most: i64) -> Vec<Envelope> {
        self.rows.iter().skip(position as usize).take(most as usize).cloned().collect()
    }

    fn compare(&self, asked: &GetHeadRequest) -> GetHeadResponse {
        let stands = usize::try_from(asked.position - 1).ok().and_then(|index| self.rows.get(index));
        let stands = stands.and_then(|row| row.event_id.parse::<Uuid>().ok());
        GetHeadResponse { epoch: EPOCH.to_owned(), position: self.head(), matches: events::matches(asked, self.head(), stands) }
    }

    fn mark(&mut self, world: &World, by: &'static str, term: i64, position: i64) {
        if self.leases.row.as_ref().is_none_or(|row| row.term != term) {
            world.note(by, "mark refused", term, position);
            return;
        }
        world.note(by, "marked", term, position);
        if self.leases.terms.get(&term) != Some(&by) {
            world.wrong.borrow_mut().push(format!("{by} marked in term {term}, which it never held"));
        }
        self.published = position;
    }
}

impl Tables for Journal {
    fn serve(&mut self, world: &World, ask: Ask) -> Option<Answer> {
        Some(match ask {
            Ask::Hold(by) => self.leases.hold(world, by),
            Ask::Append(entry) => Answer::Verdict(self.append(&entry)),
            Ask::Versions => Answer::Versions(self.versions.clone()),
            Ask::Progress => Answer::Progress { published: self.published, head: self.head() },
            Ask::Rows(after) => Answer::Rows(self.after(after, courier::PAGE)),
            Ask::Pull(after) => Answer::Rows(events::page(self.after(after, 20).into_iter())),
            Ask::Head(asked) => Answer::Head(self.compare(&asked)),
            Ask::Mark { by, term, position } => {
                self.mark(world, by, term, position);
                Answer::Done
            }
            _ => return None,
        })
    }
}

/// An event that is behind a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    pub position: i64,
    pub event_id: String,
    pub aggregate_id: String,
    /// Put aside instead of applied.
    pub parked: bool,
}

/// A consumer's database.
#[derive(Default)]
pub struct Inbox {
    pub cursor: Cursor,
    pub stopped: bool,
    /// The effects, in the order in which they were committed.
    pub passed: Vec<Passed>,
    /// Aggregates of which an event is put aside.
    pub parked: Vec<Uuid>,
    pub leases: Leases,
}

impl Inbox {
    fn may_move(&self, world: &World, cursor: &Cursor) -> bool {
        let is_at = cursor.is_at(&self.cursor.epoch, self.cursor.position);
        !self.stopped && (is_at || world.defect == Some(Defect::NoFence))
    }

    fn apply(&mut self, world: &World, cursor: &Cursor, run: &[Envelope]) -> Answer {
        let Some(last) = run.last() else { return Answer::Done };
        if !self.may_move(world, cursor) {
            world.note("inbox", "superseded", cursor.position, self.cursor.position);
            return Answer::Superseded;
        }
        let aside: Vec<i64> = held_back(run, &self.parked).iter().map(|event| event.position).collect();
        if run.iter().any(|event| event.actor == POISON && !aside.contains(&event.position)) {
            return Answer::Poisoned;
        }
        run.iter().for_each(|event| self.pass(event, aside.contains(&event.position)));
        self.cursor = Cursor { epoch: last.epoch.clone(), position: last.position, event_id: last.event_id.clone() };
        world.note("inbox", "applied", cursor.position, last.position);
        Answer::Done
    }

    fn park(&mut self, world: &World, cursor: &Cursor, event: &Envelope) -> Answer {
        if !self.may_move(world, cursor) {
            return Answer::Superseded;
        }
        self.parked.extend(event.aggregate_id.parse::<Uuid>());
        self.pass(event, true);
        self.cursor = Cursor { epoch: event.epoch.clone(), position: event.position, event_id: event.event_id.clone() };
        world.note("inbox", "parked", event.position, event.version);
        Answer::Done
    }

    fn pass(&mut self, event: &Envelope, parked: bool) {
        let (event_id, aggregate_id) = (event.event_id.clone(), event.aggregate_id.clone());
        self.passed.push(Passed { position: event.position, event_id, aggregate_id, parked });
    }
}

impl Tables for Inbox {
    fn serve(&mut self, world: &World, ask: Ask) -> Option<Answer> {
        Some(match ask {
            Ask::Hold(by) => self.leases.hold(world, by),
            Ask::Cursor => Answer::Cursor { cursor: self.cursor.clone(), stopped: self.stopped },
            Ask::Apply { cursor, run } => self.apply(world, &cursor, &run),
            Ask::Park { cursor, event } => self.park(world, &cursor, &event),
            Ask::Stop => {
                self.stopped = true;
                Answer::Done
            }
            _ => return None,
        })
    }
}
