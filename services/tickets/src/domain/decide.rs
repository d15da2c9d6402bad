//! The state machine: what a command leads to on a ticket as it is now.

use time::OffsetDateTime;

use super::access::{Actor, Relation};
use super::change::Patch;
use super::collaborator::{Collaborator, MAX_COLLABORATORS};
use super::command::{Command, Invitee, Next};
use super::event::Event;
use super::ids::{CollaboratorId, OrganizationId, PersonId};
use super::kinds::{CollaboratorState, DueKind, Reason};
use super::lifecycle::{MAX_SUB_STATUS, Move, choose, enter};
use super::policy::Rules;
use super::refusal::Refusal;
use super::reply::{self, Reopening};
use super::satisfaction::{self, Closing};
use super::status::Status;
use super::ticket::Ticket;
use super::timer::{self, KEEP_OPEN_LIMIT, armed};

/// Decides one command. An empty list means that there is nothing to do, which is no refusal.
///
/// # Errors
/// See [`Refusal`]; nothing changes then.
pub fn decide(ticket: &Ticket, actor: Actor, command: &Command, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Comment(comment) => reply::comment(ticket, actor, comment, rules, now),
        Command::Update { patch, next } => update(ticket, actor, patch, next, rules, now),
        Command::Close { score, comment, item, channel } => {
            satisfaction::close(ticket, actor, &Closing { score: *score, comment, item: *item, channel: *channel }, rules, now)
        }
        Command::Reopen { comment, item, channel } => {
            reply::reopen(ticket, actor, &Reopening { body: comment, item: *item, channel: *channel }, rules, now)
        }
        Command::KeepOpen => keep_open(ticket, actor, rules, now),
        Command::Rate { score, comment } => satisfaction::rate(ticket, actor, *score, comment, rules, now),
        Command::Tick => Ok(tick(ticket, rules, now)),
        Command::Verify { person, organization, email } => verify(ticket, *person, *organization, email),
        Command::FollowUp { follow_up } => {
            follow_up_allowed(ticket, actor, rules)?;
            Ok(vec![Event::FollowedUp { follow_up: *follow_up }])
        }
        Command::Share(invitee) => share(ticket, actor, invitee, now),
        Command::Unshare(id) => unshare(ticket, actor, *id),
        Command::Confirm { id, registered } => confirm(ticket, actor, *id, *registered),
    }
}

fn update(ticket: &Ticket, actor: Actor, patch: &Patch, next: &Next, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    let Actor::Person(caller, Relation::Staff) = actor else { return Err(Refusal::Forbidden) };
    if ticket.status == Status::Closed {
        return Err(Refusal::state(ticket.status, "A closed ticket can't be changed."));
    }
    let mut patch = patch.clone();
    let mut next = next.clone();
    if next.status.is_none() {
        details_alone(ticket, &mut patch, &mut next)?;
    }
    let chosen = choose(ticket, &next, false, true)?;
    let owned_after = patch.assignee.unwrap_or(ticket.assignee).is_some() || patch.group.unwrap_or(ticket.group).is_some();
    if chosen.as_ref().is_some_and(|(to, _)| *to == Status::Assigned) && !owned_after {
        patch.assignee = Some(Some(caller));
    }
    let becomes_owned = chosen.is_none() && ticket.status == Status::New && owned_after;
    let patch = patch.effective(ticket);
    let mut events = Vec::new();
    if !patch.is_empty() {
        let history = patch.history(ticket);
        events.push(Event::Changed { patch, history });
    }
    if let Some((to, how)) = chosen {
        events.extend(enter(ticket, to, how, rules, now));
    } else if becomes_owned {
        events.extend(enter(ticket, Status::Assigned, Move { silent: true, ..Move::default() }, rules, now));
    }
    Ok(events)
}

/// `sub_status` and `reason` without a status correct what the present status has.
fn details_alone(ticket: &Ticket, patch: &mut Patch, next: &mut Next) -> Result<(), Refusal> {
    if let Some(party) = next.sub_status.take_if(|_| ticket.status == Status::WaitingThirdParty) {
        let party = party.trim().to_owned();
        if party.is_empty() || party.chars().count() > MAX_SUB_STATUS {
            return Err(Refusal::field("sub_status", "invalid", "Say whom support waits for, in at most 80 characters."));
        }
        patch.sub_status = Some(party);
    }
    if let Some(reason) = next.reason.take_if(|_| ticket.status == Status::Resolved) {
        if !reason.is_agents() {
            return Err(Refusal::field("reason", "invalid", "This reason is set by timers and customers only."));
        }
        patch.reason = Some(reason);
    }
    Ok(())
}

