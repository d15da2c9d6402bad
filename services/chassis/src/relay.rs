//! Publishes journal rows to JetStream, verbatim and in order; leader by lease.
//!
//! The broker is a courier that may forget: `published` only says how far this journal was handed over. When the stream is gone it is
//! made again and the last rows are published again; consumers drop what they have. What to do next is decided in [`courier`].

pub mod courier;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, stream};
use portico_proto::events::v1::Envelope;
use prost::Message;
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use self::courier::{BACKOFF, Courier, PAGE, PATIENCE, Step, TICK, Window};
use crate::clock::{self, Clock};
use crate::db::Db;
use crate::drift;
use crate::error::Error;
use crate::failpoint::{self, Point};
use crate::lease::Lease;
use crate::run::{Boot, Phase};
use crate::telemetry;

/// How long the broker keeps an event; the journal keeps it longer.
const STREAM_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// What a page may still take when the process ends: the next leader publishes it again.
const LAST_PATIENCE: Duration = Duration::from_millis(1500);
/// The relay warns when it has not published for so long, and again each time.
const SILENT: Duration = Duration::from_secs(30);

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
    /// The body is handed on as it was written, by whichever version.
    pub(crate) fn envelope(self, producer: &str, epoch: &str) -> Envelope {
        Envelope {
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
            body: self.body,
        }
    }
}

/// Reads rows after a position, in order.
pub(crate) async fn rows_after(pool: &PgPool, position: i64, limit: i64) -> Result<Vec<Row>, Error> {
    Ok(sqlx::query_as(
        "SELECT position, event_id, previous_event, portal, aggregate_kind, aggregate_id, version, at, actor, traceparent, body \
           FROM journal WHERE position > $1 ORDER BY position LIMIT $2",
    )
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
        // Checked at the start: 1, 3 or 5.
        replicas: boot.common.nats_replicas as usize,
        lease: Lease::new(db.system().clone(), "relay", boot.common.replica.clone()),
        clock: boot.clock.clone(),
        courier: Courier::default(),
        failing_since: None,
    };
    let listener = db.clone();
    let wake = appended.clone();
    boot.tasks.spawn_vital(Phase::Relay, "relay wake", move |stop| listen(listener, wake, stop));
    boot.tasks.spawn_vital(Phase::Relay, "relay", move |stop| relay.run(appended, stop));
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
    replicas: usize,
    lease: Lease,
    clock: Clock,
    courier: Courier,
    /// Since when nothing could be published, and when that was last said.
    failing_since: Option<(Instant, Instant)>,
}

impl Relay {
    async fn run(mut self, appended: Arc<Notify>, stop: CancellationToken) {
        let mut held;
        loop {
            let stopping = stop.is_cancelled();
            held = self.lease.keep().await.unwrap_or(None);
            let progressed = match held {
                Some(term) => self.pass_in_time(term, &stop).await,
                None => Ok(false),
            };
            match progressed {
                Ok(true) => continue,
                _ if stopping => break,
                // It had its time after the signal; a second try would cost the time to give the lease back.
                Err(error) if stop.is_cancelled() => {
                    self.complain(&error);
                    break;
                }
                Ok(false) => {}
                Err(error) => {
                    self.complain(&error);
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

    /// The broker's client waits for a broker that is away for as long as it likes; the lease and the end of the process do not.
    async fn pass_in_time(&mut self, term: i64, stop: &CancellationToken) -> Result<bool, Error> {
        let stop = stop.clone();
        let ending = async move {
            stop.cancelled().await;
            tokio::time::sleep(LAST_PATIENCE).await;
        };
        let passed = tokio::select! {
            passed = tokio::time::timeout(PATIENCE, self.pass(term)) => passed.ok(),
            () = ending => None,
        };
        passed.unwrap_or_else(|| {
            self.courier.lost();
            Err(Error::Unavailable("the broker"))
        })
    }

    /// A broker that is away for a moment is no news; consumers heal over gRPC meanwhile.
    fn complain(&mut self, error: &Error) {
        let now = Instant::now();
        let (since, said) = *self.failing_since.get_or_insert((now, now));
        if said.elapsed() >= SILENT {
            self.failing_since = Some((since, now));
            tracing::warn!(%error, seconds = since.elapsed().as_secs(), "the relay can't publish");
        } else {
            tracing::debug!(%error, "the relay could not publish");
        }
    }

    /// Publishes one page; true when there was something.
    async fn pass(&mut self, term: i64) -> Result<bool, Error> {
        let (mut published, head, epoch): (i64, i64, Uuid) =
            sqlx::query_as("SELECT r.published, h.position, h.epoch FROM relay r, journal_head h").fetch_one(&self.pool).await?;
        match self.courier.step(published, head) {
            Step::Rest => {
                self.failing_since = None;
                return Ok(false);
            }
            Step::Find => published = self.ensure_stream(term, published).await?,
            Step::Publish => {}
        }
        let rows = rows_after(&self.pool, published, PAGE).await?;
        let Some(mut window) = Window::of(rows.iter().map(|row| row.position)) else { return Ok(false) };
        let mut acks = Vec::with_capacity(rows.len());
        for row in rows {
            acks.push(self.publish(row.envelope(self.producer, &epoch.to_string())).await?);
        }
        for ack in acks {
            if let Err(error) = ack.await {
                self.courier.lost();
                tracing::debug!(%error, "the broker did not take an event");
                return Err(Error::Unavailable("the broker"));
            }
            window.taken();
        }
        failpoint::reach(Point::AfterPublish);
        if let Some(last) = window.mark() {
            self.mark(term, last).await?;
        }
        self.failing_since = None;
        Ok(true)
    }

    async fn publish(&self, envelope: Envelope) -> Result<jetstream::context::PublishAckFuture, Error> {
        let subject = format!("{}ev.{}.{}.{}", self.prefix, self.producer, envelope.portal, envelope.aggregate_kind);
        let span = self.span(&envelope);
        // The envelope keeps the context of the request; the header has this hop's.
        let traceparent = span.in_scope(telemetry::traceparent);
        let payload = envelope.encode_to_vec();
        #[cfg(feature = "failpoints")]
        let payload = crate::next_version::envelope(payload);
        let mut message = PublishMessage::build().message_id(&envelope.event_id).payload(payload.into());
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
        telemetry::follow_event(&span, envelope, &self.clock);
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
            num_replicas: self.replicas,
            // Ours are positions; the broker's window only saves it some work.
            duplicate_window: Duration::from_secs(120),
            ..Default::default()
        };
        let existed = match self.jetstream.get_stream(&name).await {
            Ok(found) => {
                drift::show("stream", self.producer, &drift::of_stream(&found.cached_info().config, &config));
                true
            }
            Err(error) if is_not_found(&error) => false,
            // A broker that is away or busy has not lost anything.
            Err(_) => return Err(Error::Unavailable("the broker")),
        };
        if !existed {
            self.jetstream.get_or_create_stream(config).await.map_err(|_| Error::Unavailable("the broker"))?;
            drift::show("stream", self.producer, &[]);
        }
        let from = self.courier.found(existed, published);
        if from < published {
            tracing::warn!(published, from, "the stream was gone; the last events are published again");
            self.mark(term, from).await?;
        }
        Ok(from)
    }
}

fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(refusal) if refusal.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}
