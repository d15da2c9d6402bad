//! The journal's actor: takes all that waits, commits once, answers each.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::Outcome;
use super::append::{Appended, Failure, append};
use super::entry::Entry;
use super::fill::{Waiting, fill};
use super::settle::settle;
use crate::db::Db;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::failpoint::{self, Point};
use crate::fair::{Share, Shares, Turns};
use crate::run::{Phase, Tasks};
use crate::telemetry::{self, Shed};

/// Entries in one transaction: more would hold the head lock longer than the gain of a bigger batch is worth.
const BATCH: usize = 256;
/// Groups that may wait: at 3,000 entries a second about a third of a second of work; more is shed at the edge.
const MAILBOX: usize = 1024;
/// Pause before the next try when the database is away.
const RECONNECT: Duration = Duration::from_millis(100);
/// How long a ROLLBACK may take; the connection is dropped when it takes longer.
const ROLLBACK: Duration = Duration::from_secs(1);

/// The rows of a service that an entry writes. All admitted entries of a batch come in one call, so that each table is written once.
#[async_trait]
pub trait Writes: Clone + Send + Sync + Sized + 'static {
    /// Executes the writes in order of their entries, inside the journal's transaction. Nothing but SQL may happen here.
    async fn apply(conn: &mut PgConnection, batch: Vec<Self>) -> Result<(), Error>;
}

/// A service whose entries write nothing but events.
#[async_trait]
impl Writes for () {
    async fn apply(_: &mut PgConnection, _: Vec<Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// Wakes those who act on what was committed.
#[derive(Debug, Clone, Default)]
pub struct JournalSignals {
    /// Rows were appended: the relay publishes.
    pub appended: Arc<Notify>,
    /// A timer was armed.
    pub armed: Arc<Notify>,
}

struct Group<W> {
    /// Its place in the mailbox, until it is answered.
    _share: Share,
    entries: Vec<Entry<W>>,
    deadline: Deadline,
    answer: oneshot::Sender<Result<Vec<Outcome>, Error>>,
}

impl<W> Waiting for Group<W> {
    fn entries(&self) -> usize {
        self.entries.len()
    }

    fn portal(&self) -> &str {
        self.entries.first().map_or("", |entry| entry.portal.as_str())
    }

    fn is_late(&self) -> bool {
        self.deadline.is_over()
    }
}

/// Appends entries. Cheap to clone.
pub struct Journal<W> {
    mailbox: mpsc::Sender<Group<W>>,
    places: Shares,
    shed: Shed,
    signals: JournalSignals,
}

impl<W> Clone for Journal<W> {
    fn clone(&self) -> Self {
        Self { mailbox: self.mailbox.clone(), places: self.places.clone(), shed: self.shed.clone(), signals: self.signals.clone() }
    }
}

impl<W: Writes> Journal<W> {
    /// Starts the writer. It ends in [`Phase::Journal`], after all who append.
    pub fn start(db: Db, tasks: &Tasks) -> Self {
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let signals = JournalSignals::default();
        let writer = Writer { db, conn: None, signals: signals.clone(), tasks: tasks.clone() };
        tasks.spawn_vital(Phase::Journal, "journal", move |stop| writer.run(inbox, stop));
        let places = Shares::new(MAILBOX);
        let held = places.clone();
        telemetry::mailbox("journal", MAILBOX, move || held.now());
        Self { mailbox, places, shed: Shed::at("journal"), signals }
    }

    /// Commits `entries`, in order and in one transaction, and says what became of each. Each entry stands for itself: one that loses a
    /// version is left out and the others commit.
    ///
    /// `Overloaded` when too much waits, `Unavailable` when the database is away: in both cases nothing was written. `Deadline` when the
    /// answer does not come in time: what became of it is found by the request id. `Internal` for an entry with an event on an aggregate
    /// that it does not expect; then nothing of `entries` was written.
    pub async fn append(&self, entries: Vec<Entry<W>>, deadline: Deadline) -> Result<Vec<Outcome>, Error> {
        entries.iter().try_for_each(Entry::check)?;
        let (answer, answered) = oneshot::channel();
        let span = commit_span(entries.len());
        let overloaded = || {
            self.shed.count();
            Error::Overloaded { retry_after: Duration::from_secs(1) }
        };
        // There are as many places as the mailbox has: who has one is taken in. A portal that fills its share waits for itself.
        let portal = entries.first().map_or("", |entry| entry.portal.as_str());
        let share = self.places.take(portal).ok_or_else(overloaded)?;
        let group = Group { _share: share, entries, deadline, answer };
        self.mailbox.try_send(group).map_err(|_| overloaded())?;
        deadline.bound(answered.instrument(span)).await?.map_err(|_| Error::Elsewhere("the journal ended"))?
    }

    /// Commits one entry and says what became of it: a conflict is an outcome, no error. For what has no actor, such as a new aggregate.
    pub async fn append_one(&self, entry: Entry<W>, deadline: Deadline) -> Result<Outcome, Error> {
        self.append(vec![entry], deadline).await?.pop().ok_or_else(|| Error::internal("the journal answered nothing"))
    }

    /// What wakes relay and timers.
    pub fn signals(&self) -> &JournalSignals {
        &self.signals
    }
}

/// The commit in the trace of whoever waits for it; several callers' commits are one transaction.
fn commit_span(entries: usize) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!(
        "commit",
        otel.name = "COMMIT journal",
        otel.kind = "client",
        db.system.name = "postgresql",
        db.collection.name = "journal",
        db.operation.name = "COMMIT",
        db.operation.batch.size = entries,
    )
}

struct Writer {
    db: Db,
    conn: Option<PgConnection>,
    signals: JournalSignals,
    tasks: Tasks,
}

/// Why a batch has no outcomes.
enum Uncommitted {
    /// Nothing was written.
    Nothing(Error),
    /// The answer to COMMIT got lost.
    Unknown(Appended, Error),
}

impl Writer {
    async fn run<W: Writes>(mut self, mut inbox: mpsc::Receiver<Group<W>>, stop: CancellationToken) {
        let (mut arrived, mut waiting) = (Vec::with_capacity(BATCH), Turns::default());
        loop {
            if waiting.is_empty() {
                let received = tokio::select! {
                    biased;
                    received = inbox.recv_many(&mut arrived, MAILBOX) => received,
                    () = stop.cancelled() => { inbox.close(); inbox.recv_many(&mut arrived, MAILBOX).await }
                };
                if received == 0 {
                    break;
                }
            }
            // Whoever came during the last commit takes turns with those who wait from before.
            while let Ok(group) = inbox.try_recv() {
                arrived.push(group);
            }
            for group in arrived.drain(..) {
                let portal = group.portal().to_owned();
                waiting.push(&portal, group);
            }
            let batch = next_batch(&mut waiting);
            self.commit(batch).await;
        }
        if let Some(conn) = self.conn.take() {
            // The server notices a closed connection by itself; a failure to say goodbye changes nothing.
            let _ = conn.close().await;
        }
    }

