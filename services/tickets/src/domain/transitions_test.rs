//! The transition table of the lifecycle as a table: status × what happens × profile → what comes out (LC-2 to LC-18, S39).

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::access::{Actor, Relation};
use super::change::Patch;
use super::command::{Command, Comment, Next};
use super::decide::decide;
use super::evolve::evolve;
use super::ids::{GroupId, ItemId, PersonId, TicketId};
use super::kinds::{Channel, Priority, Reason, TicketType, Visibility};
use super::policy::{ClosedUpdate, CustomerClose, PriorityEntry, Reopen, Rules, Survey};
use super::refusal::Refusal;
use super::status::Status;
use super::ticket::{Place, Ticket};
use super::timer::armed;

pub(super) const T0: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

pub(super) fn person(n: u128) -> PersonId {
    PersonId::new(Uuid::from_u128(n))
}

pub(super) fn item() -> ItemId {
    ItemId::new(Uuid::from_u128(99))
}

/// The policies of the five profiles that identity ships, in their order: product-help, client-cases, service-desk, helpdesk, agency-support.
pub(super) fn profile(n: usize) -> Rules {
    let mut rules = Rules::default();
    let policies = &mut rules.policies;
    policies.reopen = [Reopen::OnComment, Reopen::OnComment, Reopen::ExplicitWithComment, Reopen::OnComment, Reopen::OnComment][n];
    policies.customer_close =
        [CustomerClose::Never, CustomerClose::Never, CustomerClose::WhenResolved, CustomerClose::AnyTime, CustomerClose::AnyTime][n];
    policies.survey = [Survey::Ask, Survey::Off, Survey::Require, Survey::Ask, Survey::Ask][n];
    policies.closed_update = [
        ClosedUpdate::FollowUpLink,
        ClosedUpdate::FollowUpLink,
        ClosedUpdate::Refuse,
        ClosedUpdate::AutoNewCase,
        ClosedUpdate::AutoNewCase,
    ][n];
    policies.guest_requests = n == 3;
    policies.priority_entry =
        [PriorityEntry::Agents, PriorityEntry::Matrix, PriorityEntry::Matrix, PriorityEntry::Customer, PriorityEntry::Agents][n];
    if n == 0 {
        rules.timers.auto_close_seconds = 0;
    }
    rules
}

/// The same as identity ships them.
fn shipped(n: usize) -> Rules {
    const DOCUMENTS: [&str; 5] = [
        include_str!("../../../identity/profiles/product-help.json"),
        include_str!("../../../identity/profiles/client-cases.json"),
        include_str!("../../../identity/profiles/service-desk.json"),
        include_str!("../../../identity/profiles/helpdesk.json"),
        include_str!("../../../identity/profiles/agency-support.json"),
    ];
    serde_json::from_str(DOCUMENTS[n]).unwrap()
}

/// A misspelt key would fall back to a default without a word, so the shipped documents are compared with [`profile`].
#[test]
fn the_shipped_profiles_are_read_as_the_table_of_policies_says() {
    for n in ALL {
        let (read, table) = (shipped(n), profile(n));
        assert_eq!((read.policies, &read.timers), (table.policies, &table.timers), "P{n}");
        for status in Status::ALL {
            assert!(
                read.status_labels.contains_key(status.name()) && read.status_definitions.contains_key(status.name()),
                "P{n} {status:?}"
            );
        }
        assert!(read.limits.tickets_per_hour_per_person > 0 && read.limits.comments_per_hour_per_person > 0, "P{n}");
    }
}

