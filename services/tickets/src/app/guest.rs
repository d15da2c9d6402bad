//! What identity asks about guests.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;

use super::Tickets;
use crate::domain::ids::TicketId;
use crate::domain::ticket::Guest;
use crate::store;
use crate::store::ticket::Handle;

impl Tickets {
    /// Who a guest said they are on a ticket that is still unverified.
    ///
    /// # Errors
    /// `NOT_FOUND` once it was claimed.
    pub async fn unverified(&self, portal: &PortalId, id: TicketId, deadline: Deadline) -> Result<Guest, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let found = store::ticket::find(&mut conn, portal, Handle::Id(id), None).await?;
        found.and_then(|found| found.case.ticket.guest).ok_or(Error::NOT_FOUND)
    }
}