fn keep_open(ticket: &Ticket, actor: Actor, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    if !actor.relation().is_some_and(Relation::acts_for_requester) {
        return Err(Refusal::Forbidden);
    }
    if ticket.due.is_empty() {
        return Err(Refusal::state(ticket.status, "Nothing will happen to this ticket by itself."));
    }
    if ticket.keep_open_count >= KEEP_OPEN_LIMIT {
        return Err(Refusal::state(ticket.status, "It was kept open three times in a row. Write a comment instead."));
    }
    let (before, due) = (ticket.due.last().map(|due| due.at), armed(ticket.status, &rules.timers, now));
    Ok(vec![Event::KeptOpen { before, due }])
}

/// What due timers lead to. A stale wake-up leads to nothing: the state's own list decides.
fn tick(ticket: &Ticket, rules: &Rules, now: OffsetDateTime) -> Vec<Event> {
    let automatic = |reason| Move { reason: Some(reason), ..Move::default() };
    match timer::pick(&ticket.due, now) {
        None => Vec::new(),
        Some(DueKind::AutoResolve) => enter(ticket, Status::Resolved, automatic(Reason::NoCustomerReply), rules, now),
        Some(DueKind::AutoClose) => enter(ticket, Status::Closed, automatic(Reason::ResolvedExpired), rules, now),
        Some(kind) => vec![Event::Reminded { kind, due: timer::remaining(&ticket.due, now) }],
    }
}

fn verify(ticket: &Ticket, person: PersonId, organization: Option<OrganizationId>, email: &str) -> Result<Vec<Event>, Refusal> {
    match &ticket.guest {
        Some(guest) if guest.email == email => Ok(vec![Event::Verified { requester: person, organization }]),
        Some(_) => Err(Refusal::NotFound),
        None => Ok(Vec::new()),
    }
}

/// Whether `actor` may make a follow-up: in every profile, of a resolved or closed ticket. A collaborator's comment on a closed ticket may
/// become one too, where the portal does that.
///
/// # Errors
/// The role or the state says no.
pub fn follow_up_allowed(ticket: &Ticket, actor: Actor, rules: &Rules) -> Result<(), Refusal> {
    let by_comment = |relation| reply::makes_new_case(ticket, relation, rules);
    match actor.relation() {
        Some(relation) if relation == Relation::Staff || relation.acts_for_requester() || by_comment(relation) => {}
        _ => return Err(Refusal::Forbidden),
    }
    if ticket.status.is_open() {
        return Err(Refusal::state(ticket.status, "A follow-up is made of a resolved or closed ticket. Write a comment instead."));
    }
    Ok(())
}

fn may_share(actor: Actor) -> Result<(), Refusal> {
    match actor.relation() {
        Some(relation) if relation == Relation::Staff || relation.acts_for_requester() => Ok(()),
        // A Cc of a mail, and whom a guest names, see nothing until somebody confirms them.
        None if actor == Actor::System => Ok(()),
        _ => Err(Refusal::Forbidden),
    }
}

fn share(ticket: &Ticket, actor: Actor, invitee: &Invitee, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    may_share(actor)?;
    if invitee.expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::field("expires_at", "invalid", "Choose a time in the future."));
    }
    if ticket.requester == Some(invitee.person) {
        return Err(Refusal::field("email", "has_access", "This person sees the ticket already."));
    }
    let present = ticket.share_of(invitee.person);
    if present.is_none() && ticket.collaborators.len() >= MAX_COLLABORATORS {
        return Err(Refusal::field("email", "too_many", "At most 50 people share a ticket."));
    }
    let (access, expires_at) = (invitee.access, invitee.expires_at);
    let share = match present {
        Some(present) => Collaborator { access, expires_at, state: CollaboratorState::Active, ..present.clone() },
        None => {
            let (id, person, state) = (invitee.id, invitee.person, invitee.state);
            Collaborator { id, person, state, access, expires_at, created_at: now, acted: false }
        }
    };
    if present == Some(&share) {
        return Ok(Vec::new());
    }
    let new = present.is_none_or(|before| !before.sees(now));
    Ok(vec![Event::Shared { share, new, unregistered: !invitee.registered }])
}

fn unshare(ticket: &Ticket, actor: Actor, id: CollaboratorId) -> Result<Vec<Event>, Refusal> {
    let share = ticket.collaborators.iter().find(|share| share.id == id).ok_or(Refusal::NotFound)?;
    let leaves = actor.person() == Some(share.person);
    if !leaves {
        may_share(actor)?;
    }
    Ok(vec![Event::Unshared { id, person: share.person }])
}

fn confirm(ticket: &Ticket, actor: Actor, id: CollaboratorId, registered: bool) -> Result<Vec<Event>, Refusal> {
    may_share(actor)?;
    let share = ticket.collaborators.iter().find(|share| share.id == id).ok_or(Refusal::NotFound)?;
    if share.state == CollaboratorState::Active {
        return Ok(Vec::new());
    }
    let share = Collaborator { state: CollaboratorState::Active, ..share.clone() };
    Ok(vec![Event::Shared { share, new: true, unregistered: !registered }])
}
