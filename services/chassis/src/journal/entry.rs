//! What a service asks the journal to commit.

use std::sync::Arc;

use portico_proto::events::v1::EventBody;
use prost::Message;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;
use crate::ids::PortalId;

/// Names an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AggregateRef {
    /// Its kind, such as `ticket`.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
}

/// An idempotency key in its scope, and what it was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Who asked: [`crate::auth::Caller::actor`], for a guest with the source.
    pub caller: String,
    /// The operation, such as `CreateTicket`.
    pub operation: &'static str,
    /// The key, 1 to 128 visible ASCII characters.
    pub key: String,
    /// SHA-256 of the request: the same key for another request is refused.
    pub fingerprint: [u8; 32],
}

impl RequestKey {
    /// For a gRPC request; the fingerprint covers the whole message.
    pub fn new(caller: impl Into<String>, operation: &'static str, key: &str, request: &impl Message) -> Result<Self, Error> {
        let well_formed = (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !well_formed {
            return Err(Error::invalid("request_id", "invalid", "The request id must be 1 to 128 visible ASCII characters."));
        }
        let fingerprint = Sha256::digest(request.encode_to_vec()).into();
        Ok(Self { caller: caller.into(), operation, key: key.to_owned(), fingerprint })
    }

    /// For the system's own commands: an event, timer or rule that must take effect once.
    pub fn internal(operation: &'static str, key: impl Into<String>) -> Self {
        Self { caller: "system".into(), operation, key: key.into(), fingerprint: [0; 32] }
    }
}

/// Something that may exist once in a portal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Claim {
    /// Takes the key for `owner`; the entry is left out when another owner has it.
    Take {
        /// What kind of thing, such as `email`.
        space: &'static str,
        /// The thing.
        key: String,
        /// Who has it from now on.
        owner: Uuid,
    },
    /// Gives the key back.
    Release {
        /// What kind of thing.
        space: &'static str,
        /// The thing.
        key: String,
    },
}

/// One domain event, in its stored form. `store/events.rs` of a service makes these.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The event's id, a UUID v7.
    pub id: Uuid,
    /// Whose version it raises by one; must be among the entry's expected aggregates.
    pub aggregate: AggregateRef,
    /// What happened.
    pub body: EventBody,
}

/// A change of the durable timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerChange {
    /// Fires once at `due_at` or as soon after it as the service runs.
    Arm {
        /// A UUID v7; also the idempotency key of its effect.
        id: Uuid,
        /// What the service calls it.
        kind: &'static str,
        /// Whose timer it is.
        aggregate_id: Uuid,
        /// When, by the database's clock.
        due_at: OffsetDateTime,
    },
    /// Removes all timers of an aggregate.
    CancelAll {
        /// Whose.
        aggregate_id: Uuid,
    },
    /// Removes the timer whose effect this entry is.
    Done {
        /// Which.
        id: Uuid,
    },
}

/// What an entry writes once it is admitted.
#[derive(Debug, Clone)]
pub struct Finish<W> {
    /// In order.
    pub events: Vec<NewEvent>,
    /// In order.
    pub timers: Vec<TimerChange>,
    /// Stored with the request id and given to the caller.
    pub answer: Vec<u8>,
    /// Rows of the service's own tables.
    pub writes: Vec<W>,
}

/// Fills in what depends on a number that is drawn under the head lock.
pub type Numbered<W> = Arc<dyn Fn(i64, &mut Finish<W>) + Send + Sync>;

/// One atomic change.
#[derive(Clone)]
pub struct Entry<W> {
    /// The portal all of it belongs to.
    pub portal: PortalId,
    /// Who did it: [`crate::auth::Caller::actor`].
    pub actor: String,
    /// When, chassis time.
    pub at: OffsetDateTime,
    /// The request that it answers.
    pub request: Option<RequestKey>,
    /// The aggregates and the versions they must be at; 0 for one that must not exist yet.
    pub expects: Vec<(AggregateRef, i64)>,
    /// Uniqueness.
    pub claims: Vec<Claim>,
    /// What is written.
    pub finish: Finish<W>,
    /// A series to draw a number from, and what to do with it.
    pub number: Option<(&'static str, Numbered<W>)>,
    /// W3C trace context of the request.
    pub traceparent: String,
}

impl<W> Entry<W> {
    /// An entry that changes nothing yet; the trace context is that of the current span.
    pub fn new(portal: PortalId, actor: impl Into<String>, at: OffsetDateTime) -> Self {
        Self {
            portal,
            actor: actor.into(),
            at,
            request: None,
            expects: Vec::new(),
            claims: Vec::new(),
            finish: Finish { events: Vec::new(), timers: Vec::new(), answer: Vec::new(), writes: Vec::new() },
            number: None,
            traceparent: crate::telemetry::traceparent(),
        }
    }

    /// Refuses an event on an aggregate that the entry does not expect: a defect of the service, which no second try mends.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let expected = |event: &NewEvent| self.expects.iter().any(|(aggregate, _)| aggregate.id == event.aggregate.id);
        match self.finish.events.iter().find(|event| !expected(event)) {
            None => Ok(()),
            Some(event) => Err(Error::internal(format!("an entry has an event on a {} that it does not expect", event.aggregate.kind))),
        }
    }

    /// Answers this request: the answer is stored with its id.
    #[must_use]
    pub fn request(mut self, request: Option<RequestKey>) -> Self {
        self.request = request;
        self
    }

    /// The aggregate must be at this version; 0: must not exist.
    #[must_use]
    pub fn expect(mut self, kind: &'static str, id: impl Into<Uuid>, version: i64) -> Self {
        self.expects.push((AggregateRef { kind, id: id.into() }, version));
        self
    }

    /// Takes or releases something unique.
    #[must_use]
    pub fn claim(mut self, claim: Claim) -> Self {
        self.claims.push(claim);
        self
    }

    /// Adds events.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = NewEvent>) -> Self {
        self.finish.events.extend(events);
        self
    }

    /// Adds timer changes.
    #[must_use]
    pub fn timers(mut self, timers: impl IntoIterator<Item = TimerChange>) -> Self {
        self.finish.timers.extend(timers);
        self
    }

    /// What the caller gets, and gets again for the same request id.
    #[must_use]
    pub fn answer(mut self, answer: Vec<u8>) -> Self {
        self.finish.answer = answer;
        self
    }

    /// Adds a row of the service's own.
    #[must_use]
    pub fn write(mut self, write: W) -> Self {
        self.finish.writes.push(write);
        self
    }

    /// Draws the next number of `series` under the head lock; `fill` completes events, writes and answer with it.
    #[must_use]
    pub fn numbered(mut self, series: &'static str, fill: impl Fn(i64, &mut Finish<W>) + Send + Sync + 'static) -> Self {
        self.number = Some((series, Arc::new(fill)));
        self
    }
}
