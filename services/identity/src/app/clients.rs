//! The one place that calls other services.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::{Error, FieldError};
use portico_chassis::ids::PortalId;
use portico_chassis::peers::{PeerChannel, Peers, own};
use portico_proto::common::v1::ValidateSettingsRequest;
use portico_proto::common::v1::settings_service_client::SettingsServiceClient;
use portico_proto::tickets::v1::GetUnverifiedAddressRequest;
use portico_proto::tickets::v1::guest_service_client::GuestServiceClient;
use serde_json::Value;
use uuid::Uuid;

/// Clients of the services that identity asks.
#[derive(Clone)]
pub struct Clients {
    guests: GuestServiceClient<PeerChannel>,
    readers: HashMap<&'static str, SettingsServiceClient<PeerChannel>>,
}

/// The services that obey a part of the settings document, and what is said when one does not answer.
const READERS: [(&str, &str); 4] = [
    ("tickets", "tickets, which must agree to this change,"),
    ("knowledge", "knowledge, which must agree to this change,"),
    ("community", "community, which must agree to this change,"),
    ("notifier", "notifier, which must agree to this change,"),
];
/// How long a reader may think about a document.
const READER_PATIENCE: Duration = Duration::from_secs(2);

/// Who wrote an unverified ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The address.
    pub email: String,
    /// The name; empty when none was given.
    pub name: String,
}

impl Clients {
    /// Clients for the configured peers; tickets is required.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        let known = READERS.into_iter().filter(|(service, _)| peers.knows(service));
        let readers = known.map(|(service, _)| Ok((service, SettingsServiceClient::new(peers.channel(service)?.repeating()))));
        Ok(Self {
            guests: GuestServiceClient::new(peers.channel("tickets")?.repeating()),
            readers: readers.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Asks these readers, all at once, whether they can live with a document; `Invalid` names what they can't live with, `Unavailable` the
    /// reader that does not answer.
    pub async fn agree(&self, portal: &PortalId, readers: &[&str], document: &Value, deadline: Deadline) -> Result<(), Error> {
        let asked = READERS.iter().filter(|(service, _)| readers.contains(service));
        let answers = asked.map(|(service, absent)| self.ask_reader(portal, service, absent, document, deadline));
        let problems: Vec<FieldError> = try_join_all(answers).await?.into_iter().flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
    }

    async fn ask_reader(
        &self,
        portal: &PortalId,
        service: &str,
        absent: &'static str,
        document: &Value,
        deadline: Deadline,
    ) -> Result<Vec<FieldError>, Error> {
        let Some(client) = self.readers.get(service) else { return Err(Error::Unavailable(absent)) };
        let within = Deadline::within(deadline.remaining()?.min(READER_PATIENCE));
        let message = ValidateSettingsRequest { portal: portal.to_string(), settings_json: document.to_string() };
        let asking = async { client.clone().validate_settings(own(message, within)?).await.map_err(|status| Error::from_status(&status)) };
        match tokio::time::timeout(READER_PATIENCE, asking).await {
            Ok(Ok(answer)) => {
                let problems = answer.into_inner().problems.into_iter();
                Ok(problems.map(|one| FieldError::new(one.field, one.code, one.message)).collect())
            }
            Ok(Err(error)) if !error.is_transient() => Err(error),
            _ => Err(Error::Unavailable(absent)),
        }
    }

    /// The address that a guest gave for a ticket; `None` once it is verified or gone.
    pub async fn unverified_writer(&self, portal: &PortalId, ticket: Uuid) -> Result<Option<Writer>, Error> {
        let message = GetUnverifiedAddressRequest { portal: portal.to_string(), ticket_id: ticket.to_string() };
        let request = own(message, Deadline::within(Duration::from_secs(5)))?;
        match self.guests.clone().get_unverified_address(request).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                Ok(Some(Writer { email: answer.email, name: answer.name }))
            }
            Err(status) => match Error::from_status(&status) {
                Error::NotFound { .. } | Error::Gone => Ok(None),
                error => Err(error),
            },
        }
    }
}
