//! The inbox' actor: one a producer and replica; the holder of the lease works.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};
use portico_proto::events::v1::Envelope;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::apply::{self, Applied, Consumer};
use super::order::{Diverged, Order};
use super::reconcile;
use super::service::Followed;
use super::source::{BUFFER, Producer, Subscription};
use crate::clock::{self, Clock};
use crate::db::Db;
use crate::error::Error;
use crate::lease::{self, Lease};
use crate::peers::Peers;
use crate::run::{Boot, Phase};
use crate::telemetry;

/// Events in one transaction.
const RUN: usize = 64;
/// How long a hole may be open before the producer is asked: events overtake each other by less.
const HOLE_PATIENCE: Duration = Duration::from_millis(200);
/// How often the producer is asked for its head: a lost tail heals in this time.
const HEAD_CHECK: Duration = Duration::from_secs(2);
/// How often permanent errors of one event are tried before it is parked.
const TRIES: u32 = 5;
/// Pause after a failure.
const BACKOFF: Duration = Duration::from_millis(300);

/// Starts consuming a producer's events; ends in [`Phase::Intake`].
pub fn start<C>(boot: &Boot<C>, db: &Db, peers: &Peers, nats: async_nats::Client, consumer: Arc<dyn Consumer>) -> anyhow::Result<()> {
    let producer = consumer.producer();
    boot.inboxes.add(Followed { producer: Producer::new(peers.channel(producer)?), consumer: consumer.clone() });
    let meter = telemetry::meter();
    let inbox = Inbox {
        pool: db.system().clone(),
        producer: Producer::new(peers.channel(producer)?),
        subscription: Subscription { nats, prefix: boot.common.nats_prefix.clone(), producer, durable: Some(boot.service.to_owned()) },
        lease: Lease::new(db.system().clone(), format!("inbox:{producer}"), boot.common.replica.clone()),
        consumer,
        clock: boot.clock.clone(),
        lag: meter.i64_gauge("portico.inbox.lag").with_description("Events of a producer that are not applied yet.").build(),
        stopped: meter
            .i64_gauge("portico.inbox.stopped")
            .with_description("1 while the inbox of a producer stands still until an operator reconciles it.")
            .build(),
        healed: meter
            .u64_counter("portico.inbox.healed")
            .with_description("Events fetched from the producer because the broker lost them.")
            .build(),
        parked: meter.u64_counter("portico.inbox.parked").with_description("Events put aside because they can't be applied.").build(),
    };
    boot.tasks.spawn(Phase::Intake, "inbox", move |stop| inbox.run(stop));
    Ok(())
}

struct Inbox {
    pool: PgPool,
    producer: Producer,
    subscription: Subscription,
    lease: Lease,
    consumer: Arc<dyn Consumer>,
    clock: Clock,
    lag: Gauge<i64>,
    stopped: Gauge<i64>,
    healed: Counter<u64>,
    parked: Counter<u64>,
}

