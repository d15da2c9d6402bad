//! Events of tickets: somebody wrote who has no account yet.

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::clock::Clock;
use portico_chassis::error::Error;
use portico_chassis::events;
use portico_chassis::ids::{PortalId, parse_uuid};
use portico_chassis::inbox::{Connection, Consumer};
use portico_proto::events::v1::Envelope;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::tickets_event::Event;

use tokio::sync::Notify;
use uuid::Uuid;

use crate::app::intake::{Newcomer, note_newcomers};

/// Notes who is to be invited because of a ticket; a timer does it a moment later.
pub struct Tickets {
    /// Chassis time.
    pub clock: Clock,
    /// Wakes the timers.
    pub armed: Arc<Notify>,
}

#[async_trait]
impl Consumer for Tickets {
    fn producer(&self) -> &'static str {
        "tickets"
    }

    async fn apply(&self, conn: &mut Connection, events: &[Envelope]) -> Result<(), Error> {
        let newcomers: Vec<(PortalId, Newcomer)> = events.iter().filter_map(newcomer).collect();
        note_newcomers(conn, &newcomers, self.clock.now()).await
    }

    fn applied(&self) {
        self.armed.notify_one();
    }
}

/// Who is to be invited because of an event.
fn newcomer(envelope: &Envelope) -> Option<(PortalId, Newcomer)> {
    let Body::Tickets(event) = events::body(envelope)? else { return None };
    // What was imported happened long ago: nobody is invited for it.
    if event.imported_from.is_some() {
        return None;
    }
    let portal = envelope.portal.parse().ok()?;
    let ticket: Uuid = parse_uuid(&envelope.aggregate_id).ok()?;
    let newcomer = match event.event.as_ref()? {
        Event::TicketCreated(created) if !created.verified => Newcomer::Writer { ticket },
        Event::TicketCreated(created) if created.requester_unregistered => {
            let person = parse_uuid(&event.ticket.as_ref()?.requester_id).ok()?;
            Newcomer::Requester { ticket, person, by_agent: created.channel == "agent" }
        }
        Event::CollaboratorAdded(added) if added.unregistered && !added.pending => {
            let (share, person) = (parse_uuid(&added.collaborator_id).ok()?, parse_uuid(&added.person_id).ok()?);
            Newcomer::Collaborator { ticket, share, person }
        }
        _ => return None,
    };
    Some((portal, newcomer))
}

#[cfg(test)]
mod tests {
    use portico_proto::events::v1::{EventBody, TicketCreated, TicketsEvent};
    use prost::Message;

    use super::*;

    #[test]
    fn nobody_is_invited_for_a_ticket_that_was_imported() {
        let event = |imported_from| TicketsEvent {
            imported_from,
            event: Some(Event::TicketCreated(TicketCreated::default())),
            ..Default::default()
        };
        let envelope = |event| Envelope {
            portal: "demo".into(),
            aggregate_id: Uuid::from_u128(1).to_string(),
            body: EventBody { body: Some(Body::Tickets(event)) }.encode_to_vec(),
            ..Envelope::default()
        };
        assert!(newcomer(&envelope(event(None))).is_some());
        assert!(newcomer(&envelope(event(Some(portico_chassis::clock::to_proto(time::OffsetDateTime::UNIX_EPOCH))))).is_none());
    }
}
