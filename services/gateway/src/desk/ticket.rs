//! One ticket on the desk: read, answer, note, take, change.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::tickets::v1 as proto;
use serde::Deserialize;

use super::queue::{Asked, panes};
use super::view::Ticket;
use crate::error::{Answer, Problem};
use crate::portal::home::first;
use crate::portal::map;
use crate::portal::posted::Posted;
use crate::portal::request::{Case, Numbered, read, refused};
use crate::portal::view::form::Form;
use crate::portal::view::layout::{capital, percent_encode};
use crate::portal::view::ticket::Row;
use crate::portal::view::ui::{Choice, Person};
use crate::portal::visit::Visit;

/// The ticket beside its queue.
pub async fn page(visit: Visit, Path((_, number)): Numbered, Query(asked): Query<Asked>, Query(from): Query<From>) -> Answer<Response> {
    visit.staff()?;
    let form = visit.form();
    let ticket = shown(&visit, &number, &from.thread).await?;
    let page = panes(&visit, &asked, Some(ticket), form).await?;
    visit.show(&page)
}

/// Before which place the conversation is read.
#[derive(Debug, Default, Deserialize)]
pub struct From {
    #[serde(default)]
    thread: String,
}

async fn shown(visit: &Visit, number: &str, from: &str) -> Answer<Ticket> {
    let case = read(visit, number, from).await?;
    let portal = visit.portal();
    let (mut agents, mut groups, mut catalog) =
        (visit.call.clients().catalog(), visit.call.clients().catalog(), visit.call.clients().catalog());
    let (agents, groups, catalog, others) = tokio::join!(
        agents.list_assignable_agents(visit.call.grpc(proto::ListAssignableAgentsRequest { portal: portal.clone() })),
        groups.list_groups(visit.call.grpc(proto::ListGroupsRequest { portal: portal.clone() })),
        catalog.get_catalog(visit.call.grpc(proto::GetCatalogRequest { portal })),
        others(visit, &case.ticket),
    );
    let mut ticket = facts(visit, &case);
    ticket.agents = agents?.into_inner().agents.into_iter().map(|agent| Choice::new(agent.id, agent.name)).collect();
    ticket.groups = groups?.into_inner().groups.into_iter().map(|group| Choice::new(group.id, group.name)).collect();
    ticket.products = catalog?.into_inner().products.into_iter().map(|product| Choice::new(product.id, product.name)).collect();
    ticket.others = others;
    Ok(ticket)
}

fn facts(visit: &Visit, case: &Case) -> Ticket {
    let ticket = &case.ticket;
    let actions = ticket.actions.clone().unwrap_or_default();
    let me = visit.my_id();
    let requester = ticket.requester.clone().unwrap_or_default();
    let name = map::ticket::requester_name(&requester);
    let (due, due_at) = map::ticket::due(ticket, &visit.l.words.ticket, &visit.dates);
    let shown_elsewhere = ["Number", "Submitted by", "Priority", "Handled by", "Group"];
    let mut facts = map::ticket::facts(ticket, &visit.l, &visit.dates);
    facts.retain(|fact| !shown_elsewhere.contains(&fact.label.as_str()) && fact.label != visit.l.words.Product());
    for fact in facts.iter_mut().filter(|fact| !fact.url.is_empty()) {
        fact.url = format!("{}/tickets/{}", visit.l.portal.desk, fact.text);
    }
    let assigned_to_me = ticket.assignee.as_ref().is_some_and(|assignee| assignee.id == me);
    let open = ticket.status_category() == proto::StatusCategory::Open;
    Ticket {
        url: format!("{}/tickets/{}", visit.l.portal.desk, ticket.number),
        status: map::ticket::status(ticket),
        verified: ticket.verified,
        entries: map::timeline::entries(&case.items, &visit.l.api, &me, &visit.dates),
        earlier: if case.earlier.is_empty() { String::new() } else { percent_encode(&case.earlier) },
        files: case.files.clone(),
        reasons: map::ticket::REASONS.iter().map(|(key, reason)| Choice::new(*key, capital(map::ticket::reason_word(*reason)))).collect(),
        may_share: actions.add_collaborator,
        customer: Person { name: name.clone(), team: false, me: false },
        email: requester.email,
        requester: name,
        people: map::ticket::people(ticket, &case.shared, &me).split_off(usize::from(ticket.requester.is_some())),
        may_comment: actions.comment,
        may_note: actions.note,
        may_update: actions.update,
        may_take: actions.update && open && !assigned_to_me,
        reply_statuses: map::ticket::distinct(statuses(visit, &actions.reply_statuses)),
        update_statuses: with_present(ticket, statuses(visit, &actions.update_statuses)),
        priorities: ["low", "normal", "high", "urgent"].map(|key| Choice::new(key, capital(key))).into(),
        props: props(ticket),
        etag: ticket.version.to_string(),
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        facts,
        due,
        due_at,
        ..Ticket::default()
    }
}

