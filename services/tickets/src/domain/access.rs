//! Who somebody is to a ticket, and so what they may see and do.

use time::OffsetDateTime;

use super::ids::{OrganizationId, PersonId};
use super::kinds::{Access, Channel};
use super::ticket::Ticket;

/// A signed-in person, as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Who.
    pub person: PersonId,
    /// Agent or administrator.
    pub staff: bool,
    /// The proven address, in lower case: unverified tickets of it are theirs.
    pub email: String,
    /// The organisation whose tickets they see: set only for members with organization visibility.
    pub organization: Option<OrganizationId>,
    /// Through which door they write.
    pub channel: Channel,
}

/// What somebody is to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Agent or administrator of the portal.
    Staff,
    /// Asked.
    Requester,
    /// Member of the requester's organisation who sees all of its tickets.
    Colleague,
    /// Shared with them.
    Collaborator(Access),
}

impl Relation {
    /// Whether they are on the customer's side of the desk.
    pub const fn is_customer(self) -> bool {
        !matches!(self, Self::Staff)
    }

    /// Whether they may act for the requester: close, reopen, rate, share.
    pub const fn acts_for_requester(self) -> bool {
        matches!(self, Self::Requester | Self::Colleague)
    }
}

/// What `viewer` is to `ticket`; `None`: it does not exist for them.
pub fn relation(ticket: &Ticket, viewer: &Viewer, now: OffsetDateTime) -> Option<Relation> {
    if viewer.staff {
        return Some(Relation::Staff);
    }
    let proven_guest = ticket.guest.as_ref().is_some_and(|guest| guest.email == viewer.email);
    if ticket.requester == Some(viewer.person) || proven_guest {
        return Some(Relation::Requester);
    }
    if viewer.organization.is_some() && ticket.organization == viewer.organization {
        return Some(Relation::Colleague);
    }
    ticket.share_of(viewer.person).filter(|share| share.sees(now)).map(|share| Relation::Collaborator(share.access))
}

/// Who acts on a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A person and what they are to the ticket.
    Person(PersonId, Relation),
    /// Somebody whose address nobody has proven.
    Guest,
    /// A timer or rule.
    System,
}

impl Actor {
    /// The person, when it is one.
    pub const fn person(self) -> Option<PersonId> {
        match self {
            Self::Person(person, _) => Some(person),
            Self::Guest | Self::System => None,
        }
    }

    /// What they are to the ticket.
    pub const fn relation(self) -> Option<Relation> {
        match self {
            Self::Person(_, relation) => Some(relation),
            Self::Guest | Self::System => None,
        }
    }

    /// Whether an agent or administrator acts.
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Person(_, Relation::Staff))
    }
}
