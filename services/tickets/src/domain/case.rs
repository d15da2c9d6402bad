//! A ticket with all that a page about it shows: the description and the names behind the ids.

use std::collections::HashMap;

use super::ids::TicketId;
use super::ticket::Ticket;
use uuid::Uuid;

/// A ticket as it is read and answered.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its state.
    pub ticket: Ticket,
    /// Markdown.
    pub description: String,
    /// Names of people, groups, organisation and places in the catalogue, by id.
    pub names: HashMap<Uuid, String>,
    /// Where the requester reads mail; empty when not known.
    pub requester_email: String,
    /// The number of the ticket that this one goes on from.
    pub parent_number: Option<String>,
    /// The tickets that go on from this one, oldest first.
    pub follow_ups: Vec<(TicketId, String)>,
}

impl Case {
    /// A ticket without the names behind its ids.
    pub fn bare(ticket: Ticket, description: String) -> Self {
        let (names, requester_email, parent_number, follow_ups) = (HashMap::new(), String::new(), None, Vec::new());
        Self { ticket, description, names, requester_email, parent_number, follow_ups }
    }

    /// The name behind an id; empty when it is not known.
    pub fn name(&self, id: impl Into<Uuid>) -> String {
        self.names.get(&id.into()).cloned().unwrap_or_default()
    }
}