/// Why a term of work ended.
enum End {
    /// The process stops.
    Stopped,
    /// Another replica has the lease or moved the cursor.
    Superseded,
    /// The producer's journal was restored.
    Diverged(Diverged),
    /// An operator has not reconciled it yet.
    StandsStill,
    /// The producer's journal no longer goes back to the cursor.
    TooOld,
    Failed(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Diverged> for End {
    fn from(diverged: Diverged) -> Self {
        Self::Diverged(diverged)
    }
}

impl Inbox {
    async fn run(self, stop: CancellationToken) {
        let name = self.consumer.producer();
        while !stop.is_cancelled() {
            let end = match self.lease.hold().await {
                Ok(Some(_)) => self.work(&stop).await,
                Ok(None) => End::Superseded,
                Err(error) => End::Failed(error),
            };
            match end {
                End::Stopped => break,
                End::Superseded | End::StandsStill => {}
                End::TooOld => self.begin_with_snapshot().await,
                End::Diverged(diverged) => {
                    tracing::error!(producer = name, %diverged, "the inbox stands still until `portico reconcile` heals it");
                    self.stopped.record(1, &[KeyValue::new("producer", name)]);
                    if let Err(error) = apply::stop(&self.pool, name, &diverged.to_string()).await {
                        tracing::warn!(%error, "the reason could not be recorded");
                    }
                }
                End::Failed(error) => tracing::warn!(producer = name, %error, "the inbox pauses"),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = stop.cancelled() => {}
            }
        }
        // Another replica takes over at once; failing that, when the lease ends.
        let _ = self.lease.release().await;
    }

    /// Works while the lease is held.
    async fn work(&self, stop: &CancellationToken) -> End {
        let (events, mut delivered) = mpsc::channel(BUFFER);
        let listening = CancellationToken::new();
        let _end_listening = listening.clone().drop_guard();
        let delivering = self.subscription.clone().run(events, listening);
        let working = async {
            match self.work_on(&mut delivered, stop).await {
                Ok(()) => End::Stopped,
                Err(end) => end,
            }
        };
        tokio::select! {
            end = working => end,
            () = delivering => End::Failed(Error::Unavailable("the subscription")),
        }
    }

    async fn work_on(&self, delivered: &mut mpsc::Receiver<Envelope>, stop: &CancellationToken) -> Result<(), End> {
        let (cursor, stopped) = apply::read_cursor(&self.pool, self.consumer.producer()).await?;
        self.stopped.record(i64::from(stopped.is_some()), &[KeyValue::new("producer", self.consumer.producer())]);
        if stopped.is_some() {
            return Err(End::StandsStill);
        }
        let mut order = Order::after(cursor);
        let mut renewed = Instant::now();
        let mut head_checked = None::<Instant>;
        let mut hole_since = None;
        let mut received = Vec::new();
        loop {
            if head_checked.is_none_or(|at| at.elapsed() >= HEAD_CHECK)
                || hole_since.is_some_and(|since: Instant| since.elapsed() >= HOLE_PATIENCE)
                || order.met_another_epoch()
            {
                self.heal(&mut order).await?;
                head_checked = Some(Instant::now());
            }
            self.drain(&mut order).await?;
            hole_since = order.has_hole().then(|| hole_since.unwrap_or_else(Instant::now));
            if renewed.elapsed() >= lease::RENEW {
                self.lease.hold().await?.ok_or(End::Superseded)?;
                renewed = Instant::now();
            }
            tokio::select! {
                count = delivered.recv_many(&mut received, RUN) => {
                    if count == 0 {
                        return Err(End::Failed(Error::Unavailable("the subscription")));
                    }
                    received.drain(..).for_each(|event| order.offer(event));
                }
                () = tokio::time::sleep(HOLE_PATIENCE) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Asks the producer for its head and fetches what is missing. A producer that is away is asked again later.
    async fn heal(&self, order: &mut Order) -> Result<(), End> {
        let Ok(head) = self.producer.head(order.cursor()).await else { return Ok(()) };
        let known = !order.cursor().epoch.is_empty();
        if known && (head.epoch != order.cursor().epoch || !head.matches) {
            return Err(Diverged { position: order.cursor().position }.into());
        }
        let label = [KeyValue::new("producer", self.consumer.producer())];
        self.lag.record(head.position - order.cursor().position, &label);
        while order.cursor().position < head.position {
            let Ok(page) = self.producer.pull(order.cursor().position).await else { return Ok(()) };
            let (before, fetched) = (order.cursor().position, page.len());
            if page.first().is_some_and(|first| first.position > before + 1) {
                return Err(End::TooOld);
            }
            page.into_iter().for_each(|event| order.offer(event));
            self.drain(order).await?;
            if order.cursor().position == before {
                break;
            }
            self.healed.add(fetched as u64, &label);
        }
        self.lag.record(head.position - order.cursor().position, &label);
        Ok(())
    }

    /// A consumer that is new, or was away for longer than journals are kept, takes the present versions instead of the events.
    async fn begin_with_snapshot(&self) {
        let name = self.consumer.producer();
        tracing::warn!(producer = name, "the producer's journal no longer goes back to the cursor; the inbox begins with a snapshot");
        if let Err(error) = reconcile::begin_anew(&self.pool, &self.producer, self.consumer.as_ref()).await {
            tracing::warn!(producer = name, %error, "the snapshot was not taken");
        }
    }

    /// One span for each event, in the trace of whatever caused it: they last as long as the transaction that they share.
    fn spans(&self, run: &[Envelope]) -> Vec<Span> {
        run.iter().filter(|event| !event.traceparent.is_empty()).map(|event| self.span(event)).collect()
    }

    fn span(&self, event: &Envelope) -> Span {
        let span = tracing::info_span!(
            "process",
            otel.name = format!("process ev.{}", event.producer),
            otel.kind = "consumer",
            otel.status_code = Empty,
            messaging.system = "nats",
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            messaging.destination.name = format!("ev.{}", event.producer),
            messaging.message.id = event.event_id,
        );
        let at = event.at.as_ref().and_then(clock::from_proto);
        telemetry::follow_trace(&span, &event.traceparent, at.map(|at| self.clock.since(at)).unwrap_or_default());
        span
    }

    /// Applies everything that is next.
    async fn drain(&self, order: &mut Order) -> Result<(), End> {
        let mut limit = RUN;
        let mut failures = 0;
        loop {
            let run = order.run(limit)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
            let spans = self.spans(&run);
            let applying = apply::apply(&self.pool, self.consumer.as_ref(), order.cursor(), &run);
            let applied = applying.instrument(spans.first().cloned().unwrap_or_else(Span::none)).await;
            if applied.is_err() {
                spans.iter().for_each(|span| _ = span.record("otel.status_code", "ERROR"));
            }
            drop(spans);
            match applied {
                Ok(Applied::Done) => {
                    order.advance(last);
                    failures = 0;
                }
                Ok(Applied::Superseded) => return Err(End::Superseded),
                Err(error) if error.is_transient() => return Err(End::Failed(error)),
                Err(error) => {
                    // One by one from here, so that only the poisoned event is put aside.
                    limit = 1;
                    failures += u32::from(run.len() == 1);
                    tracing::warn!(producer = self.consumer.producer(), position = first.position, %error, failures, "an event was not applied");
                    if failures >= TRIES {
                        if !apply::park(&self.pool, self.consumer.producer(), order.cursor(), first, &error).await? {
                            return Err(End::Superseded);
                        }
                        self.parked.add(1, &[KeyValue::new("producer", self.consumer.producer())]);
                        order.advance(first);
                        failures = 0;
                    }
                    tokio::time::sleep(BACKOFF).await;
                }
            }
        }
    }
}
