//! What clients did and were told, as a file: one JSON line an event. The invariants read it when the run is over.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;

/// What an event says about its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It begins.
    Invoke,
    /// It was answered with success.
    Ok,
    /// It was refused: it has no effect.
    Fail,
    /// It may or may not have taken effect.
    Unknown,
}

/// One line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the history began.
    pub t: u64,
    /// Who: `portal/customer0`.
    pub client: String,
    /// What: `ticket`, `reply`, `look`, `search`, …
    pub op: String,
    /// The idempotency key, or what else tells it from others of its kind.
    pub key: String,
    /// The portal.
    pub portal: String,
    /// What it says.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What was asked, or what was answered.
    pub value: Value,
}

/// Who does what, under which key.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    /// `portal/customer0`.
    pub client: &'a str,
    /// `ticket`, `reply`, …
    pub op: &'a str,
    /// Tells it from others of its kind by this client.
    pub key: &'a str,
    /// Its slug.
    pub portal: &'a str,
}

/// Writes the file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    begun: Instant,
    began_at: OffsetDateTime,
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl Recorder {
    /// Begins a history; a file that is there is replaced.
    pub fn create(path: &Path) -> Self {
        let file = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { begun: Instant::now(), began_at: OffsetDateTime::now_utc(), path: path.to_path_buf(), file: Arc::new(Mutex::new(file)) }
    }

    /// Milliseconds since it began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The wall clock when it began.
    pub fn began_at(&self) -> OffsetDateTime {
        self.began_at
    }

    /// Writes one event; it is in the file when this returns.
    pub fn note(&self, doing: Doing<'_>, kind: Kind, value: Value) {
        let Doing { client, op, key, portal } = doing;
        let mut file = self.file.lock().expect("no panic while noting");
        let owned = |text: &str| text.to_owned();
        let event = Event { t: self.now(), client: owned(client), op: owned(op), key: owned(key), portal: owned(portal), kind, value };
        let mut line = serde_json::to_vec(&event).expect("an event is JSON");
        line.push(b'\n');
        file.write_all(&line).expect("the history can be written");
    }

    /// A fault begins; `away` are the parts that can't do their work until it ends.
    pub fn fault_begins(&self, name: &str, away: &[&str]) {
        self.note(Doing { client: "fault", op: "fault", key: name, portal: "" }, Kind::Invoke, json!({ "away": away }));
    }

    /// The fault is healed: from now on no process may need to be started again (I17).
    pub fn fault_ends(&self, name: &str) {
        let value = json!({ "pids": self.status()["pids"] });
        self.note(Doing { client: "fault", op: "fault", key: name, portal: "" }, Kind::Ok, value);
    }

    /// Whoever sends mail begins to die, or can no longer note what it has sent.
    pub(crate) fn cut_begins(&self, name: &str) {
        self.note(Doing { client: "fault", op: "cut", key: name, portal: "" }, Kind::Invoke, Value::Null);
    }

    /// It is over: for it one mail may come again so many `times`, and `mails` in all.
    pub(crate) fn cut_ends(&self, name: &str, times: u64, mails: u64) {
        let value = json!({"times": times, "mails": mails});
        self.note(Doing { client: "fault", op: "cut", key: name, portal: "" }, Kind::Ok, value);
    }

    /// A part was seen to be away: no process of it says that it may serve.
    pub(crate) fn away_begins(&self, part: &str) {
        self.note(Doing { client: "watch", op: "away", key: part, portal: "" }, Kind::Invoke, json!({ "away": [part] }));
    }

    /// A process of it serves again.
    pub(crate) fn away_ends(&self, part: &str) {
        self.note(Doing { client: "watch", op: "away", key: part, portal: "" }, Kind::Ok, Value::Null);
    }

    /// The status document of the stack in whose log folder the file is; null without one.
    pub(crate) fn status(&self) -> Value {
        let stack = self.path.parent().and_then(Path::parent);
        let bytes = stack.and_then(|folder| std::fs::read(folder.join("status.json")).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// What was written so far, read from the file.
    pub fn history(&self) -> History {
        History::read(&self.path, self.began_at)
    }
}

/// One operation: its beginning, and its end when there was one.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `portal/customer0`.
    pub client: String,
    /// `ticket`, `reply`, …
    pub op: String,
    /// Tells it from others of its kind by this client.
    pub key: String,
    /// Its slug.
    pub portal: String,
    /// When it began, in milliseconds since the history began.
    pub begun: u64,
    /// When it ended; never, for one without an end.
    pub ended: Option<u64>,
    /// How it ended; `Unknown` for one without an end.
    pub outcome: Kind,
    /// What was asked.
    pub asked: Value,
    /// What was answered; null without an end.
    pub told: Value,
}

impl Operation {
    /// The body of the answer, as JSON.
    pub fn answer(&self) -> Value {
        serde_json::from_str(self.told["answer"].as_str().unwrap_or_default()).unwrap_or_default()
    }

    /// Whether somebody of the load did it; faults and what was seen of them are noted in the same file.
    pub fn is_of_client(&self) -> bool {
        !["fault", "away", "cut"].contains(&self.op.as_str())
    }

    /// The statuses that each try of it got; 0 for none.
    pub fn tries(&self) -> impl Iterator<Item = u64> {
        self.told["tries"].as_array().into_iter().flatten().filter_map(Value::as_u64)
    }
}

/// How many operations ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered with success.
    pub ok: usize,
    /// Refused.
    pub fail: usize,
    /// Neither is known.
    pub unknown: usize,
}

