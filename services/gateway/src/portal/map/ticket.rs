//! Requests: rows, facts, what may be done.

use portico_proto::tickets::v1 as proto;

use crate::portal::dates::Dates;
use crate::portal::view::layout::{Layout, capital};
use crate::portal::view::request::{Collaborator, May};
use crate::portal::view::ticket::{Fact, Row};
use crate::portal::view::ui::{Choice, Person, Status, When};

/// The canonical name of a status.
pub fn status_key(status: proto::Status) -> &'static str {
    match status {
        proto::Status::Unspecified => "",
        proto::Status::New => "new",
        proto::Status::Assigned => "assigned",
        proto::Status::WaitingCustomer => "waiting_customer",
        proto::Status::WaitingThirdParty => "waiting_third_party",
        proto::Status::PendingSupport => "pending_support",
        proto::Status::Resolved => "resolved",
        proto::Status::Closed => "closed",
    }
}

/// All statuses, in the order of a request's way.
pub const STATUSES: [proto::Status; 7] = [
    proto::Status::New,
    proto::Status::Assigned,
    proto::Status::WaitingCustomer,
    proto::Status::WaitingThirdParty,
    proto::Status::PendingSupport,
    proto::Status::Resolved,
    proto::Status::Closed,
];

/// The status that has this name.
pub fn status_of(key: &str) -> proto::Status {
    STATUSES.into_iter().find(|status| status_key(*status) == key).unwrap_or(proto::Status::Unspecified)
}

/// The status of a request, in the portal's words.
pub fn status(ticket: &proto::Ticket) -> Status {
    Status { key: status_key(ticket.status()), label: ticket.status_label.clone(), definition: ticket.status_definition.clone() }
}

/// The canonical name of a priority.
pub fn priority_key(priority: proto::Priority) -> &'static str {
    match priority {
        proto::Priority::Unspecified => "",
        proto::Priority::Low => "low",
        proto::Priority::Normal => "normal",
        proto::Priority::High => "high",
        proto::Priority::Urgent => "urgent",
    }
}

/// The priority that has this name.
pub fn priority_of(key: &str) -> proto::Priority {
    use proto::Priority::{High, Low, Normal, Urgent};
    [Low, Normal, High, Urgent].into_iter().find(|priority| priority_key(*priority) == key).unwrap_or(proto::Priority::Unspecified)
}

/// A step of impact or urgency by its name.
pub fn level_of(key: &str) -> proto::Level {
    match key {
        "low" => proto::Level::Low,
        "medium" => proto::Level::Medium,
        "high" => proto::Level::High,
        _ => proto::Level::Unspecified,
    }
}

fn level_word(level: proto::Level) -> &'static str {
    match level {
        proto::Level::Unspecified => "",
        proto::Level::Low => "Low",
        proto::Level::Medium => "Medium",
        proto::Level::High => "High",
    }
}

/// A name out of a reference; empty without one.
pub fn name(of: Option<&proto::NamedRef>) -> String {
    of.map(|named| named.name.clone()).unwrap_or_default()
}

/// A request in a list; `pages` is the folder of the pages.
pub fn row(ticket: &proto::Ticket, pages: &str, dates: &Dates) -> Row {
    Row {
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        url: format!("{pages}/{}", ticket.number),
        status: status(ticket),
        product: name(ticket.product.as_ref()),
        department: name(ticket.department.as_ref()),
        priority: capital(priority_key(ticket.priority())),
        priority_key: priority_key(ticket.priority()),
        requester: ticket.requester.as_ref().map(requester_name).unwrap_or_default(),
        organization: ticket.organization.as_ref().map(|organization| organization.name.clone()).unwrap_or_default(),
        assignee: name(ticket.assignee.as_ref()),
        updated: dates.when(ticket.updated_at.as_ref()),
        created: dates.date(ticket.created_at.as_ref()),
        unread: ticket.unread,
        needs_reply: ticket.status() == proto::Status::WaitingCustomer,
        current: false,
    }
}

/// The requester's name, or address when there is none.
pub fn requester_name(requester: &proto::Requester) -> String {
    if requester.name.is_empty() { requester.email.clone() } else { requester.name.clone() }
}

