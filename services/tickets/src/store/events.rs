//! The one place where domain events become stored bytes: ids, states, versions, names of fields. Never a text, name or address.

use portico_chassis::clock::to_proto;
use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::journal::{AggregateRef, NewEvent};
use portico_proto::events::v1::tickets_event::Event as Body;
use portico_proto::events::v1::{
    CatalogChanged, CollaboratorAdded, CollaboratorRemoved, CommentAdded, EventBody, FollowUpLinked, TicketCreated, TicketFieldsChanged,
    TicketKeptOpen, TicketNotice, TicketRated, TicketReminderDue, TicketState, TicketStatusChanged, TicketVerified, TicketsEvent,
    event_body,
};
use prost::Message;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::access::Actor;
use crate::domain::event::Event;
use crate::domain::ids::{GroupId, OrganizationId, PersonId, PortalId, TicketId, text};
use crate::domain::kinds::{CollaboratorState, DueKind, Reason, Visibility};
use crate::domain::notice::Notice;
use crate::domain::ticket::Ticket;

/// The kind of a ticket in the journal.
pub const TICKET: &str = "ticket";

/// What is known besides the event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances {
    /// The requester of a creation has no account.
    pub requester_unregistered: bool,
    /// It came along with an import; then this is when it happened.
    pub imported_from: Option<OffsetDateTime>,
}

/// The stored form of an event that happens `now`; `after` is the ticket after it.
pub fn stored(
    id: Uuid,
    event: &Event,
    scene: (Actor, OffsetDateTime),
    after: &Ticket,
    notices: &[Notice],
    around: Circumstances,
) -> NewEvent {
    let (actor, now) = scene;
    let message = TicketsEvent {
        ticket: Some(state(after, event.is_public(), now)),
        notices: notices.iter().map(notice).collect(),
        imported_from: around.imported_from.map(to_proto),
        event: Some(body(event, actor, after, around)),
    };
    let aggregate = AggregateRef { kind: TICKET, id: after.id.uuid() };
    NewEvent { id, aggregate, body: EventBody { body: Some(event_body::Body::Tickets(message)) } }
}

/// The stored form of a change of the catalogue.
pub fn catalog_changed(id: Uuid, kind: &'static str, row: Uuid) -> NewEvent {
    let event = Some(Body::CatalogChanged(CatalogChanged { kind: kind.to_owned(), id: row.to_string() }));
    let message = TicketsEvent { ticket: None, event, ..TicketsEvent::default() };
    NewEvent { id, aggregate: AggregateRef { kind, id: row }, body: EventBody { body: Some(event_body::Body::Tickets(message)) } }
}

/// Fills in the number that was drawn when the ticket was journaled.
pub fn number(event: &mut NewEvent, id: TicketId, number: &str) {
    if let Some(event_body::Body::Tickets(TicketsEvent { ticket: Some(state), .. })) = &mut event.body.body
        && event.aggregate.id == id.uuid()
    {
        number.clone_into(&mut state.number);
    }
}

fn state(ticket: &Ticket, public: bool, now: OffsetDateTime) -> TicketState {
    TicketState {
        number: ticket.number.clone(),
        public_version: ticket.public_version,
        public,
        status: ticket.status.name().to_owned(),
        requester_id: text(ticket.requester.map(PersonId::uuid)),
        organization_id: text(ticket.organization.map(OrganizationId::uuid)),
        collaborator_ids: ticket.collaborators.iter().filter(|share| share.sees(now)).map(|share| share.person.to_string()).collect(),
        assignee_id: text(ticket.assignee.map(PersonId::uuid)),
        group_id: text(ticket.group.map(GroupId::uuid)),
        verified: ticket.verified(),
    }
}

fn notice(notice: &Notice) -> TicketNotice {
    TicketNotice {
        kind: notice.kind.to_owned(),
        person_ids: notice.people.iter().map(ToString::to_string).collect(),
        mail: notice.mail,
        bell: notice.bell,
    }
}