impl Counts {
    /// All of them.
    pub fn all(self) -> usize {
        self.ok + self.fail + self.unknown
    }
}

/// A stretch in which senders of mail died or could not note what they had sent, in milliseconds since the history began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// When it began.
    pub from: u64,
    /// When it was over.
    pub to: u64,
    /// How often one mail may come again for it.
    pub times: u64,
    /// How many mails may come again for it: those that were on their way.
    pub mails: u64,
}

/// A history that was read.
#[derive(Debug, Clone)]
pub struct History {
    /// The wall clock when it began.
    pub began_at: OffsetDateTime,
    /// Its operations, in the order in which they began.
    pub operations: Vec<Operation>,
}

impl History {
    /// Reads a file. A last line that was not written whole is left out.
    pub fn read(path: &Path, began_at: OffsetDateTime) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        Self::of(lines.filter_map(|line| serde_json::from_str(&line).ok()), began_at)
    }

    fn of(events: impl Iterator<Item = Event>, began_at: OffsetDateTime) -> Self {
        let mut operations: Vec<Operation> = Vec::new();
        let mut open: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for event in events {
            let name = (event.client.clone(), event.op.clone(), event.key.clone());
            if event.kind == Kind::Invoke {
                open.insert(name, operations.len());
                operations.push(Operation {
                    client: event.client,
                    op: event.op,
                    key: event.key,
                    portal: event.portal,
                    begun: event.t,
                    ended: None,
                    outcome: Kind::Unknown,
                    asked: event.value,
                    told: Value::Null,
                });
            } else if let Some(index) = open.remove(&name) {
                let operation = &mut operations[index];
                (operation.ended, operation.outcome, operation.told) = (Some(event.t), event.kind, event.value);
            }
        }
        Self { began_at, operations }
    }

    /// The operations of one kind.
    pub fn of_op<'h>(&'h self, op: &'h str) -> impl Iterator<Item = &'h Operation> {
        self.operations.iter().filter(move |operation| operation.op == op)
    }

    /// Those that were answered with success.
    pub fn acknowledged<'h>(&'h self, op: &'h str) -> impl Iterator<Item = &'h Operation> {
        self.of_op(op).filter(|operation| operation.outcome == Kind::Ok)
    }

    /// How the operations of clients ended; faults are not counted.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for operation in self.operations.iter().filter(|operation| operation.is_of_client()) {
            match operation.outcome {
                Kind::Ok => counts.ok += 1,
                Kind::Fail => counts.fail += 1,
                Kind::Invoke | Kind::Unknown => counts.unknown += 1,
            }
        }
        counts
    }

    /// What began at this moment or later.
    pub fn since(mut self, moment: u64) -> Self {
        self.operations.retain(|operation| operation.begun >= moment);
        self
    }

    /// The stretches in which senders of mail were cut, by their end.
    pub fn cuts(&self) -> Vec<Cut> {
        let over = self.acknowledged("cut").map(|cut| {
            let number = |key: &str| cut.told[key].as_u64().unwrap_or_default();
            Cut { from: cut.begun, to: cut.ended.unwrap_or(u64::MAX), times: number("times"), mails: number("mails") }
        });
        let mut cuts: Vec<Cut> = over.collect();
        cuts.sort_by_key(|cut| cut.to);
        cuts
    }

    /// A time of the wall clock as a moment of the history; 0 for one before it began.
    pub fn moment(&self, at: OffsetDateTime) -> u64 {
        u64::try_from((at - self.began_at).whole_milliseconds()).unwrap_or(0)
    }

    /// How many tries got no answer or a 5xx: whether a fault was felt.
    pub fn troubled(&self) -> usize {
        self.operations.iter().flat_map(Operation::tries).filter(|status| *status == 0 || *status >= 500).count()
    }

    /// The stretches in which a part was away, by a fault's design or as it was seen, in milliseconds; one that did not end lasts to the end of
    /// time.
    pub fn away(&self, part: &str) -> Vec<(u64, u64)> {
        let named = |one: &&Operation| one.asked["away"].as_array().is_some_and(|away| away.iter().any(|one| one == part));
        self.operations.iter().filter(|one| ["fault", "away"].contains(&one.op.as_str())).filter(named).map(stretch).collect()
    }

    /// From when to when each fault lasted, in milliseconds; one that did not end lasts to the end of time.
    pub fn faults(&self) -> Vec<(u64, u64)> {
        self.of_op("fault").map(stretch).collect()
    }

    /// The fault that was healed last.
    pub fn last_fault(&self) -> Option<&Operation> {
        self.of_op("fault").filter(|fault| fault.ended.is_some()).max_by_key(|fault| fault.ended)
    }

    /// When the last fault was healed, by the wall clock; the beginning when there was none.
    pub fn healed_at(&self) -> OffsetDateTime {
        self.at(self.last_fault().and_then(|fault| fault.ended).unwrap_or(0))
    }

    /// A moment of the history, by the wall clock.
    pub fn at(&self, moment: u64) -> OffsetDateTime {
        self.began_at + Duration::from_millis(moment)
    }
}

