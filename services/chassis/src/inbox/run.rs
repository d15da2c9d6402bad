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

use super::apply::{self, Applied, Consumer};
use super::order::{Diverged, Order};
use super::source::{BUFFER, Producer, Subscription};
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
    let meter = telemetry::meter();
    let inbox = Inbox {
        pool: db.system().clone(),
        producer: Producer::new(peers.channel(producer)?),
        subscription: Subscription { nats, prefix: boot.common.nats_prefix.clone(), producer, durable: Some(boot.service.to_owned()) },
        lease: Lease::new(db.system().clone(), format!("inbox:{producer}"), boot.common.replica.clone()),
        consumer,
        lag: meter.i64_gauge("portico.inbox.lag").with_description("Events of a producer that are not applied yet.").build(),
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
    lag: Gauge<i64>,
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
                End::Superseded => {}
                End::Diverged(diverged) => {
                    tracing::error!(producer = name, %diverged, "the inbox stands still until it is reconciled");
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
        let (cursor, _) = apply::read_cursor(&self.pool, self.consumer.producer()).await?;
        let mut order = Order::after(cursor);
        let mut renewed = Instant::now();
        let mut head_checked = None::<Instant>;
        let mut hole_since = None;
        let mut received = Vec::new();
        loop {
            if head_checked.is_none_or(|at| at.elapsed() >= HEAD_CHECK)
                || hole_since.is_some_and(|since: Instant| since.elapsed() >= HOLE_PATIENCE)
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
                    for event in received.drain(..) {
                        order.offer(event)?;
                    }
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
            for event in page {
                order.offer(event)?;
            }
            self.drain(order).await?;
            if order.cursor().position == before {
                break;
            }
            self.healed.add(fetched as u64, &label);
        }
        self.lag.record(head.position - order.cursor().position, &label);
        Ok(())
    }

    /// Applies everything that is next.
    async fn drain(&self, order: &mut Order) -> Result<(), End> {
        let mut limit = RUN;
        let mut failures = 0;
        loop {
            let run = order.run(limit)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
            match apply::apply(&self.pool, self.consumer.as_ref(), order.cursor(), &run).await {
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
                        apply::park(&self.pool, self.consumer.producer(), first, &error).await?;
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
