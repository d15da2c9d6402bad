//! Closing by the customer, and how satisfied they are.

use time::{Duration, OffsetDateTime};

use super::access::Actor;
use super::event::Event;
use super::ids::ItemId;
use super::kinds::{Channel, Reason, Visibility};
use super::lifecycle::{Move, enter};
use super::policy::{CustomerClose, Rules, Survey};
use super::refusal::Refusal;
use super::status::Status;
use super::ticket::Ticket;

/// How long after the first rating it may be changed.
pub const RATING_DAYS: i64 = 30;

/// A customer's close.
pub struct Closing<'a> {
    /// 1 to 5.
    pub score: Option<u8>,
    /// May be empty.
    pub comment: &'a str,
    /// Names the comment's item.
    pub item: ItemId,
    /// How it came in.
    pub channel: Channel,
}

/// What a customer's close leads to.
///
/// # Errors
/// The role, the state or the policy says no, or the score is missing where the portal requires one.
pub fn close(ticket: &Ticket, actor: Actor, closing: &Closing<'_>, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    customers_side(actor)?;
    if ticket.status == Status::Closed {
        return Err(Refusal::state(ticket.status, "The ticket is closed already."));
    }
    match rules.policies.customer_close {
        CustomerClose::Never => return Err(Refusal::Policy("In this portal support closes tickets.")),
        CustomerClose::WhenResolved if ticket.status != Status::Resolved => {
            return Err(Refusal::Policy("In this portal a ticket can be closed once it is resolved."));
        }
        CustomerClose::WhenResolved | CustomerClose::AnyTime => {}
    }
    let mut events = Vec::new();
    match (closing.score, rules.policies.survey) {
        (Some(_), Survey::Off) => return Err(Refusal::SurveyOff),
        (None, Survey::Require) => return Err(Refusal::field("satisfaction", "required", "Choose a score from 1 to 5.")),
        (Some(score), _) => {
            check_change(ticket, now)?;
            events.push(Event::Rated { score, comment: closing.comment.to_owned() });
        }
        (None, _) if !closing.comment.trim().is_empty() => {
            let (item, body, channel) = (closing.item, closing.comment.to_owned(), closing.channel);
            events.push(Event::Commented { item, body, visibility: Visibility::Public, channel, with_status: true });
        }
        (None, _) => {}
    }
    let how = Move { reason: Some(Reason::CustomerClosed), ..Move::default() };
    events.extend(enter(ticket, Status::Closed, how, rules, now));
    Ok(events)
}

/// What a rating leads to.
///
/// # Errors
/// The role, the state or the policy says no, or the first rating is too long ago.
pub fn rate(ticket: &Ticket, actor: Actor, score: u8, comment: &str, rules: &Rules, now: OffsetDateTime) -> Result<Vec<Event>, Refusal> {
    customers_side(actor)?;
    if rules.policies.survey == Survey::Off {
        return Err(Refusal::SurveyOff);
    }
    if ticket.status.is_open() {
        return Err(Refusal::state(ticket.status, "Rate the ticket once it is resolved."));
    }
    check_change(ticket, now)?;
    Ok(vec![Event::Rated { score, comment: comment.to_owned() }])
}

fn customers_side(actor: Actor) -> Result<(), Refusal> {
    if actor.relation().is_some_and(super::access::Relation::acts_for_requester) { Ok(()) } else { Err(Refusal::Forbidden) }
}

fn check_change(ticket: &Ticket, now: OffsetDateTime) -> Result<(), Refusal> {
    let ended = ticket.satisfaction.as_ref().is_some_and(|rating| now - rating.first_rated_at > Duration::days(RATING_DAYS));
    if ended { Err(Refusal::RatingClosed) } else { Ok(()) }
}