/// What the reader may do.
pub fn may(ticket: &proto::Ticket) -> May {
    let actions = ticket.actions.clone().unwrap_or_default();
    May {
        comment: actions.comment,
        comment_reopens: actions.comment_reopens,
        comment_follows_up: actions.comment_makes_follow_up,
        close: actions.close,
        close_needs_score: actions.close_needs_score,
        close_asks_score: actions.close_asks_score || actions.close_needs_score,
        reopen: actions.reopen,
        keep_open: actions.keep_open,
        rate: actions.rate,
        follow_up: actions.follow_up,
        add_people: actions.add_collaborator,
        leave: actions.leave,
    }
}

/// Why a request can't be rated, or closed, now; `None` when it can.
pub fn no_rating(ticket: &proto::Ticket, closing: bool, word: &str, dates: &Dates) -> Option<String> {
    let actions = ticket.actions.clone().unwrap_or_default();
    let state = ticket.status_category();
    match (closing, state) {
        (true, _) if actions.close => None,
        (false, _) if actions.rate => None,
        (true, proto::StatusCategory::Closed) => Some(format!("This {word} is closed already.")),
        (true, proto::StatusCategory::Open) => Some(format!("This {word} can be closed when the team has resolved it.")),
        (true, _) => Some(format!("Only who submitted this {word} closes it, where the team lets them; otherwise it closes by itself.")),
        (false, proto::StatusCategory::Open) => Some(format!("Ratings are asked for when the {word} is resolved.")),
        (false, _) => match ticket.satisfaction.as_ref().and_then(|rated| rated.rated_at) {
            Some(at) => Some(format!("You rated our help on {}. A rating can be changed for 30 days.", dates.moment(Some(&at)).text)),
            None => Some("Our help is not rated here, or by somebody else.".into()),
        },
    }
}

/// What happens by itself, and when; empty when nothing does.
pub fn due(ticket: &proto::Ticket, word: &str, dates: &Dates) -> (String, When) {
    let of = |kind: proto::DueKind| ticket.due.iter().find(|due| due.kind() == kind);
    if let Some(due) = of(proto::DueKind::AutoResolve) {
        return (format!("This {word} is resolved by itself on"), dates.deadline(due.at.as_ref()));
    }
    match of(proto::DueKind::AutoClose) {
        Some(due) => (format!("This {word} closes by itself on"), dates.deadline(due.at.as_ref())),
        None => (String::new(), When::default()),
    }
}

/// The facts beside the conversation; those without a value are left out.
pub fn facts(ticket: &proto::Ticket, l: &Layout, dates: &Dates) -> Vec<Fact> {
    let text = |label: &str, text: String| Fact { label: label.to_owned(), text, ..Fact::default() };
    let when = |label: &str, when: When| Fact { label: label.to_owned(), when, ..Fact::default() };
    let linked = |label: &str, number: &str| Fact {
        label: label.to_owned(),
        text: number.to_owned(),
        url: format!("{}/requests/{number}", l.portal.base),
        ..Fact::default()
    };
    let mut facts = vec![
        text("Number", ticket.number.clone()),
        text("Waiting for", ticket.sub_status.clone()),
        text("Reason", capital(reason_word(ticket.reason()))),
        text(&l.words.Product(), name(ticket.product.as_ref())),
        text("Category", name(ticket.category.as_ref())),
        text("Department", name(ticket.department.as_ref())),
        text("Priority", capital(priority_key(ticket.priority()))),
        text("Impact", level_word(ticket.impact()).to_owned()),
        text("Urgency", level_word(ticket.urgency()).to_owned()),
        text("Submitted by", ticket.requester.as_ref().map(requester_name).unwrap_or_default()),
        text("On behalf of", ticket.contact_name.clone()),
        text(&l.words.Organization(), ticket.organization.as_ref().map(|organization| organization.name.clone()).unwrap_or_default()),
        text("Channel", channel(ticket.channel()).to_owned()),
        text("Handled by", name(ticket.assignee.as_ref())),
        text("Group", name(ticket.group.as_ref())),
        when("Submitted", dates.moment(ticket.created_at.as_ref())),
        when("Resolved", dates.moment(ticket.resolved_at.as_ref())),
        when("Closed", dates.moment(ticket.closed_at.as_ref())),
        text("Since it was closed", dates.days_since(ticket.closed_at.as_ref())),
    ];
    facts.retain(|fact| !fact.text.is_empty() || !fact.when.iso.is_empty());
    if !ticket.follow_up_of.is_empty() {
        facts.push(linked("Follow-up of", &ticket.follow_up_of));
    }
    facts.extend(ticket.follow_ups.iter().map(|number| linked("Follow-up", number)));
    facts
}

