//! Comments, notes and reopening: what words do to the status.

use time::OffsetDateTime;

use super::access::{Actor, Relation};
use super::change::Patch;
use super::command::Comment;
use super::event::Event;
use super::ids::{ItemId, PersonId};
use super::kinds::{Access, Channel, Visibility};
use super::lifecycle::{Move, choose, enter};
use super::policy::{ClosedUpdate, Reopen, Rules};
use super::refusal::Refusal;
use super::status::Status;
use super::ticket::Ticket;

/// What a comment leads to.
///
/// A customer's comment on a closed ticket under `auto_new_case` is no event of this ticket: the caller asks [`makes_new_case`] first.
///
/// # Errors
/// The role, the state, the policy or a field says no.
pub fn comment(ticket: &Ticket, actor: Actor, comment: &Comment, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    match actor {
        Actor::Person(person, Relation::Staff) => staff(ticket, person, comment, rules, now),
        Actor::Person(_, relation) => customer(ticket, relation, comment, rules, now),
        Actor::Guest | Actor::System => Err(Refusal::Forbidden),
    }
}

/// Whether a customer's comment becomes a new linked ticket.
pub fn makes_new_case(ticket: &Ticket, relation: Relation, rules: &Rules) -> bool {
    ticket.status == Status::Closed
        && may_write(relation)
        && relation.is_customer()
        && rules.policies.closed_update == ClosedUpdate::AutoNewCase
}

/// Whether somebody may write a public comment at all.
pub const fn may_write(relation: Relation) -> bool {
    !matches!(relation, Relation::Collaborator(Access::Read))
}

fn said(comment: &Comment, visibility: Visibility, with_status: bool) -> Event {
    Event::Commented { item: comment.item, body: comment.body.clone(), visibility, channel: comment.channel, with_status }
}

fn staff(ticket: &Ticket, writer: PersonId, comment: &Comment, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    if comment.visibility == Some(Visibility::Internal) {
        if !comment.next.is_empty() {
            return Err(Refusal::field("status", "not_allowed", "A note changes nothing; use a public reply or change the ticket."));
        }
        return Ok(vec![said(comment, Visibility::Internal, false)]);
    }
    if ticket.status == Status::Closed {
        return Err(Refusal::state(ticket.status, "A closed ticket takes internal notes only."));
    }
    let chosen = choose(ticket, &comment.next, true, true)?;
    let takes_it = ticket.status == Status::New && !ticket.is_owned();
    let chosen = chosen.or_else(|| takes_it.then(|| (Status::Assigned, Move { silent: true, ..Move::default() })));
    let mut events = vec![said(comment, Visibility::Public, chosen.is_some())];
    if takes_it {
        events.push(taken_by(ticket, writer));
    }
    if let Some((to, how)) = chosen {
        events.extend(enter(ticket, to, how, rules, now));
    }
    Ok(events)
}

/// The writer becomes the assignee.
pub(super) fn taken_by(ticket: &Ticket, writer: PersonId) -> Event {
    let patch = Patch { assignee: Some(Some(writer)), ..Patch::default() };
    let history = patch.history(ticket);
    Event::Changed { patch, history }
}

fn customer(ticket: &Ticket, relation: Relation, comment: &Comment, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    if comment.visibility.is_some() || !comment.next.is_empty() || !may_write(relation) {
        return Err(Refusal::Forbidden);
    }
    let to = match ticket.status {
        Status::New | Status::PendingSupport => None,
        Status::Assigned | Status::WaitingCustomer | Status::WaitingThirdParty => Some(false),
        Status::Resolved => (rules.policies.reopen == Reopen::OnComment).then_some(true),
        Status::Closed => {
            // Collaborators are led to no page that they don't have.
            let follow_up = relation.acts_for_requester() && rules.policies.closed_update == ClosedUpdate::FollowUpLink;
            return Err(Refusal::TicketClosed { follow_up });
        }
    };
    let mut events = vec![said(comment, Visibility::Public, to.is_some())];
    if let Some(reopens) = to {
        let how = Move { reopens, silent: true, ..Move::default() };
        events.extend(enter(ticket, Status::PendingSupport, how, rules, now));
    }
    Ok(events)
}

/// The words and the channel of a reopening.
pub struct Reopening<'a> {
    /// Why.
    pub body: &'a str,
    /// Names the comment's item.
    pub item: ItemId,
    /// How it came in.
    pub channel: Channel,
}

/// What the explicit reopening leads to.
///
/// # Errors
/// The role, the state or the policy says no, or the comment is missing.
pub fn reopen(ticket: &Ticket, actor: Actor, words: &Reopening<'_>, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    let to = match actor.relation() {
        Some(Relation::Staff) => Status::Assigned,
        Some(relation) if relation.acts_for_requester() => Status::PendingSupport,
        _ => return Err(Refusal::Forbidden),
    };
    if ticket.status != Status::Resolved {
        return Err(Refusal::state(ticket.status, "Only a resolved ticket can be reopened."));
    }
    if to == Status::PendingSupport && rules.policies.reopen == Reopen::Never {
        return Err(Refusal::Policy("This portal does not reopen tickets. Make a follow-up instead."));
    }
    if words.body.trim().is_empty() {
        return Err(Refusal::field("comment", "required", "Say why it is not solved."));
    }
    let (body, channel) = (words.body.to_owned(), words.channel);
    let mut events = vec![Event::Commented { item: words.item, body, visibility: Visibility::Public, channel, with_status: true }];
    if let (Status::Assigned, false, Some(writer)) = (to, ticket.is_owned(), actor.person()) {
        events.push(taken_by(ticket, writer));
    }
    events.extend(enter(ticket, to, Move { reopens: true, silent: true, ..Move::default() }, rules, now));
    Ok(events)
}
