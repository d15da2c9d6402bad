//! Publishes journal rows to JetStream, verbatim and in order; leader by lease.
//!
//! The broker is a courier that may forget: `published` only says how far this journal was handed over. When the stream is gone it is
//! made again and the last rows are published again; consumers drop what they have.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, stream};
use portico_proto::events::v1::{Envelope, EventBody};
use prost::Message;
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::clock::{self, Clock};
use crate::db::Db;
use crate::error::Error;
use crate::lease::{self, Lease};
use crate::run::{Boot, Phase};
use crate::telemetry;

/// Rows in one go: the window of unacknowledged messages.
const PAGE: i64 = 256;
/// When nobody wakes the relay it looks by itself.
const TICK: Duration = Duration::from_millis(100);
/// Rows that are published again when the stream was lost: consumers heal the rest themselves.
const REWIND: i64 = 1000;
/// How long the broker keeps an event; the journal keeps it longer.
const STREAM_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Pause after the broker refused.
const BACKOFF: Duration = Duration::from_millis(500);

/// The name of a producer's stream.
pub fn stream_name(prefix: &str, producer: &str) -> String {
    format!("{prefix}EV_{}", producer.to_ascii_uppercase())
}

/// The subjects of a producer's stream.
pub fn subjects(prefix: &str, producer: &str) -> String {
    format!("{prefix}ev.{producer}.>")
}

/// One row of the journal.
#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    pub position: i64,
    event_id: Uuid,
    previous_event: Option<Uuid>,
    portal: String,
    aggregate_kind: String,
    aggregate_id: Uuid,
    version: i64,
    at: OffsetDateTime,
    actor: String,
    traceparent: String,
    body: Vec<u8>,
}

impl Row {
    pub(crate) fn envelope(self, producer: &str, epoch: &str) -> Result<Envelope, Error> {
        Ok(Envelope {
            event_id: self.event_id.to_string(),
            portal: self.portal,
            producer: producer.to_owned(),
            epoch: epoch.to_owned(),
            position: self.position,
            previous_event_id: self.previous_event.map(|id| id.to_string()).unwrap_or_default(),
            aggregate_kind: self.aggregate_kind,
            aggregate_id: self.aggregate_id.to_string(),
            version: self.version,
            at: Some(clock::to_proto(self.at)),
            actor: self.actor,
            traceparent: self.traceparent,
            body: Some(EventBody::decode(self.body.as_slice()).map_err(Error::internal)?),
        })
    }
}

/// Reads rows after a position, in order.
pub(crate) async fn rows_after(pool: &PgPool, position: i64, limit: i64) -> Result<Vec<Row>, Error> {
    Ok(sqlx::query_as("SELECT * FROM journal WHERE position > $1 ORDER BY position LIMIT $2")
        .bind(position)
        .bind(limit)
        .fetch_all(pool)
        .await?)
}

/// Starts the relay. It ends after the journal, with a last pass.
pub fn start<C>(boot: &Boot<C>, db: &Db, nats: async_nats::Client, appended: Arc<Notify>) {
    let relay = Relay {
        pool: db.system().clone(),
        jetstream: jetstream::new(nats),
        producer: boot.service,
        prefix: boot.common.nats_prefix.clone(),
        lease: Lease::new(db.system().clone(), "relay", boot.common.replica.clone()),
        clock: boot.clock.clone(),
        stream_known: false,
    };
    let listener = db.clone();
    let wake = appended.clone();
    boot.tasks.spawn(Phase::Relay, "relay wake", move |stop| listen(listener, wake, stop));
    boot.tasks.spawn(Phase::Relay, "relay", move |stop| relay.run(appended, stop));
}

/// Passes on the notification that every append sends, so that the leader also publishes what another replica appended.
async fn listen(db: Db, wake: Arc<Notify>, stop: CancellationToken) {
    loop {
        let listening = async {
            let mut listener = db.listener().await?;
            listener.listen("portico_journal").await?;
            loop {
                listener.recv().await?;
                wake.notify_one();
            }
            #[allow(unreachable_code, reason = "gives the block its error type")]
            Ok::<(), Error>(())
        };
        tokio::select! {
            result = listening => if let Err(error) = result { tracing::debug!(%error, "LISTEN ended; the relay polls meanwhile") },
            () = stop.cancelled() => return,
        }
        tokio::time::sleep(BACKOFF).await;
    }
}

struct Relay {
    pool: PgPool,
    jetstream: jetstream::Context,
    producer: &'static str,
    prefix: String,
    lease: Lease,
    clock: Clock,
    stream_known: bool,
}

