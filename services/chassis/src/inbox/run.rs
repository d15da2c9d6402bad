//! The inbox' actor: one a producer and replica; the holder of the lease works.

use std::sync::{Arc, Mutex, PoisonError};
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
use super::suspect::Suspects;
use crate::db::Db;
use crate::error::Error;
use crate::lease::Lease;
use crate::peers::Peers;
use crate::run::{Boot, Phase};
use crate::telemetry;

/// Events in one transaction.
const RUN: usize = 64;
/// How long a hole may be open before the producer is asked: events overtake each other by less.
const HOLE_PATIENCE: Duration = Duration::from_millis(200);
/// How often the producer is asked for its head: a lost tail heals in this time.
const HEAD_CHECK: Duration = Duration::from_secs(2);
/// How long one transaction may take; longer, and the database is gone or another replica stopped in the middle of something.
const PATIENCE: Duration = Duration::from_secs(15);

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
        suspects: Mutex::default(),
        lag: meter.i64_gauge("portico.inbox.lag").with_description("Events of a producer that are not applied yet.").build(),
        healed: meter
            .u64_counter("portico.inbox.healed")
            .with_description("Events fetched from the producer because the broker lost them.")
            .build(),
        parked: meter.u64_counter("portico.inbox.parked").with_description("Events put aside because they can't be applied.").build(),
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
    /// Over terms of work: a failure ends one, so that the lease is renewed and the end of the process is noticed between two tries.
    suspects: Mutex<Suspects>,
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
        let mut head_checked = None::<Instant>;
        let mut hole_since = None;
        let mut received = Vec::new();
        loop {
            if head_checked.is_none_or(|at| at.elapsed() >= HEAD_CHECK)
                || hole_since.is_some_and(|since: Instant| since.elapsed() >= HOLE_PATIENCE)
            {
                self.heal(&mut order, stop).await?;
                head_checked = Some(Instant::now());
            }
            self.drain(&mut order, stop).await?;
            hole_since = order.has_hole().then(|| hole_since.unwrap_or_else(Instant::now));
            self.keep_lease(stop).await?;
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
    async fn heal(&self, order: &mut Order, stop: &CancellationToken) -> Result<(), End> {
        let head = match self.producer.head(order.cursor()).await {
            Ok(head) => head,
            Err(error) => return self.is_away(&error),
        };
        let known = !order.cursor().epoch.is_empty();
        if known && (head.epoch != order.cursor().epoch || !head.matches) {
            return Err(Diverged { position: order.cursor().position }.into());
        }
        let label = [KeyValue::new("producer", self.consumer.producer())];
        self.lag.record(head.position - order.cursor().position, &label);
        while order.cursor().position < head.position {
            let page = match self.producer.pull(order.cursor().position).await {
                Ok(page) => page,
                Err(error) => return self.is_away(&error),
            };
            let (before, fetched) = (order.cursor().position, page.len());
            for event in page {
                order.offer(event)?;
            }
            self.drain(order, stop).await?;
            if order.cursor().position == before {
                break;
            }
            self.healed.add(fetched as u64, &label);
        }
        self.lag.record(head.position - order.cursor().position, &label);
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
                Err(error) if error.is_transient() => return Err(End::Failed(error)),
                Err(error) => {
                    // One by one from here, so that only the poisoned event is put aside.
                    if !self.suspects().failed(first.position, last.position, std::time::Instant::now()) {
                        if run.len() > 1 {
                            continue;
                        }
                        tracing::warn!(producer = self.consumer.producer(), position = first.position, %error, "an event was not applied");
                        return Err(End::Failed(error));
                    }
                    if apply::park(&self.pool, self.consumer.producer(), order.cursor(), first, &error).await? == Applied::Superseded {
                        return Err(End::Superseded);
                    }
                    self.parked.add(1, &[KeyValue::new("producer", self.consumer.producer())]);
                    order.advance(first);
                    self.suspects().passed(first.position);
                }
            }
        }
    }

    async fn apply(&self, order: &Order, run: &[Envelope]) -> Result<Applied, Error> {
        let applying = apply::apply(&self.pool, self.consumer.as_ref(), order.cursor(), run);
        tokio::time::timeout(PATIENCE, applying).await.unwrap_or(Err(Error::Unavailable("the database does not answer")))
    }

    fn suspects(&self) -> std::sync::MutexGuard<'_, Suspects> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
