//! The one place that calls other services.

use std::time::Duration;

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::peers::{PeerChannel, Peers, own};
use portico_proto::tickets::v1::GetUnverifiedAddressRequest;
use portico_proto::tickets::v1::guest_service_client::GuestServiceClient;
use uuid::Uuid;

/// Clients of the services that identity asks.
#[derive(Clone)]
pub struct Clients {
    guests: GuestServiceClient<PeerChannel>,
}

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
        Ok(Self { guests: GuestServiceClient::new(peers.channel("tickets")?) })
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