impl Relay {
    async fn run(mut self, appended: Arc<Notify>, stop: CancellationToken) {
        let mut held = None;
        let mut renewed = tokio::time::Instant::now() - lease::LIFE;
        loop {
            let stopping = stop.is_cancelled();
            if renewed.elapsed() >= lease::RENEW {
                held = self.lease.hold().await.unwrap_or(None);
                renewed = tokio::time::Instant::now();
            }
            let progressed = match held {
                Some(term) => self.pass(term).await,
                None => Ok(false),
            };
            match progressed {
                Ok(true) => continue,
                Ok(false) if stopping => break,
                Err(_) if stopping => break,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "the relay could not publish");
                    tokio::select! {
                        () = tokio::time::sleep(BACKOFF) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
            tokio::select! {
                () = appended.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => {}
            }
        }
        if held.is_some() {
            // Another replica takes over at once; failing that, when the lease ends.
            let _ = self.lease.release().await;
        }
    }

    /// Publishes one page; true when there was something.
    async fn pass(&mut self, term: i64) -> Result<bool, Error> {
        let (mut published, head, epoch): (i64, i64, Uuid) =
            sqlx::query_as("SELECT r.published, h.position, h.epoch FROM relay r, journal_head h").fetch_one(&self.pool).await?;
        if published >= head {
            return Ok(false);
        }
        if !self.stream_known {
            published = self.ensure_stream(term, published).await?;
        }
        let rows = rows_after(&self.pool, published, PAGE).await?;
        let Some(last) = rows.last().map(|row| row.position) else { return Ok(false) };
        let mut acks = Vec::with_capacity(rows.len());
        for row in rows {
            acks.push(self.publish(row.envelope(self.producer, &epoch.to_string())?).await?);
        }
        for ack in acks {
            if let Err(error) = ack.await {
                self.stream_known = false;
                tracing::debug!(%error, "the broker did not take an event");
                return Err(Error::Unavailable("the broker"));
            }
        }
        self.mark(term, last).await?;
        Ok(true)
    }

    async fn publish(&self, envelope: Envelope) -> Result<jetstream::context::PublishAckFuture, Error> {
        let subject = format!("{}ev.{}.{}.{}", self.prefix, self.producer, envelope.portal, envelope.aggregate_kind);
        let span = self.span(&envelope);
        // The envelope keeps the context of the request; the header has this hop's.
        let traceparent = span.in_scope(telemetry::traceparent);
        let mut message = PublishMessage::build().message_id(&envelope.event_id).payload(envelope.encode_to_vec().into());
        if !traceparent.is_empty() {
            message = message.header("traceparent", traceparent.as_str());
        }
        self.jetstream.send_publish(subject, message).instrument(span).await.map_err(|_| Error::Unavailable("the broker"))
    }

    /// An event that no trace caused is sent outside of any.
    fn span(&self, envelope: &Envelope) -> Span {
        if envelope.traceparent.is_empty() {
            return Span::none();
        }
        let span = tracing::info_span!(
            "publish",
            otel.name = format!("send ev.{}", self.producer),
            otel.kind = "producer",
            messaging.system = "nats",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.destination.name = format!("ev.{}", self.producer),
            messaging.message.id = envelope.event_id,
        );
        let at = envelope.at.as_ref().and_then(clock::from_proto);
        telemetry::follow_trace(&span, &envelope.traceparent, at.map(|at| self.clock.since(at)).unwrap_or_default());
        span
    }

    /// Only the holder of the current term moves `published`: a zombie publishes doubles, which are harmless.
    async fn mark(&self, term: i64, position: i64) -> Result<(), Error> {
        sqlx::query("UPDATE relay SET published = $1 WHERE EXISTS (SELECT FROM lease WHERE name = 'relay' AND term = $2)")
            .bind(position)
            .bind(term)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Makes the stream if it is not there; a new one gets the last rows again.
    async fn ensure_stream(&mut self, term: i64, published: i64) -> Result<i64, Error> {
        let name = stream_name(&self.prefix, self.producer);
        let config = stream::Config {
            name: name.clone(),
            subjects: vec![subjects(&self.prefix, self.producer)],
            max_age: STREAM_AGE,
            // Ours are positions; the broker's window only saves it some work.
            duplicate_window: Duration::from_secs(120),
            ..Default::default()
        };
        let existed = self.jetstream.get_stream(&name).await.is_ok();
        if !existed {
            self.jetstream.get_or_create_stream(config).await.map_err(|_| Error::Unavailable("the broker"))?;
        }
        self.stream_known = true;
        if existed || published == 0 {
            return Ok(published);
        }
        let rewound = (published - REWIND).max(0);
        tracing::warn!(published, rewound, "the stream was gone; the last events are published again");
        self.mark(term, rewound).await?;
        Ok(rewound)
    }
}