/// Why it was resolved or closed, in words; empty while it is open.
pub fn reason_word(reason: proto::Reason) -> &'static str {
    match reason {
        proto::Reason::Unspecified => "",
        proto::Reason::Answered => "answered",
        proto::Reason::Workaround => "a workaround was given",
        proto::Reason::Duplicate => "it is a duplicate",
        proto::Reason::NotReproducible => "it could not be reproduced",
        proto::Reason::CustomerWithdrew => "it was withdrawn",
        proto::Reason::Other => "another reason",
        proto::Reason::NoCustomerReply => "no answer came",
        proto::Reason::ResolvedExpired => "nothing was left to do",
        proto::Reason::CustomerClosed => "closed by the customer",
    }
}

/// The reasons that an agent gives with a resolution (LC-7), the usual one first: value and words.
pub const REASONS: [(&str, proto::Reason); 6] = [
    ("answered", proto::Reason::Answered),
    ("workaround", proto::Reason::Workaround),
    ("duplicate", proto::Reason::Duplicate),
    ("not_reproducible", proto::Reason::NotReproducible),
    ("customer_withdrew", proto::Reason::CustomerWithdrew),
    ("other", proto::Reason::Other),
];

/// The reason that has this name.
pub fn reason_of(key: &str) -> proto::Reason {
    REASONS.iter().find(|(name, _)| *name == key).map_or(proto::Reason::Unspecified, |(_, reason)| *reason)
}

/// Statuses to choose from; those that the portal calls alike say in whose hands the request is (LC-4, LC-5).
pub fn distinct(choices: Vec<Choice>) -> Vec<Choice> {
    let labels: Vec<_> = choices.iter().map(|choice| choice.label.clone()).collect();
    let alike = |label: &str| labels.iter().filter(|other| *other == label).count() > 1;
    let told = |choice: Choice| match hands(&choice.value) {
        hands if alike(&choice.label) && !hands.is_empty() => Choice { label: format!("{} ({hands})", choice.label), ..choice },
        _ => choice,
    };
    choices.into_iter().map(told).collect()
}

fn hands(status: &str) -> &'static str {
    match status {
        "new" => "nobody took it",
        "assigned" => "we work on it",
        "waiting_customer" => "waiting for the customer",
        "waiting_third_party" => "waiting for somebody else",
        "pending_support" => "the customer wrote",
        "resolved" => "solved",
        "closed" => "done",
        _ => "",
    }
}

fn channel(channel: proto::Channel) -> &'static str {
    match channel {
        proto::Channel::Unspecified => "",
        proto::Channel::Portal => "Customer portal",
        proto::Channel::Email => "E-mail",
        proto::Channel::Api => "API",
        proto::Channel::Agent => "The team",
        proto::Channel::Community => "Community",
    }
}

/// Everybody a request is shared with, its requester first.
pub fn people(ticket: &proto::Ticket, shared: &[proto::Collaborator], me: &str) -> Vec<Collaborator> {
    let first = ticket.requester.as_ref().map(|requester| Collaborator {
        person: Person { name: requester_name(requester), team: false, me: requester.id == me && !me.is_empty() },
        email: requester.email.clone(),
        note: "Submitted it",
        ..Collaborator::default()
    });
    first.into_iter().chain(shared.iter().map(collaborator)).collect()
}

