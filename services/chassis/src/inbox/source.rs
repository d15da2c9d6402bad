//! Where events come from: the broker delivers, the producer is asked for what the broker lost.

use std::time::Duration;

use async_nats::jetstream::{self, consumer};
use futures_util::StreamExt;
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use portico_proto::events::v1::{Envelope, GetHeadRequest, GetHeadResponse, PullRequest, SnapshotRequest, SnapshotResponse};
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::order::Cursor;
use crate::deadline::Deadline;
use crate::drift;
use crate::error::Error;
use crate::peers::{self, PeerChannel};
use crate::relay;

/// Events that wait between broker and inbox; a slow inbox slows the broker's deliveries.
pub(super) const BUFFER: usize = 1024;
/// How long a producer may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before the broker is asked again.
const BACKOFF: Duration = Duration::from_secs(1);

/// Asks a producer.
#[derive(Clone)]
pub(super) struct Producer {
    client: EventsServiceClient<PeerChannel>,
}

impl Producer {
    pub(super) fn new(channel: PeerChannel) -> Self {
        Self { client: EventsServiceClient::new(channel).max_decoding_message_size(8 * 1024 * 1024) }
    }

    /// Where the journal's head is, and whether the cursor's event is still at its position.
    pub(super) async fn head(&self, cursor: &Cursor) -> Result<GetHeadResponse, Error> {
        let request = GetHeadRequest { position: cursor.position, event_id: cursor.event_id.clone() };
        let request = peers::own(request, Deadline::within(PATIENCE))?;
        Ok(self.client.clone().get_head(request).await.map_err(|status| Error::from_status(&status))?.into_inner())
    }

    /// One page of events after a position.
    pub(super) async fn pull(&self, after_position: i64) -> Result<Vec<Envelope>, Error> {
        let request = peers::own(PullRequest { after_position }, Deadline::within(PATIENCE))?;
        Ok(self.client.clone().pull(request).await.map_err(|status| Error::from_status(&status))?.into_inner().events)
    }

    /// One page of aggregates after an id; the first page for an empty one.
    pub(super) async fn snapshot(&self, after: &str) -> Result<SnapshotResponse, Error> {
        let request = peers::own(SnapshotRequest { after_aggregate_id: after.to_owned() }, Deadline::within(PATIENCE))?;
        Ok(self.client.clone().snapshot(request).await.map_err(|status| Error::from_status(&status))?.into_inner())
    }
}

/// What one inbox listens to.
#[derive(Clone)]
pub(super) struct Subscription {
    pub nats: async_nats::Client,
    pub prefix: String,
    pub producer: &'static str,
    /// The consumer's name at the broker; without one, only what is published from now on is heard and nothing is kept there.
    pub durable: Option<String>,
}

impl Subscription {
    /// Delivers into `events` until it is told to end; a broker that is away or lost its data is asked again and again.
    pub(super) async fn run(self, events: mpsc::Sender<Envelope>, stop: CancellationToken) {
        loop {
            let delivering = async {
                match &self.durable {
                    Some(name) => self.deliver_durable(name, &events).await,
                    None => self.deliver_live(&events).await,
                }
            };
            tokio::select! {
                result = delivering => if let Err(error) = result {
                    tracing::debug!(producer = self.producer, %error, "the broker does not deliver");
                },
                () = stop.cancelled() => return,
                () = events.closed() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(BACKOFF) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn deliver_durable(&self, name: &str, events: &mpsc::Sender<Envelope>) -> anyhow::Result<()> {
        let jetstream = jetstream::new(self.nats.clone());
        let stream = jetstream.get_stream(relay::stream_name(&self.prefix, self.producer)).await?;
        let config = consumer::pull::Config {
            durable_name: Some(name.to_owned()),
            ack_policy: consumer::AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_ack_pending: BUFFER as i64 * 2,
            ..Default::default()
        };
        let consumer = stream.get_or_create_consumer(name, config.clone()).await?;
        drift::show("consumer", self.producer, &drift::of_consumer(&consumer.cached_info().config, &config));
        let mut messages = consumer.stream().heartbeat(Duration::from_secs(5)).messages().await?;
        while let Some(message) = messages.next().await {
            let message = message?;
            if let Ok(event) = Envelope::decode(message.payload.clone()) {
                events.send(event).await?;
            }
            // The cursor in Postgres is what counts; the broker only need not deliver it again.
            message.ack().await.map_err(|error| anyhow::anyhow!(error))?;
        }
        Ok(())
    }

    async fn deliver_live(&self, events: &mpsc::Sender<Envelope>) -> anyhow::Result<()> {
        let mut messages = self.nats.subscribe(relay::subjects(&self.prefix, self.producer)).await?;
        while let Some(message) = messages.next().await {
            if let Ok(event) = Envelope::decode(message.payload) {
                events.send(event).await?;
            }
        }
        Ok(())
    }
}
