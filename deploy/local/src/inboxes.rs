//! The services' inboxes, as the operator sees and heals them.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use portico_proto::events::v1::inboxes_service_client::InboxesServiceClient;
use portico_proto::events::v1::{
    BeginEpochRequest, InboxState, ListInboxesRequest, ListParkedEventsRequest, ReconcileInboxRequest, RedriveParkedEventsRequest,
};
use std::time::Duration;
use tonic::transport::Channel;

use crate::operator;
use crate::services::BACKENDS;
use crate::status::Status;
use crate::terminal;

/// A snapshot of a large service takes its time.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Parked events of one page.
const PAGE: i32 = 100;

/// What may be done with events that could not be applied.
#[derive(Debug, Subcommand)]
pub enum ParkedOrder {
    /// Lists them, in order.
    List(Whose),
    /// Applies them again, in order; the first that still fails stays with those behind it.
    Redrive {
        #[command(flatten)]
        whose: Whose,
        /// Only those of this aggregate.
        #[arg(long, value_name = "ID")]
        aggregate: Option<String>,
    },
}

/// One inbox.
#[derive(Debug, Args)]
pub struct Whose {
    /// The service that could not apply them.
    pub service: String,
    /// The service whose events they are.
    pub producer: String,
}

/// Prints a line for every inbox; false when one of them stands still or has parked events.
pub async fn list(status: &Status) -> Result<bool> {
    let mut well = true;
    for service in BACKENDS {
        for inbox in states(status, service).await? {
            let state = if inbox.stopped.is_empty() { "runs".to_owned() } else { format!("STANDS STILL: {}", inbox.stopped) };
            well &= inbox.stopped.is_empty() && inbox.parked_events == 0;
            terminal::say(format!(
                "{service:<10} reads {:<10} up to {:>8}, {} parked, {state}",
                inbox.producer, inbox.position, inbox.parked_events
            ));
        }
    }
    Ok(well)
}

/// Heals the inboxes of one producer, or of all whose inboxes stand still: the producer begins a new epoch, and each consumer takes it over.
pub async fn reconcile(status: &Status, only: Option<&str>) -> Result<()> {
    let mut producers: Vec<(String, Vec<(&str, InboxState)>)> = Vec::new();
    for service in BACKENDS {
        for inbox in states(status, service).await? {
            match producers.iter_mut().find(|(producer, _)| *producer == inbox.producer) {
                Some((_, consumers)) => consumers.push((service, inbox)),
                None => producers.push((inbox.producer.clone(), vec![(service, inbox)])),
            }
        }
    }
    producers.retain(|(producer, consumers)| match only {
        Some(only) => producer == only,
        None => consumers.iter().any(|(_, inbox)| !inbox.stopped.is_empty()),
    });
    if producers.is_empty() {
        match only {
            Some(only) => bail!("nobody reads the events of {only}"),
            None => terminal::say("no inbox stands still"),
        }
    }
    for (producer, consumers) in producers {
        heal(status, &producer, &consumers).await?;
    }
    Ok(())
}

async fn heal(status: &Status, producer: &str, consumers: &[(&str, InboxState)]) -> Result<()> {
    // The epoch that those who stand still know: a second attempt after a first one that broke off makes no further epoch.
    let ended = consumers.iter().max_by_key(|(_, inbox)| (!inbox.stopped.is_empty(), !inbox.epoch.is_empty()));
    if let Some((_, inbox)) = ended.filter(|(_, inbox)| !inbox.epoch.is_empty()) {
        let mut client = EventsServiceClient::new(operator::channel(status, producer).await?);
        let request = operator::request(status, BeginEpochRequest { epoch: inbox.epoch.clone() })?;
        let epoch = client.begin_epoch(request).await.with_context(|| format!("{producer} does not begin an epoch"))?.into_inner().epoch;
        terminal::say(format!("{producer}: epoch {epoch}"));
    }
    for (service, _) in consumers {
        let mut client = InboxesServiceClient::new(operator::patient_channel(status, service, PATIENCE).await?);
        let request = operator::request(status, ReconcileInboxRequest { producer: producer.to_owned() })?;
        let answer = client.reconcile_inbox(request).await.with_context(|| format!("{service} was not reconciled"))?.into_inner();
        terminal::say(format!("{service}: goes on after event {} of {producer}, {} aggregates marked", answer.position, answer.aggregates));
    }
    Ok(())
}

/// Lists or applies parked events again; false when some are left.
pub async fn parked(status: &Status, order: &ParkedOrder) -> Result<bool> {
    match order {
        ParkedOrder::List(whose) => list_parked(status, whose).await,
        ParkedOrder::Redrive { whose, aggregate } => {
            let request =
                RedriveParkedEventsRequest { producer: whose.producer.clone(), aggregate_id: aggregate.clone().unwrap_or_default() };
            let mut client = client(status, &whose.service).await?;
            let answer = client.redrive_parked_events(operator::request(status, request)?).await.map_err(|status| complaint(&status))?;
            let answer = answer.into_inner();
            terminal::say(format!("{} applied, {} still parked", answer.applied, answer.left));
            Ok(answer.left == 0)
        }
    }
}

async fn list_parked(status: &Status, whose: &Whose) -> Result<bool> {
    let mut client = client(status, &whose.service).await?;
    let (mut after, mut none) = (0, true);
    loop {
        let request = ListParkedEventsRequest { producer: whose.producer.clone(), after_position: after, page_size: PAGE };
        let answer = client.list_parked_events(operator::request(status, request)?).await.map_err(|status| complaint(&status))?;
        let events = answer.into_inner().events;
        let Some(last) = events.last() else { return Ok(none) };
        (after, none) = (last.position, false);
        for event in events {
            let what = format!("{} {} version {}", event.aggregate_kind, event.aggregate_id, event.version);
            terminal::say(format!("{:>8}  {}  {what}  {}", event.position, event.portal, event.error));
        }
    }
}

async fn states(status: &Status, service: &str) -> Result<Vec<InboxState>> {
    let request = operator::request(status, ListInboxesRequest {})?;
    let answer =
        client(status, service).await?.list_inboxes(request).await.with_context(|| format!("{service} does not tell its inboxes"))?;
    Ok(answer.into_inner().inboxes)
}

async fn client(status: &Status, service: &str) -> Result<InboxesServiceClient<Channel>> {
    Ok(InboxesServiceClient::new(operator::channel(status, service).await?))
}

fn complaint(status: &tonic::Status) -> anyhow::Error {
    match status.code() {
        tonic::Code::NotFound => anyhow::anyhow!("this service does not read that producer's events"),
        _ => anyhow::anyhow!("{}: {}", status.code(), status.message()),
    }
}
