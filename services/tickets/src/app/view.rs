//! What callers are shown. These are also the stored answers of mutations, so a repeated request gets the same bytes.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::access::Relation;
use crate::domain::actions::{Actions, actions};
use crate::domain::case::Case;
use crate::domain::ids::PersonId;
use crate::domain::kinds::{Channel, Level, Priority, Reason, Role, TicketType};
use crate::domain::policy::Rules;
use crate::domain::status::Status;
use crate::domain::ticket::Satisfaction;
use crate::domain::timer::Due;

/// Something that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// What people read.
    pub name: String,
}

/// A person as a byline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Byline {
    /// `None`: the system or an unverified guest.
    pub id: Option<Uuid>,
    /// What people read; empty for the system.
    pub name: String,
    /// What they are.
    pub role: Role,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequesterView {
    /// `None` while unverified.
    pub id: Option<Uuid>,
    /// What people read.
    pub name: String,
    /// Empty where the caller may not see it.
    pub email: String,
}

/// A rating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingView {
    /// 1 to 5.
    pub score: u8,
    /// May be empty.
    pub comment: String,
    /// When it was given last.
    #[serde(with = "time::serde::rfc3339")]
    pub rated_at: OffsetDateTime,
}

impl From<&Satisfaction> for RatingView {
    fn from(rating: &Satisfaction) -> Self {
        Self { score: rating.score, comment: rating.comment.clone(), rated_at: rating.rated_at }
    }
}

/// A ticket as one caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of portico.tickets.v1.Ticket, explained there")]
pub struct TicketView {
    pub id: Uuid,
    pub number: String,
    pub subject: String,
    pub description: Option<String>,
    pub ticket_type: TicketType,
    pub channel: Channel,
    pub status: Status,
    pub label: String,
    /// Empty in an answer that an older build stored.
    #[serde(default)]
    pub definition: String,
    pub sub_status: Option<String>,
    pub reason: Option<Reason>,
    pub impact: Option<Level>,
    pub urgency: Option<Level>,
    pub priority: Priority,
    pub department: Option<Named>,
    pub product: Option<Named>,
    pub category: Option<Named>,
    pub group: Option<Named>,
    pub assignee: Option<Named>,
    pub requester: RequesterView,
    pub contact_name: String,
    pub organization: Option<Named>,
    pub follow_up_of: Option<String>,
    pub follow_ups: Vec<String>,
    pub tags: Vec<String>,
    pub satisfaction: Option<RatingView>,
    pub reopen_count: i32,
    pub verified: bool,
    pub due: Vec<Due>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_viewed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub first_replied_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub resolved_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub closed_at: Option<OffsetDateTime>,
    pub version: i64,
    pub unread: bool,
    pub actions: Option<Actions>,
}

/// Through whose eyes.
#[derive(Debug, Clone)]
pub struct Lens {
    /// Who looks.
    pub person: PersonId,
    /// What they are to the ticket.
    pub relation: Relation,
    /// When they looked last.
    pub seen_at: Option<OffsetDateTime>,
}

impl Lens {
    /// Agents see all.
    pub fn is_staff(&self) -> bool {
        self.relation == Relation::Staff
    }
}

/// A row of a list.
pub fn row(case: &Case, lens: &Lens, rules: &Rules) -> TicketView {
    let ticket = &case.ticket;
    let staff = lens.is_staff();
    let named = |id: Option<Uuid>| id.map(|id| Named { id, name: case.name(id) });
    let updated_at = if staff { ticket.updated_at } else { ticket.public_updated_at };
    TicketView {
        id: ticket.id.uuid(),
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        description: None,
        ticket_type: ticket.ticket_type,
        channel: ticket.channel,
        status: ticket.status,
        label: rules.label(ticket.status, ticket.sub_status.as_deref()),
        definition: rules.definition(ticket.status).to_owned(),
        sub_status: ticket.sub_status.clone(),
        reason: ticket.reason,
        impact: ticket.impact,
        urgency: ticket.urgency,
        priority: ticket.priority,
        department: named(ticket.place.department.map(Into::into)),
        product: named(ticket.place.product.map(Into::into)),
        category: named(ticket.place.category.map(Into::into)),
        group: named(ticket.group.map(Into::into)),
        assignee: named(ticket.assignee.map(Into::into)),
        requester: requester(case, lens),
        contact_name: ticket.contact_name.clone(),
        organization: named(ticket.organization.map(Into::into)),
        follow_up_of: case.parent_number.clone(),
        follow_ups: case.follow_ups.iter().map(|(_, number)| number.clone()).collect(),
        tags: if staff { ticket.tags.clone() } else { Vec::new() },
        satisfaction: ticket.satisfaction.as_ref().map(RatingView::from),
        reopen_count: ticket.reopen_count,
        verified: ticket.verified(),
        due: Vec::new(),
        created_at: ticket.created_at,
        updated_at,
        last_viewed_at: lens.seen_at,
        first_replied_at: ticket.first_replied_at,
        resolved_at: ticket.resolved_at,
        closed_at: ticket.closed_at,
        version: if staff { ticket.version } else { ticket.public_version },
        unread: lens.seen_at.is_none_or(|seen| seen < ticket.public_updated_at),
        actions: None,
    }
}

/// The whole ticket, with what the caller may do at `now`.
pub fn detail(case: &Case, lens: &Lens, rules: &Rules, now: OffsetDateTime) -> TicketView {
    TicketView {
        description: Some(case.description.clone()),
        due: case.ticket.due.clone(),
        actions: Some(actions(&case.ticket, lens.person, lens.relation, rules, now)),
        ..row(case, lens, rules)
    }
}

fn requester(case: &Case, lens: &Lens) -> RequesterView {
    let shown = !matches!(lens.relation, Relation::Collaborator(_));
    let (id, name, email) = match (&case.ticket.requester, &case.ticket.guest) {
        (Some(person), _) => (Some(person.uuid()), case.name(*person), case.requester_email.clone()),
        (None, Some(guest)) => (None, guest.name.clone(), guest.email.clone()),
        (None, None) => (None, String::new(), String::new()),
    };
    RequesterView { id, name, email: if shown { email } else { String::new() } }
}

/// Reads a stored answer.
///
/// # Errors
/// `Internal` when it is not one of this build's.
pub fn stored<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, portico_chassis::error::Error> {
    serde_json::from_slice(bytes).map_err(portico_chassis::error::Error::internal)
}

/// The stored form of an answer.
pub fn bytes(answer: &impl Serialize) -> Vec<u8> {
    // These types have text keys only, so this can't fail; an empty answer would be noticed as one of another build.
    serde_json::to_vec(answer).unwrap_or_default()
}