fn body(event: &Event, actor: Actor, after: &Ticket, around: Circumstances) -> Body {
    match event {
        Event::Created { .. } => Body::TicketCreated(TicketCreated {
            verified: after.verified(),
            channel: after.channel.name().to_owned(),
            requester_unregistered: around.requester_unregistered,
            follow_up_of_id: text(after.follow_up_of.map(TicketId::uuid)),
        }),
        Event::Verified { .. } => Body::TicketVerified(TicketVerified {}),
        Event::Commented { item, visibility, channel, with_status, .. } => Body::CommentAdded(CommentAdded {
            comment_id: item.to_string(),
            internal: *visibility == Visibility::Internal,
            by_staff: actor.is_staff(),
            channel: channel.name().to_owned(),
            with_status_change: *with_status,
        }),
        Event::StatusChanged { from, to, reason, .. } => Body::StatusChanged(TicketStatusChanged {
            from: from.name().to_owned(),
            to: to.name().to_owned(),
            reason: reason.map_or_else(String::new, |reason| Reason::name(reason).to_owned()),
            automatic: actor == Actor::System,
        }),
        Event::Changed { history, .. } => {
            Body::FieldsChanged(TicketFieldsChanged { fields: history.iter().map(|change| change.field.clone()).collect() })
        }
        Event::Rated { score, .. } => Body::Rated(TicketRated { score: i32::from(*score) }),
        Event::KeptOpen { .. } => Body::KeptOpen(TicketKeptOpen {}),
        Event::Reminded { kind, .. } => {
            let kind = if *kind == DueKind::CloseReminder { "close_reminder" } else { "waiting_reminder" };
            Body::ReminderDue(TicketReminderDue { kind: kind.to_owned() })
        }
        Event::FollowedUp { follow_up } => Body::FollowUpLinked(FollowUpLinked { follow_up_id: follow_up.to_string() }),
        Event::Shared { share, unregistered, .. } => Body::CollaboratorAdded(CollaboratorAdded {
            collaborator_id: share.id.to_string(),
            person_id: share.person.to_string(),
            pending: share.state == CollaboratorState::Pending,
            unregistered: *unregistered,
        }),
        Event::Unshared { id, person } => {
            Body::CollaboratorRemoved(CollaboratorRemoved { collaborator_id: id.to_string(), person_id: person.to_string() })
        }
    }
}

/// A stored event, as far as a mail or bell is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happened {
    /// To which ticket.
    pub ticket: TicketId,
    /// Which version it brought the ticket to.
    pub version: i64,
    /// When.
    pub at: OffsetDateTime,
    /// What.
    pub what: What,
}

/// What a stored event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The ticket came to be, or found its requester.
    Created,
    /// A comment or note; the flag: the next versions say how the status moved.
    Commented {
        /// Agents only.
        internal: bool,
        /// The next versions say how the status moved.
        with_status: bool,
    },
    /// The status moved.
    Moved,
    /// Fields were changed.
    Changed,
    /// The customer rated.
    Rated,
    /// A reminder fell due.
    Reminded,
    /// Somebody got a share.
    Shared,
    /// Nothing that anybody is told.
    Other,
}

/// Finds a stored event of this service.
pub async fn find(conn: &mut PortalConn, portal: &PortalId, event: Uuid) -> Result<Option<Happened>, Error> {
    let row: Option<(Uuid, i64, OffsetDateTime, Vec<u8>)> = sqlx::query_as(
        "SELECT aggregate_id, version, at, body FROM journal WHERE portal = $1 AND event_id = $2 AND aggregate_kind = 'ticket'",
    )
    .bind(portal.as_str())
    .bind(event)
    .fetch_optional(&mut **conn)
    .await?;
    let Some((ticket, version, at, bytes)) = row else { return Ok(None) };
    let body = EventBody::decode(bytes.as_slice()).map_err(Error::internal)?;
    let what = match body.body {
        Some(event_body::Body::Tickets(message)) => message.event.map_or(What::Other, |event| what(&event)),
        _ => What::Other,
    };
    Ok(Some(Happened { ticket: TicketId::new(ticket), version, at, what }))
}

fn what(event: &Body) -> What {
    match event {
        Body::TicketCreated(_) | Body::TicketVerified(_) => What::Created,
        Body::CommentAdded(said) => What::Commented { internal: said.internal, with_status: said.with_status_change },
        Body::StatusChanged(_) => What::Moved,
        Body::FieldsChanged(_) => What::Changed,
        Body::Rated(_) => What::Rated,
        Body::ReminderDue(_) => What::Reminded,
        Body::CollaboratorAdded(_) => What::Shared,
        // An arm for each: what is new here needs words, or somebody who says that nobody is told.
        Body::KeptOpen(_)
        | Body::FollowUpLinked(_)
        | Body::CollaboratorRemoved(_)
        | Body::AttachmentScanned(_)
        | Body::CatalogChanged(_) => What::Other,
    }
}
