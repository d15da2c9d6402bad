//! A ticket with all that a page about it shows: the description and the names behind the ids.

use std::collections::HashMap;

use time::OffsetDateTime;
use uuid::Uuid;

use super::access::Viewer;
use super::collaborator::Collaborator;
use super::ids::{OrganizationId, PersonId, TicketId};
use super::ticket::Ticket;

/// Another ticket that this one is linked with, and what decides who sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The other ticket.
    pub id: TicketId,
    /// What people call it.
    pub number: String,
    /// Who asked.
    pub requester: Option<PersonId>,
    /// Who asked, while unverified.
    pub guest_email: Option<String>,
    /// Whose members with organization visibility see it.
    pub organization: Option<OrganizationId>,
    /// The reader's share of it.
    pub share: Option<Collaborator>,
}

impl Link {
    /// Whether `viewer` sees the other ticket: the rule of [`super::access::relation`] on what is known of it.
    pub fn is_seen_by(&self, viewer: &Viewer, now: OffsetDateTime) -> bool {
        viewer.staff
            || self.requester == Some(viewer.person)
            || self.guest_email.as_deref() == Some(viewer.email.as_str())
            || (viewer.organization.is_some() && self.organization == viewer.organization)
            || self.share.as_ref().is_some_and(|share| share.person == viewer.person && share.sees(now))
    }
}

/// What a ticket is linked with, whoever looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The ticket that it goes on from.
    pub parent: Option<Link>,
    /// The tickets that go on from it, oldest first.
    pub follow_ups: Vec<Link>,
}

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
    /// The number of the ticket that this one goes on from, where the reader sees it.
    pub parent_number: Option<String>,
    /// The tickets that go on from this one, as far as the reader sees them, oldest first.
    pub follow_ups: Vec<(TicketId, String)>,
}

impl Case {
    /// A ticket without the names behind its ids.
    pub fn bare(ticket: Ticket, description: String) -> Self {
        let (names, requester_email, parent_number, follow_ups) = (HashMap::new(), String::new(), None, Vec::new());
        Self { ticket, description, names, requester_email, parent_number, follow_ups }
    }

    /// Takes the links over that `viewer` may know of.
    pub fn show_links(&mut self, links: Links, viewer: &Viewer, now: OffsetDateTime) {
        self.parent_number = links.parent.filter(|link| link.is_seen_by(viewer, now)).map(|link| link.number);
        let seen = links.follow_ups.into_iter().filter(|link| link.is_seen_by(viewer, now));
        self.follow_ups = seen.map(|link| (link.id, link.number)).collect();
    }

    /// The name behind an id; empty when it is not known.
    pub fn name(&self, id: impl Into<Uuid>) -> String {
        self.names.get(&id.into()).cloned().unwrap_or_default()
    }
}
