//! From decided events to rows, stored events and timers.

use portico_chassis::journal::{NewEvent, TimerChange};
use portico_chassis::random::Random;
use sqlx::types::Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::domain::access::Actor;
use crate::domain::change::FieldChange;
use crate::domain::event::Event;
use crate::domain::evolve::evolve;
use crate::domain::ids::{PersonId, TicketId};
use crate::domain::kinds::{Channel, ItemKind, Reason, Role, Visibility};
use crate::domain::notice::notices;
use crate::domain::ticket::Ticket;
use crate::domain::timer::Due;
use crate::domain::words::lexemes;
use crate::store::collaborator::ShareWrite;
use crate::store::events::{self, Circumstances};
use crate::store::item::ItemRow;
use crate::store::ticket::TicketRow;
use crate::store::words::WordsWrite;
use crate::store::writes::Write;

/// What the service calls its one kind of timer.
pub const TIMER: &str = "due";

/// Who did it, when, and whom support consists of.
pub struct Scene<'a> {
    /// Who.
    pub actor: Actor,
    /// When.
    pub now: OffsetDateTime,
    /// Agents to tell while nobody owns the ticket.
    pub agents: &'a [PersonId],
    /// Names for events and items.
    pub random: &'a Random,
    /// What is known besides.
    pub around: Circumstances,
}

/// What to commit for a ticket.
pub struct Emission {
    /// The ticket after all.
    pub ticket: Ticket,
    /// Stored events, in order.
    pub events: Vec<NewEvent>,
    /// Rows.
    pub writes: Vec<Write>,
    /// The item of the first comment, or of the creation.
    pub item: Option<ItemRow>,
    /// Timers.
    pub timers: Vec<TimerChange>,
}

/// Everything that `happened` to the ticket `before` writes.
pub fn emit(before: &Ticket, happened: &[Event], scene: &Scene<'_>) -> Emission {
    let mut states = Vec::with_capacity(happened.len());
    let mut ticket = before.clone();
    for event in happened {
        ticket = evolve(ticket, event, scene.actor, scene.now);
        states.push(ticket.clone());
    }
    let mut out = Emission { ticket, events: Vec::new(), writes: Vec::new(), item: None, timers: Vec::new() };
    for (event, after) in happened.iter().zip(&states) {
        // Nobody is told of what happened elsewhere long ago.
        let told = match scene.around.imported_from {
            None => notices(&out.ticket, event, scene.actor, scene.agents, scene.now),
            Some(_) => Vec::new(),
        };
        let id = scene.random.uuid(scene.now);
        out.events.push(events::stored(id, event, (scene.actor, scene.now), after, &told, scene.around));
        out.writes.extend(words(event, after).map(Write::Words));
        if let Some(row) = item(event, after, scene) {
            let speaks = matches!(event, Event::Commented { .. } | Event::Created { .. });
            if speaks && out.item.is_none() {
                out.item = Some(row.clone());
            }
            out.writes.push(Write::Item(Box::new(row)));
        }
    }
    if !happened.is_empty() {
        shares(before, &out.ticket, &mut out.writes);
        out.writes.push(Write::Ticket(Box::new(TicketRow::of(&out.ticket, 0))));
    }
    if happened.iter().any(Event::moves_timers) {
        out.timers = timers(&out.ticket, scene);
    }
    out
}

/// One row a ticket: the soonest of what is due. It changes with the state in one transaction.
pub fn timers(ticket: &Ticket, scene: &Scene<'_>) -> Vec<TimerChange> {
    let aggregate_id = ticket.id.uuid();
    let mut changes = vec![TimerChange::CancelAll { aggregate_id }];
    if let Some(next) = ticket.due.first() {
        changes.push(TimerChange::Arm { id: scene.random.uuid(scene.now), kind: TIMER, aggregate_id, due_at: next.at });
    }
    changes
}

fn shares(before: &Ticket, after: &Ticket, writes: &mut Vec<Write>) {
    for share in &after.collaborators {
        if before.collaborators.iter().all(|old| old != share) {
            let row = ShareWrite { portal: after.portal.clone(), ticket: after.id, share: share.clone() };
            writes.push(Write::Share(Box::new(row)));
        }
    }
    for old in &before.collaborators {
        if after.collaborators.iter().all(|share| share.id != old.id) {
            writes.push(Write::Unshare(old.id));
        }
    }
}

