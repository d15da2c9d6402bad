//! Entity actors: one task an aggregate, one command at a time, answers after the commit.
//!
//! A run of waiting commands is decided on the working state and journaled as one append. Two replicas may each hold an actor for the
//! same aggregate: the journal compares versions, the loser reloads and decides again until its deadline. A refusal is given only on
//! fresh state: version and request row are read in one statement first.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::db::Db;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::ids::PortalId;
use crate::journal::{AggregateRef, Entry, Journal, Outcome, RequestKey, Writes};
use crate::run::{Phase, Tasks};
use crate::telemetry::{self, Shed};

/// Commands that may wait for one aggregate: a hot ticket answers about a thousand a second, so this is a quarter of a second.
const MAILBOX: usize = 256;
/// Commands decided before one append.
const RUN: usize = 64;
/// An actor without work ends after this time; the next command loads the aggregate again.
const IDLE: Duration = Duration::from_secs(60);

/// What a service tells about one kind of aggregate.
#[async_trait]
pub trait Aggregate: Send + Sync + 'static {
    /// Names one of them.
    type Id: Copy + Eq + Hash + Into<Uuid> + Send + Sync + Debug + 'static;
    /// Its committed state, with its version.
    type State: Clone + Send + Sync + 'static;
    /// What may be asked of it.
    type Command: Send + Sync + 'static;
    /// The rows that its entries write.
    type Write: Writes;
    /// The kind in the journal, such as `ticket`.
    const KIND: &'static str;

    /// Reads the committed state; `None` when there is no such aggregate.
    async fn load(&self, portal: &PortalId, id: Self::Id) -> Result<Option<Self::State>, Error>;

    /// The version that `state` is at.
    fn version(&self, state: &Self::State) -> i64;

    /// Decides one command: pure but for ids. The entry need not name the request nor the aggregate's own version: the actor does.
    fn decide(
        &self,
        ask: &Asked<Self::Id>,
        state: &Self::State,
        command: &Self::Command,
    ) -> Result<Decision<Self::State, Self::Write>, Error>;

    /// What a lost claim means to the caller.
    fn claim_taken(&self, space: &'static str) -> Error {
        Error::conflict("already_exists", format!("This {space} is taken."))
    }
}

/// The circumstances of a command.
#[derive(Debug, Clone)]
pub struct Asked<Id> {
    /// In which portal.
    pub portal: PortalId,
    /// Of which aggregate.
    pub id: Id,
    /// Who asks: [`crate::auth::Caller::actor`].
    pub actor: String,
    /// Its idempotency key.
    pub request: Option<RequestKey>,
}

/// What a command comes to.
pub struct Decision<S, W> {
    /// The state after it; the same as before when nothing changes.
    pub state: S,
    /// What to commit; `None` when there is nothing to change.
    pub entry: Option<Entry<W>>,
    /// The answer when there is nothing to commit; an entry brings its own.
    pub answer: Vec<u8>,
}

impl<S, W> Decision<S, W> {
    /// Something changes.
    pub fn change(state: S, entry: Entry<W>) -> Self {
        Self { state, entry: Some(entry), answer: Vec::new() }
    }

    /// Nothing changes.
    pub fn nothing(state: S, answer: Vec<u8>) -> Self {
        Self { state, entry: None, answer }
    }
}

struct Envelope<A: Aggregate> {
    asked: Asked<A::Id>,
    command: A::Command,
    deadline: Deadline,
    span: tracing::Span,
    answer: oneshot::Sender<Result<Vec<u8>, Error>>,
}

impl<A: Aggregate> Envelope<A> {
    /// A caller who went away is not our concern: the effect is found by its request id.
    fn reply(self, result: Result<Vec<u8>, Error>) {
        let _ = self.answer.send(result);
    }
}

/// A command that was decided: what to commit, and the state after it.
struct Decided<A: Aggregate> {
    envelope: Envelope<A>,
    entry: Entry<A::Write>,
    state: A::State,
}

/// A command that ended a run: a refusal, or an answer without effect.
struct Halted<A: Aggregate> {
    envelope: Envelope<A>,
    result: Result<Vec<u8>, Error>,
}

/// Finds or starts the actor of an aggregate. Cheap to clone.
pub struct Directory<A: Aggregate>(Arc<Shared<A>>);

/// The mailboxes of the actors that live.
type Mailboxes<A> = HashMap<(PortalId, <A as Aggregate>::Id), mpsc::Sender<Envelope<A>>>;

struct Shared<A: Aggregate> {
    idle: Duration,
    aggregate: A,
    db: Db,
    journal: Journal<A::Write>,
    tasks: Tasks,
    shed: Shed,
    actors: Mutex<Mailboxes<A>>,
}

impl<A: Aggregate> Clone for Directory<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Aggregate> Directory<A> {
    /// A directory without actors.
    pub fn new(aggregate: A, db: Db, journal: Journal<A::Write>, tasks: Tasks) -> Self {
        Self::passivating(aggregate, db, journal, tasks, IDLE)
    }

