//! The inbox' actor: one a producer and replica; the holder of the lease works.

use std::sync::{Arc, Mutex, PoisonError};

use portico_proto::events::v1::Envelope;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::apply::{self, Applied, Consumer};
use super::meters::Meters;
use super::order::{Diverged, Order};
use super::pace::{HOLE_PATIENCE, PATIENCE, Pace, REST, RUN};
use super::reconcile;
use super::service::Followed;
use super::source::{BUFFER, Producer, Subscription};
use super::suspect::{Blame, Suspects};
use crate::clock::Clock;
use crate::db::Db;
use crate::error::Error;
use crate::lease::Lease;
use crate::peers::Peers;
use crate::run::{Boot, Phase};
use crate::telemetry;

/// Starts consuming a producer's events; ends in [`Phase::Intake`].
pub fn start<C>(boot: &Boot<C>, db: &Db, peers: &Peers, nats: async_nats::Client, consumer: Arc<dyn Consumer>) -> anyhow::Result<()> {
    let producer = consumer.producer();
    boot.inboxes.add(Followed { producer: Producer::new(peers.channel(producer)?), consumer: consumer.clone() });
    let inbox = Inbox {
        pool: db.system().clone(),
        producer: Producer::new(peers.channel(producer)?),
        subscription: Subscription { nats, prefix: boot.common.nats_prefix.clone(), producer, durable: Some(boot.service.to_owned()) },
        lease: Lease::new(db.system().clone(), format!("inbox:{producer}"), boot.common.replica.clone()),
        consumer,
        clock: boot.clock.clone(),
        suspects: Mutex::default(),
        meters: Meters::of(producer),
    };
    boot.tasks.spawn_vital(Phase::Intake, "inbox", move |stop| inbox.run(stop));
    Ok(())
}

struct Inbox {
    pool: PgPool,
    producer: Producer,
    subscription: Subscription,
    lease: Lease,
    consumer: Arc<dyn Consumer>,
    clock: Clock,
    /// Over terms of work: a failure ends one, so that the lease is renewed and the end of the process is noticed between two tries.
    suspects: Mutex<Suspects>,
    meters: Meters,
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
                // Another replica knows how much is left to do.
                End::Superseded => self.meters.lag(0),
                End::StandsStill => {}
                End::TooOld => self.begin_with_snapshot().await,
                End::Diverged(diverged) => {
                    tracing::error!(producer = name, %diverged, "the inbox stands still until `portico reconcile` heals it");
                    if let Err(error) = apply::stop(&self.pool, name, &diverged.to_string()).await {
                        tracing::warn!(%error, "the reason could not be recorded");
                    }
                }
                End::Failed(error) => tracing::warn!(producer = name, %error, "the inbox pauses"),
            }
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
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
        if stopped.is_some() {
            return Err(End::StandsStill);
        }
        let mut order = Order::after(cursor);
        let mut pace = Pace::default();
        let mut received = Vec::new();
        loop {
            // What was delivered is applied first: it neither lags nor has to be fetched.
            self.drain(&mut order, stop).await?;
            if pace.is_due(Instant::now()) || order.met_another_epoch() {
                self.heal(&mut order, stop).await?;
                pace.asked(Instant::now());
            }
            pace.looked(order.has_hole(), Instant::now());
            self.keep_lease(stop).await?;
            tokio::select! {
                count = delivered.recv_many(&mut received, RUN) => {
                    if count == 0 {
                        return Err(End::Failed(Error::Unavailable("the subscription")));
                    }
                    received.drain(..).for_each(|event| order.offer(event));
                    self.meters.duplicates(&mut order);
                }
                () = tokio::time::sleep(HOLE_PATIENCE) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Asks the producer for its head and fetches what is missing. A producer that is away is asked again later.
    async fn heal(&self, order: &mut Order, stop: &CancellationToken) -> Result<(), End> {
        let head = match self.producer.head(order.cursor()).await {
            Ok(head) => head,
            Err(error) => return self.is_away(&error),
        };
        self.meters.lag(order.cursor().behind(&head)?);
        while order.cursor().position < head.position {
            let page = match self.producer.pull(order.cursor().position).await {
                Ok(page) => page,
                Err(error) => return self.is_away(&error),
            };
            let before = order.cursor().position;
            if order.cursor().is_too_old_for(&page) {
                return Err(End::TooOld);
            }
            let missing = order.fill(page);
            self.drain(order, stop).await?;
            if order.cursor().position == before {
                break;
            }
            self.meters.healed(missing);
        }
        self.meters.lag(head.position - order.cursor().position);
        Ok(())
    }

    fn is_away(&self, error: &Error) -> Result<(), End> {
        tracing::warn!(producer = self.consumer.producer(), %error, "the producer was not asked for what is missing");
        Ok(())
    }

    /// Catching up may take longer than a lease lives, and the process may end meanwhile.
    async fn keep_lease(&self, stop: &CancellationToken) -> Result<(), End> {
        if stop.is_cancelled() {
            return Err(End::Stopped);
        }
        self.lease.keep().await?.map(|_| ()).ok_or(End::Superseded)
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
        telemetry::follow_event(&span, event, &self.clock);
        span
    }

    /// Applies everything that is next.
    async fn drain(&self, order: &mut Order, stop: &CancellationToken) -> Result<(), End> {
        loop {
            let limit = self.suspects().limit(RUN);
            let run = order.run(limit)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
            self.keep_lease(stop).await?;
            match self.apply(order, &run).await {
                Ok(Applied::Done) => {
                    order.advance(last);
                    self.suspects().passed(last.position);
                }
                Ok(Applied::Superseded) => return Err(End::Superseded),
                Err(error) => {
                    let now = std::time::Instant::now();
                    let blame = self.suspects().blame(first.position, last.position, error.is_transient(), now);
                    match blame {
                        Blame::Nobody => return Err(End::Failed(error)),
                        Blame::OneOfThem => continue,
                        Blame::NotYet => {
                            tracing::warn!(producer = self.consumer.producer(), position = first.position, %error, "an event was not applied");
                            return Err(End::Failed(error));
                        }
                        Blame::TheEvent => {}
                    }
                    if apply::park(&self.pool, self.consumer.producer(), order.cursor(), first, &error).await? == Applied::Superseded {
                        return Err(End::Superseded);
                    }
                    order.advance(first);
                    self.suspects().passed(first.position);
                }
            }
        }
    }

    /// Applies a run, in the traces of what caused its events.
    async fn apply(&self, order: &Order, run: &[Envelope]) -> Result<Applied, Error> {
        let spans = self.spans(run);
        let applying = apply::apply(&self.pool, self.consumer.as_ref(), order.cursor(), run)
            .instrument(spans.first().cloned().unwrap_or_else(Span::none));
        let applied = tokio::time::timeout(PATIENCE, applying).await.unwrap_or(Err(Error::Unavailable("the database does not answer")));
        if applied.is_err() {
            spans.iter().for_each(|span| _ = span.record("otel.status_code", "ERROR"));
        }
        applied
    }

    fn suspects(&self) -> std::sync::MutexGuard<'_, Suspects> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