fn collaborator(shared: &proto::Collaborator) -> Collaborator {
    let pending = shared.state() == proto::CollaboratorState::Pending;
    let note = match (pending, shared.access()) {
        (true, _) => "Waits to be confirmed",
        (false, proto::CollaboratorAccess::Read) => "May read",
        _ => "May read and reply",
    };
    Collaborator {
        id: shared.id.clone(),
        person: Person {
            name: if shared.name.is_empty() { shared.email.clone() } else { shared.name.clone() },
            team: false,
            me: shared.me,
        },
        email: shared.email.clone(),
        note,
        pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn dates() -> Dates {
        Dates::new(datetime!(2026-11-23 12:00 UTC), "UTC")
    }

    fn due_at(kind: proto::DueKind) -> proto::Due {
        proto::Due { kind: kind.into(), at: Some(chassis::clock::to_proto(datetime!(2026-11-26 14:00 UTC))) }
    }

    #[test]
    fn a_waiting_request_says_when_it_is_resolved_by_itself() {
        let ticket =
            proto::Ticket { due: vec![due_at(proto::DueKind::Reminder), due_at(proto::DueKind::AutoResolve)], ..Default::default() };
        let (words, at) = due(&ticket, "case", &dates());
        assert_eq!((words.as_str(), at.text.as_str()), ("This case is resolved by itself on", "Thu 26 Nov, 14:00"));
        assert_eq!(due(&proto::Ticket::default(), "case", &dates()).0, "");
    }

    #[test]
    fn a_rating_that_would_be_refused_says_why() {
        let why = |ticket: proto::Ticket, closing| no_rating(&ticket, closing, "case", &dates());
        let closed = proto::Ticket { status_category: proto::StatusCategory::Closed.into(), ..Default::default() };
        assert_eq!(why(closed.clone(), true).unwrap(), "This case is closed already.");
        assert!(why(closed.clone(), false).unwrap().contains("not rated here"));
        let rated = proto::Satisfaction { score: 4, rated_at: due_at(proto::DueKind::Reminder).at, ..Default::default() };
        assert!(why(proto::Ticket { satisfaction: Some(rated), ..closed.clone() }, false).unwrap().contains("30 days"));
        let may = proto::Actions { rate: true, close: true, ..Default::default() };
        assert_eq!(why(proto::Ticket { actions: Some(may.clone()), ..closed.clone() }, false), None);
        assert_eq!(why(proto::Ticket { actions: Some(may), ..closed }, true), None);
    }

    #[test]
    fn facts_without_a_value_are_left_out_and_links_are_kept() {
        let ticket = proto::Ticket { follow_up_of: "A-1".into(), follow_ups: vec!["A-3".into()], ..Default::default() };
        let labels: Vec<_> = facts(&ticket, &Layout::default(), &dates()).into_iter().map(|fact| fact.label).collect();
        assert_eq!(labels, ["Follow-up of", "Follow-up"]);
    }

    #[test]
    fn the_facts_say_why_how_long_ago_and_at_what_time_vl_17_vl_18_vl_20() {
        let at = |moment| Some(chassis::clock::to_proto(moment));
        let ticket = proto::Ticket {
            number: "A-7".into(),
            sub_status: "the lift company".into(),
            reason: proto::Reason::Workaround.into(),
            group: Some(proto::NamedRef { id: "g".into(), name: "Field team".into() }),
            created_at: at(datetime!(2026-11-02 13:05 UTC)),
            closed_at: at(datetime!(2026-11-20 09:00 UTC)),
            ..Default::default()
        };
        let facts = facts(&ticket, &Layout::default(), &dates());
        let of =
            |label: &str| facts.iter().find(|fact| fact.label == label).map(|fact| format!("{}{}", fact.text, fact.when.text)).unwrap();
        assert_eq!(of("Number"), "A-7");
        assert_eq!(of("Waiting for"), "the lift company");
        assert_eq!(of("Reason"), "A workaround was given");
        assert_eq!(of("Group"), "Field team");
        assert_eq!(of("Submitted"), "2 Nov, 13:05");
        assert_eq!(of("Since it was closed"), "3 days");
    }

    #[test]
    fn statuses_with_one_label_are_told_apart_lc_4_lc_5() {
        let choices = vec![
            Choice::new("waiting_customer", "Pending"),
            Choice::new("waiting_third_party", "Pending"),
            Choice::new("resolved", "Solved"),
        ];
        let labels: Vec<_> = distinct(choices).into_iter().map(|choice| choice.label).collect();
        assert_eq!(labels, ["Pending (waiting for the customer)", "Pending (waiting for somebody else)", "Solved"]);
    }

    #[test]
    fn every_reason_of_an_agent_has_words_and_comes_back_by_its_name_lc_7() {
        for (name, reason) in REASONS {
            assert!(!reason_word(reason).is_empty());
            assert_eq!(reason_of(name), reason);
        }
        assert_eq!(reason_of("no_customer_reply"), proto::Reason::Unspecified, "the timer's reason is not an agent's");
    }

    #[test]
    fn names_of_statuses_and_priorities_go_both_ways() {
        for key in ["new", "assigned", "waiting_customer", "waiting_third_party", "pending_support", "resolved", "closed"] {
            assert_eq!(status_key(status_of(key)), key);
        }
        for key in ["low", "normal", "high", "urgent"] {
            assert_eq!(priority_key(priority_of(key)), key);
        }
    }
}