    async fn commit<W: Writes>(&mut self, groups: Vec<Group<W>>) {
        if groups.is_empty() {
            return;
        }
        match self.try_commit(&groups).await {
            // A defect in one entry must not take strangers down: each group tries alone.
            Err(Uncommitted::Nothing(Error::Internal(reason) | Error::Storage(reason))) if groups.len() > 1 => {
                tracing::warn!(%reason, groups = groups.len(), "a batch failed; its groups commit one by one");
                for group in groups {
                    let result = self.try_commit(std::slice::from_ref(&group)).await;
                    self.conclude(vec![group], result);
                }
            }
            result => self.conclude(groups, result),
        }
    }

    /// Answers; an unknown commit is settled aside, so that strangers need not wait for it.
    fn conclude<W: Writes>(&self, groups: Vec<Group<W>>, result: Result<Vec<Outcome>, Uncommitted>) {
        match result {
            Ok(outcomes) => {
                failpoint::reach(Point::BeforeReply);
                answer_each(groups, outcomes);
            }
            Err(Uncommitted::Nothing(error)) => {
                tracing::warn!(%error, "a batch was not committed");
                refuse(groups, &error);
            }
            Err(Uncommitted::Unknown(appended, error)) => {
                tracing::warn!(%error, "the answer to a commit got lost");
                let (db, signals) = (self.db.clone(), self.signals.clone());
                self.tasks.spawn(Phase::Journal, "settle", move |_| async move {
                    match settle(&db, &appended.transaction).await {
                        Ok(()) => answer_each(groups, done(&signals, appended)),
                        Err(error) => refuse(groups, &error),
                    }
                });
            }
        }
    }

    async fn try_commit<W: Writes>(&mut self, groups: &[Group<W>]) -> Result<Vec<Outcome>, Uncommitted> {
        let entries: Vec<&Entry<W>> = groups.iter().flat_map(|group| &group.entries).collect();
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match self.db.journal_connection().await {
                Ok(conn) => conn,
                Err(error) => {
                    tokio::time::sleep(RECONNECT).await;
                    return Err(Uncommitted::Nothing(error));
                }
            },
        };
        match append(&mut conn, &entries).await {
            Ok(appended) => {
                self.conn = Some(conn);
                Ok(done(&self.signals, appended))
            }
            // The connection may be in a failed transaction or half gone: then it is dropped, which rolls back.
            Err(Failure::Before(error)) => {
                let rolled_back = tokio::time::timeout(ROLLBACK, sqlx::raw_sql("ROLLBACK").execute(&mut conn)).await;
                if matches!(rolled_back, Ok(Ok(_))) {
                    self.conn = Some(conn);
                }
                Err(Uncommitted::Nothing(error))
            }
            Err(Failure::Unknown(appended, error)) => Err(Uncommitted::Unknown(appended, error)),
        }
    }
}

/// Wakes those who act on what was committed.
fn done(signals: &JournalSignals, appended: Appended) -> Vec<Outcome> {
    signals.appended.notify_one();
    if appended.earliest_timer.is_some() {
        signals.armed.notify_one();
    }
    appended.outcomes
}

/// The next batch; what came too late leaves before it costs anything.
fn next_batch<W>(waiting: &mut Turns<Group<W>>) -> Vec<Group<W>> {
    let filled = fill(waiting, BATCH);
    for group in filled.late {
        // A caller who no longer waits is not disappointed.
        let _ = group.answer.send(Err(Error::Deadline));
    }
    filled.batch
}

fn answer_each<W>(groups: Vec<Group<W>>, outcomes: Vec<Outcome>) {
    let mut outcomes = outcomes.into_iter();
    for group in groups {
        let own = outcomes.by_ref().take(group.entries.len()).collect();
        // A caller who no longer waits finds its answer by the request id.
        let _ = group.answer.send(Ok(own));
    }
}

fn refuse<W>(groups: Vec<Group<W>>, error: &Error) {
    for group in groups {
        let _ = group.answer.send(Err(error.clone()));
    }
}