fn stretch(one: &Operation) -> (u64, u64) {
    (one.begun, one.ended.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_operations_with_their_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path);
        let doing = |op: &'static str, key: &'static str| Doing { client: "t1/alice", op, key, portal: "t1" };
        recorder.note(doing("ticket", "a"), Kind::Invoke, json!({"subject": "One"}));
        recorder.note(doing("ticket", "b"), Kind::Invoke, json!({"subject": "Two"}));
        recorder.fault_begins("kill", &["tickets"]);
        recorder.note(doing("ticket", "a"), Kind::Ok, json!({"answer": "{\"number\":\"X-1\"}", "tries": [0, 503, 201]}));
        recorder.fault_ends("kill");
        // A line that a killed writer left half.
        recorder.file.lock().unwrap().write_all(b"{\"t\":1,\"cl").unwrap();
        let history = recorder.history();
        assert_eq!(history.counts(), Counts { ok: 1, fail: 0, unknown: 1 });
        assert_eq!(history.troubled(), 2);
        let first = history.acknowledged("ticket").next().unwrap();
        assert_eq!((first.asked["subject"].as_str(), first.answer()["number"].as_str()), (Some("One"), Some("X-1")));
        assert_eq!((history.away("tickets").len(), history.faults().len()), (1, 1));
        assert_eq!(history.last_fault().map(|fault| fault.key.as_str()), Some("kill"));
        assert!(history.away("identity").is_empty());
        recorder.file.lock().unwrap().write_all(b"\n").unwrap();
        recorder.cut_begins("notifier");
        recorder.cut_ends("notifier", 1, 4);
        let cuts = recorder.history().cuts();
        assert!(matches!(cuts[..], [Cut { times: 1, mails: 4, .. }]), "{cuts:?}");
        assert_eq!(recorder.history().since(recorder.now() + 1).operations.len(), 0);
    }
}
