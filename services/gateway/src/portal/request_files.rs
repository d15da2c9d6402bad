//! Every file of a request in one list (CF-6, VL-16), whichever message it came with.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;

use super::map;
use super::news::{Cursor, next};
use super::request::Numbered;
use super::view::request::{FileRow, Files};
use super::visit::Visit;
use crate::error::Answer;

/// Files of a page.
const ROWS: i32 = 50;

/// Files of a request from a place on, and where they go on; empty at the end.
///
/// # Errors
/// 404 when the reader may not see the request.
pub async fn files(visit: &Visit, number: &str, from: &str) -> Answer<(Vec<FileRow>, String)> {
    let page = Some(PageRequest { page_size: ROWS, page_token: from.to_owned() });
    let request = visit.call.grpc(proto::ListAttachmentsRequest { portal: visit.portal(), number: number.to_owned(), page });
    let answer = visit.call.clients().ticket_files().list_attachments(request).await?.into_inner();
    let rows = answer.files.iter().map(|file| map::person::file_row(&visit.l.api, file)).collect();
    Ok((rows, answer.next_page_token))
}

/// The page of all files; the team gets there from the desk.
pub async fn page(visit: Visit, Path((_, number)): Numbered, Query(from): Query<Cursor>) -> Answer<Response> {
    visit.person()?;
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number });
    let ticket = visit.call.clients().tickets().get_ticket(request).await?.into_inner();
    let (files, later) = files(&visit, &ticket.number, &from.cursor).await?;
    let here = visit.url(&format!("/requests/{}/files", ticket.number));
    let page = Files {
        l: visit.layout("requests"),
        url: visit.request_url(&ticket.number),
        number: ticket.number,
        next: next(here, &later),
        files,
    };
    visit.show(&page)
}