    /// The same with another time after which an actor without work ends.
    pub fn passivating(aggregate: A, db: Db, journal: Journal<A::Write>, tasks: Tasks, idle: Duration) -> Self {
        let shared = Arc::new(Shared { idle, aggregate, db, journal, tasks, shed: Shed::at(A::KIND), actors: Mutex::default() });
        let shown = Arc::downgrade(&shared);
        telemetry::mailbox(A::KIND, MAILBOX, move || shown.upgrade().map_or(0, |shared| shared.fullest()));
        Self(shared)
    }

    /// How many actors live.
    pub fn actors(&self) -> usize {
        self.0.actors.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The aggregate's definition, for reads that share its loading.
    pub fn aggregate(&self) -> &A {
        &self.0.aggregate
    }

    /// Has the aggregate decide `command` and waits for the commit; the answer is the entry's, or the stored one of the same request.
    pub async fn ask(&self, asked: Asked<A::Id>, command: A::Command, deadline: Deadline) -> Result<Vec<u8>, Error> {
        let (answer, answered) = oneshot::channel();
        let key = (asked.portal.clone(), asked.id);
        let mut envelope = Envelope { asked, command, deadline, span: tracing::Span::current(), answer };
        // An actor that is passivating has closed its mailbox: the second look finds it gone and starts a new one.
        for _ in 0..16 {
            match self.actor(&key).try_send(envelope) {
                Ok(()) => return deadline.bound(answered).await?.map_err(|_| Error::Elsewhere("the actor ended"))?,
                Err(mpsc::error::TrySendError::Full(_)) => return Err(self.0.overloaded()),
                Err(mpsc::error::TrySendError::Closed(back)) => {
                    envelope = back;
                    self.0.forget(&key);
                }
            }
        }
        Err(self.0.overloaded())
    }

    fn actor(&self, key: &(PortalId, A::Id)) -> mpsc::Sender<Envelope<A>> {
        let mut actors = self.0.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mailbox) = actors.get(key)
            && !mailbox.is_closed()
        {
            return mailbox.clone();
        }
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        actors.insert(key.clone(), mailbox.clone());
        let actor = Actor { shared: self.0.clone(), key: key.clone(), state: None };
        self.0.tasks.spawn(Phase::Entities, A::KIND, move |stop| actor.run(inbox, stop));
        mailbox
    }
}

impl<A: Aggregate> Shared<A> {
    /// How many commands wait in the fullest mailbox.
    fn fullest(&self) -> usize {
        let actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        actors.values().map(|mailbox| mailbox.max_capacity() - mailbox.capacity()).max().unwrap_or(0)
    }

    fn overloaded(&self) -> Error {
        self.shed.count();
        Error::Overloaded { retry_after: Duration::from_secs(1) }
    }

    /// Removes a mailbox that is closed; a newer actor of the same aggregate stays.
    fn forget(&self, key: &(PortalId, A::Id)) {
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if actors.get(key).is_some_and(mpsc::Sender::is_closed) {
            actors.remove(key);
        }
    }
}

struct Actor<A: Aggregate> {
    shared: Arc<Shared<A>>,
    key: (PortalId, A::Id),
    /// The committed state as this actor last saw it.
    state: Option<A::State>,
}

impl<A: Aggregate> Actor<A> {
    async fn run(mut self, mut inbox: mpsc::Receiver<Envelope<A>>, stop: CancellationToken) {
        let mut waiting = Vec::with_capacity(RUN);
        loop {
            tokio::select! {
                received = inbox.recv_many(&mut waiting, RUN) => if received == 0 { break },
                () = tokio::time::sleep(self.shared.idle) => inbox.close(),
                () = stop.cancelled() => {
                    // What was accepted is still served; nothing new comes in.
                    inbox.close();
                    inbox.recv_many(&mut waiting, MAILBOX).await;
                    self.serve(waiting.drain(..).collect()).await;
                    break;
                }
            }
            self.serve(waiting.drain(..).collect()).await;
        }
        self.shared.forget(&self.key);
    }

    async fn serve(&mut self, mut waiting: VecDeque<Envelope<A>>) {
        while let Some(first) = waiting.pop_front() {
            if first.deadline.is_over() {
                first.reply(Err(Error::Deadline));
                continue;
            }
            waiting.push_front(first);
            if let Err(error) = self.ensure_loaded().await {
                waiting.drain(..).for_each(|envelope| envelope.reply(Err(error.clone())));
                return;
            }
            let (run, halted) = self.decide_run(&mut waiting);
            if !run.is_empty() {
                if let Some(halted) = halted {
                    waiting.push_front(halted.envelope);
                }
                self.commit(run, &mut waiting).await;
            } else if let Some(halted) = halted {
                self.settle(halted, &mut waiting).await;
            }
        }
    }

    async fn ensure_loaded(&mut self) -> Result<(), Error> {
        if self.state.is_none() {
            let (portal, id) = &self.key;
            self.state = Some(self.shared.aggregate.load(portal, *id).await?.ok_or(Error::NOT_FOUND)?);
        }
        Ok(())
    }

