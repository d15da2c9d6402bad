//! A list of tickets as a file: all of its rows, read and sent page by page, so that neither memory nor a deadline bounds it.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use futures_util::stream::{once, try_unfold};
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;

use super::shared::{Moment, Named};
use super::ticket_view::TicketRow;
use crate::call::Call;
use crate::csv::Table;
use crate::error::{Answer, Problem};
use crate::extract::Limit;

/// Rows that are read at once.
const PAGE: i32 = 100;

const COLUMNS: [&str; 17] = [
    "number",
    "subject",
    "status",
    "priority",
    "type",
    "requester",
    "email",
    "organization",
    "department",
    "product",
    "category",
    "group",
    "assignee",
    "created_at",
    "updated_at",
    "resolved_at",
    "closed_at",
];

/// A file while it is being sent.
struct Export {
    call: Call,
    request: proto::ListTicketsRequest,
    table: Table,
    rows: i32,
    /// Where the next page begins; `None` after the last.
    next: Option<String>,
}

impl Export {
    /// The text of the next page.
    async fn page(&mut self, from: String) -> Answer<String> {
        self.request.page = Some(PageRequest { page_size: self.rows, page_token: from });
        let request = self.call.grpc(self.request.clone());
        let answer = self.call.clients().tickets().list_tickets(request).await?.into_inner();
        answer.tickets.into_iter().map(TicketRow::from).for_each(|ticket| self.table.row(&columns(ticket)));
        self.next = Some(answer.next_page_token).filter(|token| !token.is_empty());
        Ok(self.table.take())
    }

    async fn step(mut self) -> Result<Option<(String, Self)>, std::io::Error> {
        let Some(from) = self.next.take() else { return Ok(None) };
        // A file that breaks off is seen to be incomplete; one that just ended would not be.
        let broken = |problem: Problem| std::io::Error::other(format!("the list ended early: {}", problem.code()));
        if !self.call.refresh().await.map_err(broken)? {
            return Err(std::io::Error::other("the session ended"));
        }
        let text = self.page(from).await.map_err(broken)?;
        Ok(Some((text, self)))
    }
}

/// The file, from `request.page` on: all rows, or `limit` of them.
///
/// # Errors
/// As the list itself; what fails after the first page ends the transfer early.
pub async fn export(call: Call, mut request: proto::ListTicketsRequest, limit: Option<Limit>) -> Answer<Response> {
    let from = request.page.take().map(|page| page.page_token).unwrap_or_default();
    request.portal = call.portal();
    let rows = limit.map_or(PAGE, |limit| i32::try_from(limit.0).unwrap_or(PAGE));
    let mut export = Export { call, request, table: Table::new(&COLUMNS), rows, next: None };
    // The first page is read before anything is answered, so that a refusal can still be one.
    let first = export.page(from).await?;
    if limit.is_some() {
        export.next = None;
    }
    let rest = try_unfold(export, Export::step);
    let all = futures_util::StreamExt::chain(once(async { Ok::<_, std::io::Error>(first) }), rest).map_ok(bytes::Bytes::from);
    let mut response = Body::from_stream(all).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"tickets.csv\""));
    Ok(response)
}

fn columns(ticket: TicketRow) -> [String; 17] {
    let name = |named: Option<Named>| named.map(|named| named.name).unwrap_or_default();
    let at = |moment: Option<Moment>| moment.map(Moment::text).unwrap_or_default();
    let (requester, email) = ticket.requester.map(|who| (who.name, who.email.unwrap_or_default())).unwrap_or_default();
    [
        ticket.number,
        ticket.subject,
        ticket.status.map(|status| status.wire().to_owned()).unwrap_or_default(),
        ticket.priority.map(|priority| priority.wire().to_owned()).unwrap_or_default(),
        ticket.r#type.map(|kind| kind.wire().to_owned()).unwrap_or_default(),
        requester,
        email,
        name(ticket.organization),
        name(ticket.department),
        name(ticket.product),
        name(ticket.category),
        name(ticket.group),
        name(ticket.assignee),
        at(ticket.created_at),
        at(ticket.updated_at),
        at(ticket.resolved_at),
        at(ticket.closed_at),
    ]
}
