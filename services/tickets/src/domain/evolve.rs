//! Applies what happened to a ticket's state.

use time::OffsetDateTime;

use super::access::Actor;
use super::change::Patch;
use super::event::Event;
use super::kinds::Visibility;
use super::status::Status;
use super::ticket::{Satisfaction, Ticket};

/// The ticket after `event`, which happened at `at` by `actor`.
pub fn evolve(ticket: Ticket, event: &Event, actor: Actor, at: OffsetDateTime) -> Ticket {
    let mut next = match event {
        Event::Created { ticket, .. } => (**ticket).clone(),
        _ => ticket,
    };
    next.version += 1;
    next.updated_at = at;
    if event.is_public() {
        next.public_version += 1;
        next.public_updated_at = at;
    }
    apply(&mut next, event, actor, at);
    next
}

fn apply(next: &mut Ticket, event: &Event, actor: Actor, at: OffsetDateTime) {
    match event {
        Event::Created { .. } | Event::FollowedUp { .. } => {}
        Event::Verified { requester, organization } => {
            next.requester = Some(*requester);
            next.organization = *organization;
            next.guest = None;
        }
        Event::Commented { visibility, .. } => commented(next, *visibility, actor, at),
        Event::StatusChanged { .. } => moved(next, event, at),
        Event::Changed { patch, .. } => patched(next, patch),
        Event::Rated { score, comment } => {
            let first_rated_at = next.satisfaction.as_ref().map_or(at, |rating| rating.first_rated_at);
            next.satisfaction = Some(Satisfaction { score: *score, comment: comment.clone(), rated_at: at, first_rated_at });
        }
        Event::KeptOpen { due, .. } => {
            next.keep_open_count += 1;
            next.due.clone_from(due);
        }
        Event::Reminded { due, .. } => next.due.clone_from(due),
        Event::Shared { share, .. } => {
            next.collaborators.retain(|other| other.person != share.person);
            next.collaborators.push(share.clone());
            next.collaborators.sort_by_key(|other| (other.created_at, other.id));
        }
        Event::Unshared { id, .. } => next.collaborators.retain(|share| share.id != *id),
    }
}

fn commented(next: &mut Ticket, visibility: Visibility, actor: Actor, at: OffsetDateTime) {
    if visibility == Visibility::Public && actor.is_staff() && next.first_replied_at.is_none() {
        next.first_replied_at = Some(at);
    }
    if let Some(person) = actor.person() {
        next.collaborators.iter_mut().filter(|share| share.person == person).for_each(|share| share.acted = true);
    }
}

fn moved(next: &mut Ticket, event: &Event, at: OffsetDateTime) {
    let Event::StatusChanged { to, sub_status, reason, due, reopens, .. } = event else { return };
    next.status = *to;
    next.sub_status.clone_from(sub_status);
    next.due.clone_from(due);
    next.keep_open_count = 0;
    match to {
        Status::Resolved => {
            next.resolved_at = Some(at);
            next.reason = *reason;
        }
        Status::Closed => {
            next.resolved_at = next.resolved_at.or(Some(at));
            next.closed_at = Some(at);
            next.reason = *reason;
        }
        _ => {
            next.resolved_at = None;
            next.reason = None;
        }
    }
    if *reopens {
        next.reopen_count += 1;
    }
}

fn patched(next: &mut Ticket, patch: &Patch) {
    set(&mut next.subject, patch.subject.as_ref());
    set(&mut next.ticket_type, patch.ticket_type.as_ref());
    set(&mut next.impact, patch.impact.as_ref());
    set(&mut next.urgency, patch.urgency.as_ref());
    set(&mut next.priority, patch.priority.as_ref());
    set(&mut next.place.department, patch.department.as_ref());
    set(&mut next.place.product, patch.product.as_ref());
    set(&mut next.place.category, patch.category.as_ref());
    set(&mut next.group, patch.group.as_ref());
    set(&mut next.assignee, patch.assignee.as_ref());
    set(&mut next.contact_name, patch.contact_name.as_ref());
    set(&mut next.tags, patch.tags.as_ref());
    next.sub_status = patch.sub_status.clone().or_else(|| next.sub_status.take());
    next.reason = patch.reason.or(next.reason);
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}