/// The present status first: choosing it changes nothing.
fn with_present(ticket: &proto::Ticket, others: Vec<Choice>) -> Vec<Choice> {
    let key = map::ticket::status_key(ticket.status());
    let all = std::iter::once(Choice::new(key, ticket.status_label.clone())).chain(others.into_iter().filter(|choice| choice.value != key));
    let mut all = map::ticket::distinct(all.collect());
    if let Some(present) = all.first_mut() {
        present.value = String::new();
    }
    all
}

fn props(ticket: &proto::Ticket) -> Form {
    let id = |named: Option<&proto::NamedRef>| named.map(|named| named.id.clone()).unwrap_or_default();
    Form::default()
        .with("assignee", id(ticket.assignee.as_ref()))
        .with("group", id(ticket.group.as_ref()))
        .with("product", id(ticket.product.as_ref()))
        .with("priority", map::ticket::priority_key(ticket.priority()))
        .with("wait_for", ticket.sub_status.clone())
}

/// Statuses in the portal's words.
fn statuses(visit: &Visit, statuses: &[i32]) -> Vec<Choice> {
    let keys = statuses.iter().filter_map(|status| proto::Status::try_from(*status).ok()).map(map::ticket::status_key);
    keys.filter(|key| !key.is_empty()).map(|key| Choice::new(key, visit.status_word(key))).collect()
}

/// Other tickets of the same requester, newest first.
async fn others(visit: &Visit, ticket: &proto::Ticket) -> Vec<Row> {
    let Some(requester) = ticket.requester.as_ref().filter(|requester| !requester.id.is_empty()) else { return Vec::new() };
    let filter = proto::TicketFilter { scope: proto::Scope::All.into(), requester_id: requester.id.clone(), ..Default::default() };
    let request =
        visit.call.grpc(proto::ListTicketsRequest { portal: visit.portal(), filter: Some(filter), page: first(6), ..Default::default() });
    let Ok(answer) = visit.call.clients().tickets().list_tickets(request).await else { return Vec::new() };
    let pages = format!("{}/tickets", visit.l.portal.desk);
    let tickets = answer.into_inner().tickets;
    tickets
        .iter()
        .filter(|other| other.number != ticket.number)
        .take(5)
        .map(|other| map::ticket::row(other, &pages, &visit.dates))
        .collect()
}

fn back(posted: &Posted, number: &str, sentence: &str) -> Response {
    let visit = &posted.visit;
    let queue: String = posted.value("queue").chars().filter(char::is_ascii_lowercase).collect();
    visit.go_saying(&format!("{}/tickets/{number}?queue={queue}", visit.l.portal.desk), sentence)
}

async fn again(posted: &Posted, number: &str, problem: Problem) -> Answer<Response> {
    let visit = &posted.visit;
    let mut form = posted.again();
    posted.fault(&mut form, problem)?;
    let ticket = shown(visit, number, "").await?;
    let asked = Asked { queue: posted.value("queue").to_owned(), ..Asked::default() };
    let page = panes(visit, &asked, Some(ticket), form.clone()).await?;
    posted.show_again(form, |visit, _| super::view::Tickets { l: visit.layout("desk"), ..page })
}