    /// Decides commands on the working state until one refuses or changes nothing.
    fn decide_run(&self, waiting: &mut VecDeque<Envelope<A>>) -> (Vec<Decided<A>>, Option<Halted<A>>) {
        let mut run = Vec::new();
        let Some(mut working) = self.state.clone() else { return (run, None) };
        while let Some(envelope) = waiting.pop_front() {
            // Others were decided since the first was looked at, and a commit may lie between.
            if envelope.deadline.is_over() {
                envelope.reply(Err(Error::Deadline));
                continue;
            }
            let decision = envelope.span.in_scope(|| self.shared.aggregate.decide(&envelope.asked, &working, &envelope.command));
            match decision {
                Ok(Decision { state, entry: Some(mut entry), .. }) => {
                    let own = AggregateRef { kind: A::KIND, id: self.key.1.into() };
                    entry.expects.insert(0, (own, self.shared.aggregate.version(&working)));
                    entry.request.clone_from(&envelope.asked.request);
                    if let Err(defect) = entry.check() {
                        return (run, Some(Halted { envelope, result: Err(defect) }));
                    }
                    working = state.clone();
                    run.push(Decided { envelope, entry, state });
                }
                Ok(Decision { entry: None, answer, .. }) => return (run, Some(Halted { envelope, result: Ok(answer) })),
                Err(refusal) => return (run, Some(Halted { envelope, result: Err(refusal) })),
            }
        }
        (run, None)
    }

    /// Appends a run; what lost its version goes back to the front of the queue.
    async fn commit(&mut self, run: Vec<Decided<A>>, waiting: &mut VecDeque<Envelope<A>>) {
        let deadline = run.iter().map(|decided| decided.envelope.deadline).max().unwrap_or_default();
        let span = run.first().map_or_else(tracing::Span::none, |decided| decided.envelope.span.clone());
        let (asked, entries): (Vec<_>, Vec<_>) =
            run.into_iter().map(|Decided { envelope, entry, state }| ((envelope, state), entry)).unzip();
        let outcomes = match self.shared.journal.append(entries, deadline).instrument(span).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.state = None;
                asked.into_iter().for_each(|(envelope, _)| envelope.reply(Err(error.clone())));
                return;
            }
        };
        let mut again = Vec::new();
        for ((envelope, state), outcome) in asked.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Committed(committed) => {
                    self.state = Some(state);
                    envelope.reply(Ok(committed.answer));
                    continue;
                }
                Outcome::Replayed(answer) => envelope.reply(Ok(answer)),
                Outcome::KeyReused => envelope.reply(Err(Error::KeyReused)),
                Outcome::ClaimTaken { space } => envelope.reply(Err(self.shared.aggregate.claim_taken(space))),
                Outcome::VersionConflict => again.push(envelope),
            }
            // The rest of the run was decided on a state that did not come to be.
            self.state = None;
        }
        again.into_iter().rev().for_each(|envelope| waiting.push_front(envelope));
    }

    /// Gives a refusal or an answer without effect, on fresh state only.
    async fn settle(&mut self, halted: Halted<A>, waiting: &mut VecDeque<Envelope<A>>) {
        let Halted { envelope, result } = halted;
        match self.probe(&envelope.asked, envelope.deadline).await {
            Err(error) => envelope.reply(Err(error)),
            Ok((_, Some(answered))) => envelope.reply(answered),
            Ok((version, None)) if self.state.as_ref().map(|state| self.shared.aggregate.version(state)) == version => {
                envelope.reply(result)
            }
            Ok(_) => {
                self.state = None;
                waiting.push_front(envelope);
            }
        }
    }

    /// The aggregate's version and the request's stored answer, in one statement.
    #[allow(clippy::type_complexity, reason = "version and answer, used once")]
    async fn probe(&self, asked: &Asked<A::Id>, deadline: Deadline) -> Result<(Option<i64>, Option<Result<Vec<u8>, Error>>), Error> {
        let mut conn = self.shared.db.read(&asked.portal, deadline).await?;
        let (caller, operation, key) = match &asked.request {
            Some(request) => (request.caller.as_str(), request.operation, request.key.as_str()),
            None => ("", "", ""),
        };
        let (version, fingerprint, answer): (Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>) = sqlx::query_as(
            "SELECT (SELECT version FROM aggregate WHERE id = $1), r.fingerprint, r.answer \
               FROM (SELECT) AS one LEFT JOIN request r ON r.portal = $2 AND r.caller = $3 AND r.operation = $4 AND r.key = $5",
        )
        .bind(asked.id.into())
        .bind(asked.portal.as_str())
        .bind(caller)
        .bind(operation)
        .bind(key)
        .fetch_one(&mut *conn)
        .await?;
        let stored = match (&asked.request, fingerprint, answer) {
            (Some(request), Some(fingerprint), Some(answer)) => {
                Some(if fingerprint == request.fingerprint { Ok(answer) } else { Err(Error::KeyReused) })
            }
            _ => None,
        };
        Ok((version, stored))
    }
}
