//! A ticket comes to be.

use time::OffsetDateTime;

use super::access::{Actor, Relation};
use super::event::Event;
use super::ids::{GroupId, ItemId, OrganizationId, PersonId, PortalId, TicketId};
use super::kinds::{Channel, TicketType};
use super::policy::Rules;
use super::priority::Weights;
use super::refusal::Refusal;
use super::status::Status;
use super::ticket::{Guest, Place, Ticket};

/// Whom a ticket is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requester {
    /// A person, with the organisation whose members will see the ticket.
    Person(PersonId, Option<OrganizationId>),
    /// Somebody whose address nobody has proven.
    Guest(Guest),
}

/// What a ticket is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// Its id.
    pub id: TicketId,
    /// Names the first item of its timeline.
    pub item: ItemId,
    /// Where it belongs.
    pub portal: PortalId,
    /// One line.
    pub subject: String,
    /// Markdown.
    pub description: String,
    /// Kind of thing.
    pub ticket_type: TicketType,
    /// How it came in.
    pub channel: Channel,
    /// Whom it is for.
    pub requester: Requester,
    /// Where it stands in the catalogue.
    pub place: Place,
    /// Impact, urgency, priority.
    pub weights: Weights,
    /// On whose behalf.
    pub contact_name: String,
    /// Agents only.
    pub tags: Vec<String>,
    /// Agents only.
    pub assignee: Option<PersonId>,
    /// Agents only.
    pub group: Option<GroupId>,
    /// The ticket that this one goes on from.
    pub follow_up_of: Option<TicketId>,
}

/// Decides a creation: one event that holds the whole first state.
///
/// # Errors
/// A field that the portal's policy or the role keeps from the caller; a guest where the portal takes none.
pub fn create(new: NewTicket, actor: Actor, rules: &Rules, now: OffsetDateTime) -> Result<Event, Refusal> {
    let by_staff = actor.is_staff();
    if actor == Actor::Guest && new.channel != Channel::Email && !rules.policies.guest_requests {
        return Err(Refusal::Policy("This portal takes requests from people who are signed in."));
    }
    new.weights.check(rules.policies.priority_entry, by_staff || actor == Actor::System)?;
    agents_fields(&new, actor)?;
    let owned = new.assignee.is_some() || new.group.is_some();
    let (requester, organization, guest) = match new.requester {
        Requester::Person(person, organization) => (Some(person), organization, None),
        Requester::Guest(guest) => (None, None, Some(guest)),
    };
    let ticket = Ticket {
        id: new.id,
        portal: new.portal,
        number: String::new(),
        version: 0,
        public_version: 0,
        subject: new.subject,
        ticket_type: new.ticket_type,
        channel: new.channel,
        status: if owned { Status::Assigned } else { Status::New },
        sub_status: None,
        reason: None,
        impact: new.weights.impact,
        urgency: new.weights.urgency,
        priority: new.weights.priority(),
        place: new.place,
        group: new.group,
        assignee: new.assignee,
        requester,
        guest,
        contact_name: new.contact_name,
        organization,
        follow_up_of: new.follow_up_of,
        tags: new.tags,
        satisfaction: None,
        reopen_count: 0,
        keep_open_count: 0,
        due: Vec::new(),
        collaborators: Vec::new(),
        created_at: now,
        updated_at: now,
        public_updated_at: now,
        first_replied_at: None,
        resolved_at: None,
        closed_at: None,
    };
    Ok(Event::Created { ticket: Box::new(ticket), description: new.description, item: new.item })
}

fn agents_fields(new: &NewTicket, actor: Actor) -> Result<(), Refusal> {
    if matches!(actor, Actor::Person(_, Relation::Staff) | Actor::System) {
        return Ok(());
    }
    const MESSAGE: &str = "Support sets this.";
    if new.assignee.is_some() {
        return Err(Refusal::field("assignee", "not_allowed", MESSAGE));
    }
    if new.group.is_some() {
        return Err(Refusal::field("group", "not_allowed", MESSAGE));
    }
    if !new.tags.is_empty() {
        return Err(Refusal::field("tags", "not_allowed", MESSAGE));
    }
    Ok(())
}