/// A public reply, which may set the next status, or an internal note.
pub async fn reply(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    posted.visit.staff()?;
    let internal = posted.value("visibility") == "internal";
    match send(&posted, &number, internal).await {
        Ok(()) => Ok(back(&posted, &number, if internal { "The note is kept." } else { "Your reply is sent." })),
        Err(problem) => again(&posted, &number, problem).await,
    }
}

async fn send(posted: &Posted, number: &str, internal: bool) -> Answer<()> {
    if posted.trimmed("body").is_empty() {
        return Err(refused("body", if internal { "Write the note" } else { "Write a reply" }));
    }
    let status = if internal { proto::Status::Unspecified } else { map::ticket::status_of(posted.value("status")) };
    let waiting = status == proto::Status::WaitingThirdParty;
    let request = proto::AddCommentRequest {
        portal: posted.visit.portal(),
        request_id: posted.request_id(&format!("reply {number}")),
        number: number.to_owned(),
        body: posted.value("body").trim_end().to_owned(),
        uploads: posted.uploads()?,
        visibility: if internal { proto::ItemVisibility::Internal } else { proto::ItemVisibility::Public }.into(),
        status: status.into(),
        sub_status: if waiting { posted.trimmed("sub_status") } else { String::new() },
        reason: if status == proto::Status::Resolved { map::ticket::reason_of(posted.value("reason")) } else { proto::Reason::Unspecified }
            .into(),
        ..Default::default()
    };
    posted.visit.call.clients().conversation().add_comment(posted.visit.call.grpc(request)).await?;
    Ok(())
}

/// Takes the ticket.
pub async fn take(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let me = posted.visit.staff()?.id.to_string();
    let changes = proto::TicketChanges { assignee_id: me, ..Default::default() };
    match change(&posted, &number, "take", changes, vec!["assignee_id".into()], String::new()).await {
        Ok(()) => Ok(back(&posted, &number, "It is yours.")),
        Err(problem) => again(&posted, &number, problem).await,
    }
}

/// Saves the properties that differ from how the ticket stands.
pub async fn update(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number: number.clone() });
    let ticket = visit.call.clients().tickets().get_ticket(request).await?.into_inner();
    let (changes, paths) = differences(&posted, &ticket);
    if paths.is_empty() {
        return Ok(back(&posted, &number, "Nothing was changed."));
    }
    match change(&posted, &number, "update", changes, paths, posted.trimmed("etag")).await {
        Ok(()) => Ok(back(&posted, &number, "Saved.")),
        Err(problem) => again(&posted, &number, problem).await,
    }
}

fn differences(posted: &Posted, ticket: &proto::Ticket) -> (proto::TicketChanges, Vec<String>) {
    let old = props(ticket);
    let mut paths = Vec::new();
    let mut take = |name: &str, path: &str| {
        let new = posted.trimmed(name);
        if new != old.value(name) {
            paths.push(path.to_owned());
        }
        new
    };
    let mut changes = proto::TicketChanges {
        assignee_id: take("assignee", "assignee_id"),
        group_id: if posted.has("group") { take("group", "group_id") } else { String::new() },
        product_id: if posted.has("product") { take("product", "product_id") } else { String::new() },
        priority: map::ticket::priority_of(&take("priority", "priority")).into(),
        ..Default::default()
    };
    let status = map::ticket::status_of(posted.value("new_status"));
    if status != proto::Status::Unspecified {
        changes.status = status.into();
        paths.push("status".into());
        if status == proto::Status::WaitingThirdParty {
            changes.sub_status = posted.trimmed("wait_for");
            paths.push("sub_status".into());
        }
        let reason = map::ticket::reason_of(posted.value("new_reason"));
        if status == proto::Status::Resolved && reason != proto::Reason::Unspecified {
            changes.reason = reason.into();
            paths.push("reason".into());
        }
    }
    (changes, paths)
}

async fn change(
    posted: &Posted,
    number: &str,
    purpose: &str,
    changes: proto::TicketChanges,
    paths: Vec<String>,
    etag: String,
) -> Answer<()> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::UpdateTicketRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("{purpose} {number}")),
        etag,
        number: number.to_owned(),
        changes: Some(changes),
        update_mask: Some(prost_types::FieldMask { paths }),
    });
    visit.call.clients().tickets().update_ticket(request).await?;
    Ok(())
}
