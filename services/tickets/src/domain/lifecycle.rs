//! Moving from status to status.

use time::OffsetDateTime;

use super::command::Next;
use super::event::Event;
use super::kinds::Reason;
use super::policy::Rules;
use super::refusal::Refusal;
use super::status::Status;
use super::ticket::Ticket;
use super::timer::armed;

/// The longest name of a party that support waits for, in characters.
pub const MAX_SUB_STATUS: usize = 80;

/// A move that the rules allow.
#[derive(Debug, Clone, Default)]
pub struct Move {
    /// The party.
    pub sub_status: Option<String>,
    /// Why.
    pub reason: Option<Reason>,
    /// Counts as a reopening.
    pub reopens: bool,
    /// Nobody is told.
    pub silent: bool,
}

/// The events of entering `to`: a resolve with a grace of 0 goes on to `closed` at once and keeps its reason.
pub fn enter(ticket: &Ticket, to: Status, how: Move, rules: &Rules, now: OffsetDateTime) -> Vec<Event> {
    let closes_at_once = to == Status::Resolved && rules.timers.auto_close_seconds == 0;
    let due = if closes_at_once { Vec::new() } else { armed(to, &rules.timers, now) };
    let Move { sub_status, reason, reopens, silent } = how;
    let mut events = vec![Event::StatusChanged { from: ticket.status, to, sub_status, reason, due, reopens, silent }];
    if closes_at_once {
        let (from, to) = (Status::Resolved, Status::Closed);
        events.push(Event::StatusChanged { from, to, sub_status: None, reason, due: Vec::new(), reopens: false, silent: true });
    }
    events
}

/// What an agent's explicit choice of a status leads to.
///
/// # Errors
/// The state says no, or `sub_status` and `reason` don't fit the status.
pub fn choose(ticket: &Ticket, next: &Next, with_comment: bool, silent: bool) -> Result<Option<(Status, Move)>, Refusal> {
    let Some(to) = next.status else {
        return stray_details(next).map(|()| None);
    };
    allowed(ticket.status, to, with_comment)?;
    let sub_status = party(to, next.sub_status.as_deref())?;
    let reason = why(to, next.reason)?;
    let reopens = ticket.status == Status::Resolved;
    Ok(Some((to, Move { sub_status, reason, reopens, silent })))
}

/// `sub_status` or `reason` of a comment that chooses no status.
fn stray_details(next: &Next) -> Result<(), Refusal> {
    if next.sub_status.is_some() {
        return Err(Refusal::field("sub_status", "not_allowed", "Give it together with the status waiting_third_party."));
    }
    if next.reason.is_some() {
        return Err(Refusal::field("reason", "not_allowed", "Give it together with the status resolved."));
    }
    Ok(())
}

/// The agents' part of the transition table.
fn allowed(from: Status, to: Status, with_comment: bool) -> Result<(), Refusal> {
    if from == Status::Closed {
        return Err(Refusal::state(from, "The ticket is closed for good."));
    }
    if from == to {
        return Err(Refusal::state(from, "The ticket has this status already."));
    }
    match to {
        Status::New => Err(Refusal::state(from, "A ticket does not become new again.")),
        Status::PendingSupport => Err(Refusal::state(from, "Only the customer's words do this.")),
        Status::Closed => Err(Refusal::state(from, "Support resolves; the customer and the timers close.")),
        Status::Assigned if from == Status::Resolved && !with_comment => Err(Refusal::state(from, "Reopening needs a public comment.")),
        Status::Assigned => Ok(()),
        _ if from == Status::Resolved => Err(Refusal::state(from, "Reopen the ticket first.")),
        _ => Ok(()),
    }
}

fn party(to: Status, sub_status: Option<&str>) -> Result<Option<String>, Refusal> {
    let given = sub_status.map(str::trim).filter(|text| !text.is_empty());
    match (to, given) {
        (Status::WaitingThirdParty, None) => Err(Refusal::field("sub_status", "required", "Say whom support waits for.")),
        (Status::WaitingThirdParty, Some(text)) if text.chars().count() > MAX_SUB_STATUS => {
            Err(Refusal::field("sub_status", "too_long", "At most 80 characters."))
        }
        (Status::WaitingThirdParty, Some(text)) => Ok(Some(text.to_owned())),
        (_, Some(_)) => Err(Refusal::field("sub_status", "not_allowed", "Only waiting_third_party has one.")),
        (_, None) => Ok(None),
    }
}

fn why(to: Status, reason: Option<Reason>) -> Result<Option<Reason>, Refusal> {
    match (to, reason) {
        (Status::Resolved, None) => Ok(Some(Reason::Answered)),
        (Status::Resolved, Some(reason)) if reason.is_agents() => Ok(Some(reason)),
        (Status::Resolved, Some(_)) => Err(Refusal::field("reason", "invalid", "This reason is set by timers and customers only.")),
        (_, Some(_)) => Err(Refusal::field("reason", "not_allowed", "Only resolved has one.")),
        (_, None) => Ok(None),
    }
}
