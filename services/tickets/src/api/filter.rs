//! Lists: filters and orders as callers give them.

use portico_chassis::error::Error;
use portico_proto::tickets::v1 as wire;
use prost::Message;

use super::fields::Form;
use crate::app::asker::Asker;
use crate::app::list::ListInput;
use crate::domain::filter::{AssigneeFilter, Filter, Scope, Sort};
use crate::domain::ids::PersonId;
use crate::domain::kinds::Priority;
use crate::domain::status::{Status, StatusCategory};
use crate::domain::words;

/// Characters of a question.
const LONGEST_QUESTION: usize = 200;
/// Characters of a search over everything.
const LONGEST_SEARCH: usize = 2_000;
/// Hits of a search.
const MOST_HITS: usize = 50;

/// A page of a list.
pub fn list_input(asker: &Asker, request: &wire::ListTicketsRequest) -> Result<ListInput, Error> {
    let filter = filter(asker, request.filter.as_ref().unwrap_or(&wire::TicketFilter::default()))?;
    let sort = match request.sort() {
        wire::TicketSort::Unspecified | wire::TicketSort::CreatedAt => Sort::Created,
        wire::TicketSort::UpdatedAt => Sort::Updated,
        wire::TicketSort::Status => Sort::Status,
        wire::TicketSort::Priority => Sort::Priority,
        wire::TicketSort::Number => Sort::Number,
    };
    let page = request.page.clone().unwrap_or_default();
    let same = wire::ListTicketsRequest { page: None, ..request.clone() };
    let fingerprint = hex::encode(same.encode_to_vec());
    Ok(ListInput { filter, sort, ascending: request.ascending, page_size: page.page_size, page_token: page.page_token, fingerprint })
}

/// A filter, checked against who asks.
pub fn filter(asker: &Asker, given: &wire::TicketFilter) -> Result<Filter, Error> {
    let viewer = asker.viewer()?;
    if !viewer.staff && (given.scope() == wire::Scope::All || given.unverified) {
        return Err(Error::forbidden());
    }
    let mut form = Form::default();
    let question = form.line("q", &given.q, LONGEST_QUESTION);
    let found = words::query(&question);
    let statuses = given.statuses.iter().filter_map(|code| form.choice("status", *code, Status::from_code)).collect();
    let optional = |text: String| Some(text).filter(|text| !text.is_empty());
    let assignee = assignee(&mut form, &given.assignee, viewer.person);
    let filter = Filter {
        scope: scope(given.scope(), viewer.staff),
        category: form.choice("state", given.state, StatusCategory::from_code),
        statuses,
        nothing: !question.is_empty() && found.is_none(),
        words: found,
        number: optional(form.line("number", &given.number, 60).to_uppercase()),
        subject: optional(form.line("subject", &given.subject, LONGEST_QUESTION)),
        priority: form.choice("priority", given.priority, Priority::from_code),
        email: optional(form.line("email", &given.email, 254).to_lowercase()),
        product: form.id("product", &given.product_id),
        category_id: form.id("category", &given.category_id),
        department: form.id("department", &given.department_id),
        requester: form.id("requester", &given.requester_id),
        assignee,
        group: form.id("group", &given.group_id),
        created_after: form.time("created_after", given.created_after.as_ref()),
        created_before: form.time("created_before", given.created_before.as_ref()),
        closed_after: form.time("closed_after", given.closed_after.as_ref()),
        closed_before: form.time("closed_before", given.closed_before.as_ref()),
        unverified: given.unverified,
    };
    form.done()?;
    Ok(filter)
}

/// A search's question and how many hits are wanted.
pub fn search(request: &wire::SearchTicketsRequest) -> Result<(String, usize), Error> {
    let mut form = Form::default();
    let question = form.words("q", &request.query, LONGEST_SEARCH);
    if question.is_empty() {
        form.wrong("q", "required", "Say what you look for.");
    }
    let limit = usize::try_from(request.limit).unwrap_or(0);
    if !(1..=MOST_HITS).contains(&limit) {
        form.wrong("limit", "out_of_range", format!("From 1 to {MOST_HITS}."));
    }
    form.done()?;
    Ok((question, limit))
}

fn scope(scope: wire::Scope, staff: bool) -> Option<Scope> {
    match scope {
        wire::Scope::Unspecified if staff => None,
        wire::Scope::Unspecified | wire::Scope::Mine => Some(Scope::Mine),
        wire::Scope::Organization => Some(Scope::Organization),
        wire::Scope::Collaborating => Some(Scope::Collaborating),
        wire::Scope::Shared => Some(Scope::Shared),
        wire::Scope::All => None,
        wire::Scope::Visible => Some(Scope::Visible),
    }
}

fn assignee(form: &mut Form, text: &str, me: PersonId) -> Option<AssigneeFilter> {
    match text {
        "" => None,
        "me" => Some(AssigneeFilter::Person(me)),
        "none" => Some(AssigneeFilter::Nobody),
        id => form.id("assignee", id).map(AssigneeFilter::Person),
    }
}
