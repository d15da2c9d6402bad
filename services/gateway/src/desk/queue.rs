//! Queues: what waits for whom.

use axum::extract::Query;
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;
use serde::Deserialize;

use super::mail;
use super::view::{Ticket, Tickets};
use crate::error::Answer;
use crate::portal::map;
use crate::portal::request_list::count;
use crate::portal::view::form::Form;
use crate::portal::view::layout::percent_encode;
use crate::portal::view::ui::Tab;
use crate::portal::visit::Visit;

/// Rows of a page.
const ROWS: i32 = 40;

/// What the address says.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    /// The queue's name.
    #[serde(default)]
    pub queue: String,
    /// What is searched for.
    #[serde(default)]
    pub q: String,
    /// Where the list goes on.
    #[serde(default)]
    pub cursor: String,
}

/// A queue: name in the address, words, icon.
struct Queue {
    name: &'static str,
    label: &'static str,
    icon: &'static str,
}

const QUEUES: [Queue; 7] = [
    Queue { name: "unassigned", label: "Unassigned", icon: "inbox" },
    Queue { name: "mine", label: "Mine", icon: "user" },
    Queue { name: "answered", label: "Customer wrote", icon: "message-circle" },
    Queue { name: "waiting", label: "Waiting", icon: "clock" },
    Queue { name: "unverified", label: "Not confirmed", icon: "mail" },
    Queue { name: "resolved", label: "Resolved", icon: "circle-check" },
    Queue { name: "all", label: "All", icon: "layers" },
];

fn filter(queue: &str) -> proto::TicketFilter {
    let all = proto::TicketFilter { scope: proto::Scope::All.into(), ..Default::default() };
    let open: i32 = proto::StatusCategory::Open.into();
    match queue {
        "mine" => proto::TicketFilter { state: open, assignee: "me".into(), ..all },
        "answered" => proto::TicketFilter { statuses: vec![proto::Status::PendingSupport.into()], ..all },
        "waiting" => proto::TicketFilter { statuses: vec![proto::Status::WaitingCustomer.into()], ..all },
        "unverified" => proto::TicketFilter { unverified: true, ..all },
        "resolved" => proto::TicketFilter { state: proto::StatusCategory::Resolved.into(), ..all },
        "all" => all,
        _ => proto::TicketFilter { state: open, assignee: "none".into(), ..all },
    }
}

/// A queue without a ticket open.
pub async fn page(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    visit.staff()?;
    let form = visit.form();
    let page = panes(&visit, &asked, None, form).await?;
    visit.show(&page)
}

/// The panes, with or without a ticket.
///
/// # Errors
/// When tickets does not answer.
pub async fn panes(visit: &Visit, asked: &Asked, ticket: Option<Ticket>, form: Form) -> Answer<Tickets> {
    let queue = QUEUES.iter().find(|queue| queue.name == asked.queue).unwrap_or(&QUEUES[0]);
    let request = visit.call.grpc(proto::ListTicketsRequest {
        portal: visit.portal(),
        filter: Some(proto::TicketFilter { q: asked.q.trim().chars().take(200).collect(), ..filter(queue.name) }),
        sort: proto::TicketSort::UpdatedAt.into(),
        ascending: false,
        page: Some(PageRequest { page_size: ROWS, page_token: asked.cursor.clone() }),
    });
    let mut tickets = visit.call.clients().tickets();
    let (listed, queues) = tokio::join!(tickets.list_tickets(request), queues(visit, queue.name));
    let listed = listed?.into_inner();
    let (desk, open) = (&visit.l.portal.desk, ticket.as_ref().map(|ticket| ticket.number.clone()).unwrap_or_default());
    let rows = listed.tickets.iter().map(|ticket| {
        let mut row = map::ticket::row(ticket, &format!("{desk}/tickets"), &visit.dates);
        row.current = row.number == open;
        row
    });
    Ok(Tickets {
        l: visit.layout("desk"),
        queues,
        queue: queue.name.into(),
        title: queue.label.into(),
        rows: rows.collect(),
        next: next(desk, queue.name, &asked.q, &listed.next_page_token),
        q: asked.q.clone(),
        ticket,
        form,
    })
}

/// All queues with their counts: those of tickets, and the mail that waits for somebody's word.
pub async fn queues(visit: &Visit, current: &str) -> Vec<Tab> {
    let desk = &visit.l.portal.desk;
    let (counts, waiting) = tokio::join!(counts(visit), mail::waiting(visit));
    let tab = |(at, one): (usize, &Queue)| Tab {
        url: format!("{desk}/tickets?queue={}", one.name),
        label: one.label.into(),
        count: counts.get(at).cloned().unwrap_or_default(),
        current: one.name == current,
        icon: one.icon,
    };
    let mail = Tab {
        url: format!("{desk}/mail"),
        label: mail::TITLE.into(),
        count: waiting,
        current: current == mail::QUEUE,
        icon: "circle-question-mark",
    };
    QUEUES.iter().enumerate().map(tab).chain([mail]).collect()
}

fn next(desk: &str, queue: &str, q: &str, token: &str) -> String {
    if token.is_empty() {
        return String::new();
    }
    let q = if q.is_empty() { String::new() } else { format!("&q={}", percent_encode(q)) };
    format!("{desk}/tickets?queue={queue}{q}&cursor={}", percent_encode(token))
}

async fn counts(visit: &Visit) -> Vec<String> {
    let filters = QUEUES.iter().map(|queue| filter(queue.name)).collect();
    let request = visit.call.grpc(proto::CountTicketsRequest { portal: visit.portal(), filters });
    let Ok(answer) = visit.call.clients().tickets().count_tickets(request).await else { return Vec::new() };
    answer.into_inner().counts.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_asks_for_something_of_its_own() {
        let filters: Vec<_> = QUEUES.iter().map(|queue| filter(queue.name)).collect();
        for (at, one) in filters.iter().enumerate() {
            assert!(filters.iter().skip(at + 1).all(|other| other != one), "{}", QUEUES[at].name);
        }
    }
}