fn words(event: &Event, after: &Ticket) -> Option<WordsWrite> {
    let (words, internal) = match event {
        Event::Created { ticket, description, .. } => (lexemes([ticket.subject.as_str(), description]), false),
        Event::Commented { body, visibility, .. } => (lexemes([body.as_str()]), *visibility == Visibility::Internal),
        Event::Changed { patch, .. } => (lexemes([patch.subject.as_deref()?]), false),
        Event::Verified { .. }
        | Event::StatusChanged { .. }
        | Event::Rated { .. }
        | Event::KeptOpen { .. }
        | Event::Reminded { .. }
        | Event::FollowedUp { .. }
        | Event::Shared { .. }
        | Event::Unshared { .. } => return None,
    };
    Some(WordsWrite { portal: after.portal.clone(), ticket: after.id, words, internal })
}

/// An empty row, to be filled by kind.
fn blank(kind: ItemKind, id: Uuid, after: &Ticket, scene: &Scene<'_>, internal: bool) -> ItemRow {
    let role = match scene.actor {
        Actor::System => Role::System,
        actor if actor.is_staff() => Role::Agent,
        _ => Role::Customer,
    };
    ItemRow {
        portal: after.portal.clone(),
        ticket_id: after.id.uuid(),
        version: after.version,
        public_version: after.public_version,
        id,
        kind: kind.code(),
        at: scene.now,
        actor_id: scene.actor.person().map(PersonId::uuid),
        actor_role: role.code(),
        internal,
        body: String::new(),
        channel: None,
        from_status: None,
        to_status: None,
        reason: None,
        sub_status: None,
        changes: None,
        related_ticket: None,
        score: None,
    }
}

/// When the state ends by itself: before, and from now on.
fn kept_open(before: Option<OffsetDateTime>, due: &[Due]) -> FieldChange {
    let text = |at: Option<OffsetDateTime>| at.and_then(|at| at.format(&Rfc3339).ok());
    FieldChange { field: "due".into(), before: text(before), after: text(due.last().map(|due| due.at)) }
}

/// The timeline's row of an event; reminders and verifications are no news for people.
fn item(event: &Event, after: &Ticket, scene: &Scene<'_>) -> Option<ItemRow> {
    let internal = !event.is_public();
    let new = |kind| blank(kind, scene.random.uuid(scene.now), after, scene, internal);
    let person_change = |before: Option<PersonId>, after: Option<PersonId>| {
        let text = |person: Option<PersonId>| person.map(|person| person.to_string());
        Some(Json(vec![FieldChange { field: "collaborator".into(), before: text(before), after: text(after) }]))
    };
    Some(match event {
        Event::Created { description, item, ticket } => ItemRow {
            body: description.clone(),
            channel: Some(ticket.channel.code()),
            ..blank(ItemKind::Created, item.uuid(), after, scene, internal)
        },
        Event::Commented { item, body, channel, .. } => ItemRow {
            body: body.clone(),
            channel: Some(Channel::code(*channel)),
            ..blank(ItemKind::Comment, item.uuid(), after, scene, internal)
        },
        Event::StatusChanged { from, to, sub_status, reason, .. } => ItemRow {
            from_status: Some(from.code()),
            to_status: Some(to.code()),
            sub_status: sub_status.clone(),
            reason: reason.map(Reason::code),
            ..new(ItemKind::StatusChange)
        },
        Event::Changed { history, .. } => ItemRow { changes: Some(Json(history.clone())), ..new(ItemKind::Change) },
        Event::KeptOpen { before, due } => ItemRow { changes: Some(Json(vec![kept_open(*before, due)])), ..new(ItemKind::Change) },
        Event::Rated { score, comment } => ItemRow { score: Some(i16::from(*score)), body: comment.clone(), ..new(ItemKind::Satisfaction) },
        Event::FollowedUp { follow_up } => ItemRow { related_ticket: Some(TicketId::uuid(*follow_up)), ..new(ItemKind::FollowUp) },
        Event::Shared { share, new: true, .. } => {
            ItemRow { changes: person_change(None, Some(share.person)), ..new(ItemKind::Collaborator) }
        }
        Event::Unshared { person, .. } => ItemRow { changes: person_change(Some(*person), None), ..new(ItemKind::Collaborator) },
        Event::Verified { .. } | Event::Reminded { .. } | Event::Shared { .. } => return None,
    })
}
