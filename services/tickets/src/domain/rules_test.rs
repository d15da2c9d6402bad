//! Rules beside the transition table: who may, what is counted, what is refused by field (LC-5, LC-14, S39).

use time::Duration;

use super::access::{Actor, Relation};
use super::command::{Command, Comment, Next};
use super::decide::decide;
use super::evolve::evolve;
use super::kinds::{Access, Channel, Reason, Visibility};
use super::refusal::Refusal;
use super::status::Status::{Assigned, Closed as SHUT, New, PendingSupport, Resolved, WaitingCustomer, WaitingThirdParty};
use super::transitions_test::Does::{AutoCloses, Closes, Keeps, Rates, Reopens};
use super::transitions_test::{T0, command, item, person, profile, said, ticket};

#[test]
fn a_colleague_and_a_writing_collaborator_move_it_like_the_requester() {
    let rules = profile(3);
    for relation in [Relation::Colleague, Relation::Collaborator(Access::Write)] {
        let before = ticket(WaitingCustomer, &rules);
        let actor = Actor::Person(person(2), relation);
        let events = decide(&before, actor, &said(None, None), &rules, T0).unwrap();
        let after = events.iter().fold(before, |ticket, event| evolve(ticket, event, actor, T0));
        assert_eq!((after.status, after.due.len()), (PendingSupport, 0));
    }
    let reader = Actor::Person(person(2), Relation::Collaborator(Access::Read));
    assert_eq!(decide(&ticket(Assigned, &rules), reader, &said(None, None), &rules, T0), Err(Refusal::Forbidden));
}

#[test]
fn a_collaborator_neither_closes_nor_rates_nor_reopens_nor_shares() {
    let rules = profile(3);
    let actor = Actor::Person(person(2), Relation::Collaborator(Access::Write));
    for does in [Reopens, Closes, Rates, Keeps] {
        let (_, command, now) = command(does);
        assert_eq!(decide(&ticket(Resolved, &rules), actor, &command, &rules, now), Err(Refusal::Forbidden), "{does:?}");
    }
}

#[test]
fn a_customer_who_sends_an_agents_field_is_refused_and_nothing_is_stored() {
    let rules = profile(3);
    let actor = Actor::Person(person(1), Relation::Requester);
    for bad in [said(Some(Visibility::Public), None), said(Some(Visibility::Internal), None), said(None, Some(Resolved))] {
        assert_eq!(decide(&ticket(Assigned, &rules), actor, &bad, &rules, T0), Err(Refusal::Forbidden));
    }
}

#[test]
fn waiting_for_a_third_party_needs_its_name_and_only_that_status_takes_one() {
    // LC-5.
    let rules = profile(4);
    let agent = Actor::Person(person(3), Relation::Staff);
    let reply = |status, sub_status: Option<&str>| {
        let next = Next { status, sub_status: sub_status.map(str::to_owned), reason: None };
        Command::Comment(Comment { item: item(), body: "x".into(), visibility: None, channel: Channel::Portal, next })
    };
    for (status, party, code) in [
        (Some(WaitingThirdParty), None, "required"),
        (Some(WaitingThirdParty), Some("  "), "required"),
        (Some(Assigned), Some("Hetzner"), "not_allowed"),
        (None, Some("Hetzner"), "not_allowed"),
    ] {
        let refused = decide(&ticket(New, &rules), agent, &reply(status, party), &rules, T0);
        assert!(matches!(refused, Err(Refusal::Field { field: "sub_status", code: found, .. }) if found == code), "{status:?} {party:?}");
    }
    assert!(decide(&ticket(New, &rules), agent, &reply(Some(WaitingThirdParty), Some("Hetzner")), &rules, T0).is_ok());
}

#[test]
fn reopening_counts_and_a_close_reason_is_recorded() {
    let rules = profile(3);
    let before = ticket(Resolved, &rules);
    let (actor, reopen, now) = command(Reopens);
    let events = decide(&before, actor, &reopen, &rules, now).unwrap();
    let after = events.iter().fold(before.clone(), |ticket, event| evolve(ticket, event, actor, now));
    assert_eq!((after.reopen_count, after.reason, after.resolved_at), (1, None, None));
    let (actor, close, now) = command(Closes);
    let events = decide(&before, actor, &close, &rules, now).unwrap();
    let after = events.iter().fold(before.clone(), |ticket, event| evolve(ticket, event, actor, now));
    assert_eq!((after.reason, after.satisfaction.map(|rating| rating.score)), (Some(Reason::CustomerClosed), Some(4)));
    let (actor, tick, now) = command(AutoCloses);
    let events = decide(&before, actor, &tick, &rules, now).unwrap();
    let after = events.iter().fold(before, |ticket, event| evolve(ticket, event, actor, now));
    assert_eq!(after.reason, Some(Reason::ResolvedExpired));
}

#[test]
fn a_rating_may_be_changed_for_thirty_days_from_the_first() {
    let rules = profile(3);
    let actor = Actor::Person(person(1), Relation::Requester);
    let rate = Command::Rate { score: 2, comment: "slow".into() };
    let mut rated = ticket(SHUT, &rules);
    for (day, ok) in [(0, true), (29, true), (31, false)] {
        let now = T0 + Duration::days(day);
        let answer = decide(&rated, actor, &rate, &rules, now);
        assert_eq!(answer.is_ok(), ok, "day {day}");
        if let Ok(events) = answer {
            rated = events.iter().fold(rated, |ticket, event| evolve(ticket, event, actor, now));
        }
    }
    assert_eq!(rated.satisfaction.unwrap().first_rated_at, T0);
}

#[test]
fn it_is_kept_open_three_times_in_a_row_and_no_more() {
    let rules = profile(3);
    let actor = Actor::Person(person(1), Relation::Requester);
    let mut waiting = ticket(WaitingCustomer, &rules);
    for round in 1..=3 {
        let now = T0 + Duration::hours(round);
        for event in decide(&waiting, actor, &Command::KeepOpen, &rules, now).unwrap() {
            waiting = evolve(waiting, &event, actor, now);
        }
        assert_eq!(waiting.due.last().unwrap().at, now + Duration::days(4));
    }
    assert!(matches!(decide(&waiting, actor, &Command::KeepOpen, &rules, T0), Err(Refusal::InvalidTransition { .. })));
}

#[test]
fn missed_reminders_are_one_and_a_stale_wake_up_does_nothing() {
    let rules = profile(3);
    let waiting = ticket(WaitingCustomer, &rules);
    let after_two = T0 + Duration::days(2);
    let events = decide(&waiting, Actor::System, &Command::Tick, &rules, after_two).unwrap();
    assert_eq!(events.len(), 1);
    let reminded = evolve(waiting, &events[0], Actor::System, after_two);
    assert_eq!(reminded.due.len(), 2);
    assert_eq!(reminded.public_version, 5, "a reminder is no news for the customer's version");
    assert!(decide(&reminded, Actor::System, &Command::Tick, &rules, after_two).unwrap().is_empty());
}
