//! A ticket's state: what the rules read, and what the store keeps of it besides the description.

use time::OffsetDateTime;

use super::collaborator::Collaborator;
use super::ids::{CategoryId, DepartmentId, GroupId, OrganizationId, PersonId, PortalId, ProductId, TicketId};
use super::kinds::{Channel, Level, Priority, Reason, TicketType};
use super::status::Status;
use super::timer::Due;

/// Where a ticket stands in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The department.
    pub department: Option<DepartmentId>,
    /// The product.
    pub product: Option<ProductId>,
    /// The category.
    pub category: Option<CategoryId>,
}

/// Somebody whose address nobody has proven yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// In lower case.
    pub email: String,
    /// As given.
    pub name: String,
}

/// How satisfied the customer was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Satisfaction {
    /// 1 to 5.
    pub score: u8,
    /// May be empty.
    pub comment: String,
    /// When it was given last.
    pub rated_at: OffsetDateTime,
    /// When it was given first: it may be changed for 30 days from here.
    pub first_rated_at: OffsetDateTime,
}

/// A ticket as of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// The portal it belongs to.
    pub portal: PortalId,
    /// What people call it; empty until the journal gave it one.
    pub number: String,
    /// Counts every event; 0: not yet there.
    pub version: i64,
    /// Counts the events that customers may know of.
    pub public_version: i64,
    /// One line.
    pub subject: String,
    /// What kind of thing is asked for.
    pub ticket_type: TicketType,
    /// How it came in.
    pub channel: Channel,
    /// Where it stands.
    pub status: Status,
    /// The party that support waits for.
    pub sub_status: Option<String>,
    /// Why it was resolved or closed.
    pub reason: Option<Reason>,
    /// How much is hit.
    pub impact: Option<Level>,
    /// How soon it hurts.
    pub urgency: Option<Level>,
    /// How soon support should look.
    pub priority: Priority,
    /// Where it stands in the catalogue.
    pub place: Place,
    /// Who works on it.
    pub group: Option<GroupId>,
    /// Who works on it.
    pub assignee: Option<PersonId>,
    /// Who asked; `None` while unverified.
    pub requester: Option<PersonId>,
    /// Who asked, while unverified.
    pub guest: Option<Guest>,
    /// On whose behalf.
    pub contact_name: String,
    /// Whose members with organization visibility see it.
    pub organization: Option<OrganizationId>,
    /// The ticket that this one goes on from.
    pub follow_up_of: Option<TicketId>,
    /// Agents' words.
    pub tags: Vec<String>,
    /// How satisfied the customer was.
    pub satisfaction: Option<Satisfaction>,
    /// How often it was reopened.
    pub reopen_count: i32,
    /// How often in a row the customer started the timers anew.
    pub keep_open_count: u16,
    /// What will happen by itself, soonest first.
    pub due: Vec<Due>,
    /// Who else sees it, oldest first.
    pub collaborators: Vec<Collaborator>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// The last event.
    pub updated_at: OffsetDateTime,
    /// The last event that customers may know of.
    pub public_updated_at: OffsetDateTime,
    /// The first public comment of staff.
    pub first_replied_at: Option<OffsetDateTime>,
    /// When it was resolved last; `None` after a reopen.
    pub resolved_at: Option<OffsetDateTime>,
    /// When it was closed.
    pub closed_at: Option<OffsetDateTime>,
}

impl Ticket {
    /// Whether the writer's address was proven.
    pub const fn verified(&self) -> bool {
        self.guest.is_none()
    }

    /// Whether a group or agent owns it.
    pub const fn is_owned(&self) -> bool {
        self.assignee.is_some() || self.group.is_some()
    }

    /// The share of a person, whether it gives sight or not.
    pub fn share_of(&self, person: PersonId) -> Option<&Collaborator> {
        self.collaborators.iter().find(|share| share.person == person)
    }

    /// The people with a share that gives sight now.
    pub fn readers(&self, now: OffsetDateTime) -> impl Iterator<Item = PersonId> {
        self.collaborators.iter().filter(move |share| share.sees(now)).map(|share| share.person)
    }
}
