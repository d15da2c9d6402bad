//! Follows a producer without a database: for the gateway's live notes. What was missed while the process was down is not replayed.

use std::sync::Arc;
use std::time::Duration;

use portico_proto::events::v1::Envelope;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::meters::Meters;
use super::order::{Cursor, Order};
use super::pace::{HOLE_PATIENCE, Pace};
use super::source::{BUFFER, Producer, Subscription};
use crate::error::Error;
use crate::peers::Peers;
use crate::run::{Boot, Phase};

/// Everything is read again.
const RESTORED: Error = Error::Unavailable("the producer's journal was restored");

/// Hears of events in order, each once; `None` when there may be a gap and everything should be read again.
pub trait Tail: Send + Sync + 'static {
    /// The next event, or a gap.
    fn hear(&self, event: Option<&Envelope>);
}

/// Follows `producer` from its present head; ends in [`Phase::Serve`].
pub fn follow<C>(
    boot: &Boot<C>,
    peers: &Peers,
    nats: async_nats::Client,
    producer: &'static str,
    tail: Arc<dyn Tail>,
) -> anyhow::Result<()> {
    let follower = Follower {
        producer: Producer::new(peers.channel(producer)?),
        subscription: Subscription { nats, prefix: boot.common.nats_prefix.clone(), producer, durable: None },
        meters: Meters::of(producer),
        tail,
    };
    boot.tasks.spawn_vital(Phase::Serve, "tail", move |stop| follower.run(stop));
    Ok(())
}

struct Follower {
    producer: Producer,
    subscription: Subscription,
    meters: Meters,
    tail: Arc<dyn Tail>,
}

impl Follower {
    async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let (events, mut delivered) = mpsc::channel(BUFFER);
            let listening = CancellationToken::new();
            let _end_listening = listening.clone().drop_guard();
            tokio::select! {
                result = self.work(&mut delivered) => if let Err(error) = result {
                    tracing::debug!(producer = self.subscription.producer, %error, "the tail begins anew");
                    self.tail.hear(None);
                },
                () = self.subscription.clone().run(events, listening) => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn work(&self, delivered: &mut mpsc::Receiver<Envelope>) -> Result<(), Error> {
        let mut order = Order::after(self.present_head().await?);
        let mut pace = Pace::default();
        pace.asked(Instant::now());
        let mut received = Vec::new();
        loop {
            tokio::select! {
                count = delivered.recv_many(&mut received, BUFFER) => {
                    if count == 0 {
                        return Err(Error::Unavailable("the subscription"));
                    }
                    for event in received.drain(..) {
                        order.offer(event);
                    }
                    self.meters.duplicates(&mut order);
                }
                () = tokio::time::sleep(HOLE_PATIENCE) => {}
            }
            self.tell(&mut order)?;
            if pace.is_due(Instant::now()) || order.met_another_epoch() {
                pace.asked(Instant::now());
                self.heal(&mut order).await?;
                self.tell(&mut order)?;
            }
            pace.looked(order.has_hole(), Instant::now());
        }
    }

    /// Tells everything that is next.
    fn tell(&self, order: &mut Order) -> Result<(), Error> {
        loop {
            let run = order.run(BUFFER).map_err(|_| RESTORED)?;
            let Some(last) = run.last() else { return Ok(()) };
            run.iter().for_each(|event| self.tail.hear(Some(event)));
            order.advance(last);
        }
    }

    /// Fetches what is missing. A producer that is away is asked again later; the broker may still deliver.
    async fn heal(&self, order: &mut Order) -> Result<(), Error> {
        let Ok(head) = self.producer.head(order.cursor()).await else { return Ok(()) };
        let behind = order.cursor().behind(&head).map_err(|_| RESTORED)?;
        self.meters.lag(behind);
        if behind > 0
            && let Ok(page) = self.producer.pull(order.cursor().position).await
        {
            self.meters.healed(order.fill(page));
        }
        Ok(())
    }

    /// Begins with what happens from now on. The event at the head is not known, so the first one is taken without its predecessor's proof.
    async fn present_head(&self) -> Result<Cursor, Error> {
        let head = self.producer.head(&Cursor::default()).await?;
        let position = (head.position - 1).max(0);
        let last = if head.position == 0 { None } else { self.producer.pull(position).await?.into_iter().next() };
        Ok(last.map_or_else(Cursor::default, |event| Cursor { epoch: event.epoch, position: event.position, event_id: event.event_id }))
    }
}
