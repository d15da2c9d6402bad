//! A past that is lived through again is the one that the lifecycle would have left behind (LC-10, LC-11).

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::access::{Actor, Relation, Viewer};
use super::catalog::Catalog;
use super::change::Patch;
use super::command::{Command, Next};
use super::create::{NewTicket, Requester};
use super::evolve::evolve;
use super::ids::{OrganizationId, TicketId};
use super::import::{Deed, Impossible, Past, Step, World, live};
use super::kinds::{Channel, Reason, TicketType};
use super::policy::Rules;
use super::priority::Weights;
use super::refusal::Refusal;
use super::status::Status;
use super::ticket::{Place, Ticket};
use super::transitions_test::{T0, item, person, said};

fn new() -> NewTicket {
    NewTicket {
        id: TicketId::new(Uuid::from_u128(7)),
        item: item(),
        portal: "demo".parse().unwrap(),
        subject: "Printer".into(),
        description: "It does not print.".into(),
        ticket_type: TicketType::Request,
        channel: Channel::Portal,
        requester: Requester::Person(person(1), None),
        place: Place::default(),
        weights: Weights::default(),
        contact_name: String::new(),
        tags: Vec::new(),
        assignee: None,
        group: None,
        follow_up_of: None,
    }
}

fn day(days: i64) -> OffsetDateTime {
    T0 + Duration::days(days)
}

fn by(n: u128) -> Viewer {
    Viewer { person: person(n), staff: n == 3, email: String::new(), organization: None::<OrganizationId>, channel: Channel::Portal }
}

fn asked(at: OffsetDateTime, n: u128, command: Command) -> Step {
    Step { at, by: by(n), deed: Deed::Asked(Box::new(command)) }
}

fn lived(steps: &[Step], now: OffsetDateTime) -> Result<Past, Impossible> {
    let (rules, catalog) = (Rules::default(), Catalog::default());
    let world = World { rules: &rules, catalog: &catalog, begun: T0, now };
    live(new(), Actor::Person(person(1), Relation::Requester), Vec::new(), steps, &world)
}

fn end(past: &Past) -> Ticket {
    past.turns.iter().fold(past.blank.clone(), |ticket, turn| {
        turn.events.iter().fold(ticket, |ticket, event| evolve(ticket, event, turn.actor, turn.at))
    })
}

#[test]
fn timers_took_effect_at_their_time_and_those_of_the_future_stay() {
    let question = || [asked(day(1), 3, said(None, Some(Status::WaitingCustomer)))];
    let waiting = end(&lived(&question(), day(2) + Duration::HOUR).unwrap());
    assert_eq!((waiting.status, waiting.due.len(), waiting.due[0].at), (Status::WaitingCustomer, 3, day(3)));
    let resolved = end(&lived(&question(), day(6)).unwrap());
    assert_eq!((resolved.status, resolved.reason, resolved.resolved_at), (Status::Resolved, Some(Reason::NoCustomerReply), Some(day(5))));
    assert_eq!(resolved.due.last().unwrap().at, day(8));
    let closed = lived(&question(), day(30)).unwrap();
    let after = end(&closed);
    assert_eq!((after.status, after.closed_at, after.reason), (Status::Closed, Some(day(8)), Some(Reason::ResolvedExpired)));
    assert!(after.due.is_empty());
    let system = closed.turns.iter().filter(|turn| turn.actor == Actor::System);
    assert_eq!(system.map(|turn| turn.at).collect::<Vec<_>>(), [day(2), day(3), day(4), day(5), day(7), day(8)]);
    assert!(closed.turns.is_sorted_by_key(|turn| turn.at));
}

#[test]
fn an_answer_in_time_wins_over_the_timers() {
    let steps = [asked(day(1), 3, said(None, Some(Status::WaitingCustomer))), asked(day(4), 1, said(None, None))];
    let past = lived(&steps, day(30)).unwrap();
    let after = end(&past);
    assert_eq!((after.status, after.due.len(), after.first_replied_at), (Status::PendingSupport, 0, Some(day(1))));
    assert_eq!((after.assignee, after.updated_at), (Some(person(3)), day(4)));
}

#[test]
fn a_step_that_the_rules_refuse_is_named() {
    let steps = [asked(day(1), 3, said(None, Some(Status::Resolved))), asked(day(9), 1, said(None, None))];
    let (step, refusals) = lived(&steps, day(10)).unwrap_err();
    assert_eq!((step, refusals), (Some(1), vec![Refusal::TicketClosed { follow_up: false }]), "it was closed by itself on the fourth day");
    let stranger = [asked(day(1), 2, said(None, None))];
    assert_eq!(lived(&stranger, day(2)).unwrap_err().0, Some(0));
    let patch = Patch { group: Some(Some(super::ids::GroupId::new(Uuid::from_u128(5)))), ..Patch::default() };
    let unknown = [asked(day(1), 3, Command::Update { patch, next: Next::default() })];
    assert!(matches!(lived(&unknown, day(2)), Err((Some(0), refusals)) if matches!(refusals[..], [Refusal::Field { field: "group", .. }])));
}

#[test]
fn a_look_is_no_event() {
    let steps = [Step { at: day(1), by: by(1), deed: Deed::Looked }];
    let past = lived(&steps, day(2)).unwrap();
    assert_eq!((past.turns.len(), past.looks), (1, vec![(person(1), day(1))]));
    let nobody = [Step { at: day(1), by: by(1), deed: Deed::Unshared(person(2)) }];
    assert_eq!(lived(&nobody, day(2)).unwrap_err().0, Some(0));
}