/// A ticket of person 1 that stands at `status` since T0; person 3 is its agent once somebody owns it.
pub(super) fn ticket(status: Status, rules: &Rules) -> Ticket {
    let past_new = status != Status::New;
    Ticket {
        id: TicketId::new(Uuid::from_u128(7)),
        portal: "demo".parse().unwrap(),
        number: "DEMO-1".into(),
        version: 5,
        public_version: 5,
        subject: "Printer".into(),
        ticket_type: TicketType::Request,
        channel: Channel::Portal,
        status,
        sub_status: (status == Status::WaitingThirdParty).then(|| "Hetzner".into()),
        reason: matches!(status, Status::Resolved | Status::Closed).then_some(Reason::Answered),
        impact: None,
        urgency: None,
        priority: Priority::Normal,
        place: Place::default(),
        group: None,
        assignee: past_new.then(|| person(3)),
        requester: Some(person(1)),
        guest: None,
        contact_name: String::new(),
        organization: None,
        follow_up_of: None,
        tags: Vec::new(),
        satisfaction: None,
        reopen_count: 0,
        keep_open_count: 0,
        due: armed(status, &rules.timers, T0),
        collaborators: Vec::new(),
        created_at: T0,
        updated_at: T0,
        public_updated_at: T0,
        first_replied_at: None,
        resolved_at: None,
        closed_at: None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// A customer's comment by requester, colleague or writing collaborator.
    Comments,
    /// The explicit reopening by the requester.
    Reopens,
    /// The customer's close with a score.
    Closes,
    /// The customer's close without one.
    ClosesUnrated,
    Rates,
    Keeps,
    /// An agent's public reply without a status.
    Replies,
    Notes,
    RepliesWith(Status),
    /// An agent's change of fields.
    Sets(Status),
    Assigns,
    AgentReopens,
    AgentCloses,
    FollowsUp,
    AutoResolves,
    AutoCloses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Out {
    To(Status),
    /// Goes through, the status stays.
    Stays,
    /// Nothing happens, which is no refusal.
    Nothing,
    NewCase,
    State,
    Policy,
    Role,
    ClosedWithLink,
    Closed,
    SurveyOff,
    Field(&'static str),
}

use Does::*;
use Out::*;
use Status::{Assigned, New, PendingSupport, Resolved, WaitingCustomer, WaitingThirdParty};
const SHUT: Status = Status::Closed;
const OPEN: [Status; 5] = [New, Assigned, WaitingCustomer, WaitingThirdParty, PendingSupport];
const ALL: [usize; 5] = [0, 1, 2, 3, 4];

struct Row(Vec<Status>, Does, &'static [usize], Out);

/// The table. Each (status, act, profile) must be covered exactly once.
fn table() -> Vec<Row> {
    [customers(), owners(), chosen()].into_iter().flatten().collect()
}

fn customers() -> Vec<Row> {
    let any = || Status::ALL.to_vec();
    vec![
        // The customer comments.
        Row(vec![New, PendingSupport], Comments, &ALL, Stays),
        Row(vec![Assigned, WaitingCustomer, WaitingThirdParty], Comments, &ALL, To(PendingSupport)),
        Row(vec![Resolved], Comments, &[0, 1, 3, 4], To(PendingSupport)),
        Row(vec![Resolved], Comments, &[2], Stays),
        Row(vec![SHUT], Comments, &[0, 1], ClosedWithLink),
        Row(vec![SHUT], Comments, &[2], Out::Closed),
        Row(vec![SHUT], Comments, &[3, 4], NewCase),
        // The customer reopens.
        Row(vec![Resolved], Reopens, &ALL, To(PendingSupport)),
        Row([OPEN.to_vec(), vec![SHUT]].concat(), Reopens, &ALL, State),
        // The customer closes.
        Row(OPEN.to_vec(), Closes, &[0, 1, 2], Policy),
        Row(vec![Resolved], Closes, &[0, 1], Policy),
        Row(vec![Resolved], Closes, &[2, 3, 4], To(SHUT)),
        Row(OPEN.to_vec(), Closes, &[3, 4], To(SHUT)),
        Row(vec![SHUT], Closes, &ALL, State),
        Row(vec![Resolved], ClosesUnrated, &[2], Field("satisfaction")),
        Row(vec![Resolved], ClosesUnrated, &[0, 1], Policy),
        Row(vec![Resolved], ClosesUnrated, &[3, 4], To(SHUT)),
        Row(OPEN.to_vec(), ClosesUnrated, &[0, 1, 2], Policy),
        Row(OPEN.to_vec(), ClosesUnrated, &[3, 4], To(SHUT)),
        Row(vec![SHUT], ClosesUnrated, &ALL, State),
        // The customer rates.
        Row(vec![Resolved, SHUT], Rates, &[0, 2, 3, 4], Stays),
        Row(OPEN.to_vec(), Rates, &[0, 2, 3, 4], State),
        Row(any(), Rates, &[1], SurveyOff),
        // Keep it open: only where timers run.
        Row(vec![WaitingCustomer, Resolved], Keeps, &ALL, Stays),
        Row(vec![New, Assigned, WaitingThirdParty, PendingSupport, SHUT], Keeps, &ALL, State),
    ]
}

fn owners() -> Vec<Row> {
    let any = || Status::ALL.to_vec();
    vec![
        // An agent replies without a status.
        Row(vec![New], Replies, &ALL, To(Assigned)),
        Row(vec![Assigned, WaitingCustomer, WaitingThirdParty, PendingSupport, Resolved], Replies, &ALL, Stays),
        Row(vec![SHUT], Replies, &ALL, State),
        // A note is always allowed.
        Row(any(), Notes, &ALL, Stays),
        // Who owns it.
        Row(vec![New], Assigns, &ALL, To(Assigned)),
        Row(vec![Assigned, WaitingCustomer, WaitingThirdParty, PendingSupport, Resolved], Assigns, &ALL, Stays),
        Row(vec![SHUT], Assigns, &ALL, State),
        Row(vec![Resolved], AgentReopens, &ALL, To(Assigned)),
        Row([OPEN.to_vec(), vec![SHUT]].concat(), AgentReopens, &ALL, State),
        Row(any(), AgentCloses, &ALL, Role),
        // Follow-ups in every profile.
        Row(vec![Resolved, SHUT], FollowsUp, &ALL, Stays),
        Row(OPEN.to_vec(), FollowsUp, &ALL, State),
        // Timers.
        Row(vec![WaitingCustomer], AutoResolves, &[1, 2, 3, 4], To(Resolved)),
        Row(vec![WaitingCustomer], AutoResolves, &[0], To(SHUT)),
        Row(vec![New, Assigned, WaitingThirdParty, PendingSupport, SHUT], AutoResolves, &ALL, Nothing),
        Row(vec![Resolved], AutoCloses, &ALL, To(SHUT)),
        Row(vec![New, Assigned, WaitingThirdParty, PendingSupport, SHUT], AutoCloses, &ALL, Nothing),
    ]
}

/// An agent chooses a status, by a reply or by a change of fields.
fn chosen() -> Vec<Row> {
    let any = || Status::ALL.to_vec();
    let mut rows = Vec::new();
    for to in [Assigned, WaitingCustomer, WaitingThirdParty] {
        let others: Vec<Status> = OPEN.iter().copied().filter(|from| *from != to).collect();
        for act in [RepliesWith(to), Sets(to)] {
            rows.push(Row(others.clone(), act, &ALL, To(to)));
            if to != New {
                rows.push(Row(vec![to, SHUT], act, &ALL, State));
            }
            let by_comment = act == RepliesWith(Assigned);
            rows.push(Row(vec![Resolved], act, &ALL, if by_comment { To(Assigned) } else { State }));
        }
    }
    for act in [RepliesWith(Resolved), Sets(Resolved)] {
        rows.push(Row(OPEN.to_vec(), act, &[1, 2, 3, 4], To(Resolved)));
        rows.push(Row(OPEN.to_vec(), act, &[0], To(SHUT)));
        rows.push(Row(vec![Resolved, SHUT], act, &ALL, State));
    }
    for to in [New, PendingSupport, SHUT] {
        rows.push(Row(any(), RepliesWith(to), &ALL, State));
        rows.push(Row(any(), Sets(to), &ALL, State));
    }
    rows
}

pub(super) fn said(visibility: Option<Visibility>, status: Option<Status>) -> Command {
    let sub_status = (status == Some(WaitingThirdParty)).then(|| "Hetzner".to_owned());
    let next = Next { status, sub_status, reason: None };
    Command::Comment(Comment { item: item(), body: "Hello".into(), visibility, channel: Channel::Portal, next })
}

pub(super) fn command(does: Does) -> (Actor, Command, OffsetDateTime) {
    let customer = Actor::Person(person(1), Relation::Requester);
    let agent = Actor::Person(person(3), Relation::Staff);
    let later = T0 + Duration::seconds(60);
    let channel = Channel::Portal;
    let close = |score| Command::Close { score, comment: String::new(), item: item(), channel };
    let reopen = || Command::Reopen { comment: "Still broken".into(), item: item(), channel };
    let set = |status: Option<Status>, patch| {
        let sub_status = (status == Some(WaitingThirdParty)).then(|| "Hetzner".to_owned());
        Command::Update { patch, next: Next { status, sub_status, reason: None } }
    };
    match does {
        Comments => (customer, said(None, None), later),
        Reopens => (customer, reopen(), later),
        Closes => (customer, close(Some(4)), later),
        ClosesUnrated => (customer, close(None), later),
        Rates => (customer, Command::Rate { score: 5, comment: String::new() }, later),
        Keeps => (customer, Command::KeepOpen, later),
        Replies => (agent, said(None, None), later),
        Notes => (agent, said(Some(Visibility::Internal), None), later),
        RepliesWith(status) => (agent, said(Some(Visibility::Public), Some(status)), later),
        Sets(status) => (agent, set(Some(status), Patch::default()), later),
        Assigns => {
            let group = Some(Some(GroupId::new(Uuid::from_u128(50))));
            (agent, set(None, Patch { group, ..Patch::default() }), later)
        }
        AgentReopens => (agent, reopen(), later),
        AgentCloses => (agent, close(None), later),
        FollowsUp => (customer, Command::FollowUp { follow_up: TicketId::new(Uuid::from_u128(8)) }, later),
        AutoResolves | AutoCloses => (Actor::System, Command::Tick, T0 + Duration::days(30)),
    }
}

fn outcome(before: &Ticket, does: Does, rules: &Rules) -> Out {
    let (actor, command, now) = command(does);
    if matches!(does, Comments) && super::reply::makes_new_case(before, Relation::Requester, rules) {
        return NewCase;
    }
    match decide(before, actor, &command, rules, now) {
        Ok(events) if events.is_empty() => Nothing,
        Ok(events) => {
            let after = events.iter().fold(before.clone(), |ticket, event| evolve(ticket, event, actor, now));
            if after.status == before.status { Stays } else { To(after.status) }
        }
        Err(Refusal::InvalidTransition { .. }) => State,
        Err(Refusal::Policy(_)) => Policy,
        Err(Refusal::Forbidden) => Role,
        Err(Refusal::TicketClosed { follow_up: true }) => ClosedWithLink,
        Err(Refusal::TicketClosed { follow_up: false }) => Out::Closed,
        Err(Refusal::SurveyOff) => SurveyOff,
        Err(Refusal::Field { field, .. }) => Field(field),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn the_table_of_the_lifecycle_holds_for_every_profile() {
    let mut seen = std::collections::BTreeSet::new();
    for Row(statuses, does, profiles, expected) in table() {
        for status in statuses {
            for n in profiles {
                assert!(seen.insert((status, format!("{does:?}"), *n)), "{status:?} {does:?} P{n} is in the table twice");
                let rules = shipped(*n);
                // The first profile closes what it resolves, but a ticket may stand at resolved from before the setting.
                let before = ticket(status, &rules);
                assert_eq!(outcome(&before, does, &rules), expected, "P{n}: {status:?} {does:?}");
            }
        }
    }
    let acts = seen.iter().map(|(_, act, _)| act.clone()).collect::<std::collections::BTreeSet<_>>();
    let timers_of_resolved = 2 * 5;
    assert_eq!(seen.len() + timers_of_resolved, acts.len() * 7 * 5, "a case of the table is missing");
}

/// The values of policies that no shipped profile has.
#[test]
fn a_portal_that_never_reopens_keeps_the_comment_and_refuses_the_reopening() {
    for does in [Comments, Reopens] {
        let mut rules = shipped(3);
        rules.policies.reopen = Reopen::Never;
        let before = ticket(Resolved, &rules);
        assert_eq!(outcome(&before, does, &rules), if does == Comments { Stays } else { Policy });
    }
}

/// An unverified ticket goes through the table like any other; its guest acts only once they are somebody.
#[test]
fn an_unverified_ticket_moves_by_support_and_time_alone() {
    let guest = super::ticket::Guest { email: "gus@guest.test".into(), name: "Gus".into() };
    for n in ALL {
        let rules = shipped(n);
        let unverified = |status| Ticket { requester: None, guest: Some(guest.clone()), ..ticket(status, &rules) };
        assert_eq!(outcome(&unverified(New), Replies, &rules), To(Assigned));
        assert_eq!(outcome(&unverified(Assigned), RepliesWith(WaitingCustomer), &rules), To(WaitingCustomer));
        assert_eq!(outcome(&unverified(Resolved), AutoCloses, &rules), To(SHUT));
        for command in [said(None, None), Command::KeepOpen, Command::Rate { score: 5, comment: String::new() }] {
            assert_eq!(decide(&unverified(Resolved), Actor::Guest, &command, &rules, T0), Err(Refusal::Forbidden), "{command:?}");
        }
    }
}
