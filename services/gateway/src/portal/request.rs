//! One request: the conversation, and what the reader may do with it.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;

use super::map;
use super::news::{Cursor, next};
use super::posted::Posted;
use super::request_files::files;
use super::view::form::Form;
use super::view::request::{FileRow, Request};
use super::view::ui::Status;
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// Rows of a page of what is listed.
const PAGE: i32 = 100;
/// Most entries that one page shows; older ones are on a page of their own.
const MOST: usize = 500;

/// A portal and a number.
pub type Numbered = Path<(String, String)>;

/// A request with everything that its page shows.
pub struct Case {
    /// The request.
    pub ticket: proto::Ticket,
    /// The newest of its timeline, or those before a place; oldest first.
    pub items: Vec<proto::TimelineItem>,
    /// Where the older ones are; empty when there are none.
    pub earlier: String,
    /// The first of its files.
    pub files: Vec<FileRow>,
    /// Who shares it.
    pub shared: Vec<proto::Collaborator>,
}

/// Reads a request with the newest of its timeline, or what was before a place, its people and the first of its files.
///
/// # Errors
/// 404 when the reader may not see it.
pub async fn read(visit: &Visit, number: &str, from: &str) -> Answer<Case> {
    visit.person()?;
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number: number.to_owned() });
    let ticket = visit.call.clients().tickets().get_ticket(request).await?.into_inner();
    let (timeline, shared, files) = tokio::join!(timeline(visit, number, from), collaborators(visit, number), files(visit, number, ""));
    let (items, earlier) = timeline?;
    let (shared, files) = (shared.unwrap_or_default(), files.map(|(files, _)| files).unwrap_or_default());
    Ok(Case { ticket, items, earlier, files, shared })
}

/// The newest entries before a place, oldest first, and where older ones are; empty when there are none.
async fn timeline(visit: &Visit, number: &str, before: &str) -> Answer<(Vec<proto::TimelineItem>, String)> {
    let (mut items, mut token) = (Vec::new(), before.to_owned());
    loop {
        let request = visit.call.grpc(proto::GetTimelineRequest {
            portal: visit.portal(),
            number: number.to_owned(),
            page: Some(PageRequest { page_size: PAGE, page_token: token }),
            newest_first: true,
        });
        let answer = visit.call.clients().conversation().get_timeline(request).await?.into_inner();
        items.extend(answer.items);
        token = answer.next_page_token;
        if token.is_empty() || items.len() >= MOST {
            items.reverse();
            return Ok((items, token));
        }
    }
}

/// Who shares a request, oldest first. A page of the contract holds all of them, at most 50.
///
/// # Errors
/// 404 when the reader may not see it.
pub async fn collaborators(visit: &Visit, number: &str) -> Answer<Vec<proto::Collaborator>> {
    let request = visit.call.grpc(proto::ListCollaboratorsRequest {
        portal: visit.portal(),
        number: number.to_owned(),
        page: Some(PageRequest { page_size: PAGE, page_token: String::new() }),
        newest_first: false,
    });
    Ok(visit.call.clients().collaborators().list_collaborators(request).await?.into_inner().collaborators)
}

/// The page. Reading it marks the request as seen. The team works at the desk: links in mails lead it there.
pub async fn page(visit: Visit, Path((_, number)): Numbered, Query(from): Query<Cursor>) -> Answer<Response> {
    if visit.l.staff() {
        return Ok(visit.go(&format!("{}/tickets/{number}", visit.l.portal.desk)));
    }
    let case = read(&visit, &number, &from.cursor).await?;
    let seen = visit.call.grpc(proto::MarkViewedRequest { portal: visit.portal(), number });
    // What was seen is a convenience: a failure must not keep the page away.
    if let Err(status) = visit.call.clients().tickets().mark_viewed(seen).await {
        tracing::debug!(%status, "the request was not marked as seen");
    }
    let page = shown(visit.clone(), visit.form(), &case);
    visit.show(&page)
}

fn shown(visit: Visit, form: Form, case: &Case) -> Request {
    let ticket = &case.ticket;
    let me = visit.my_id();
    let (due, due_at) = map::ticket::due(ticket, &visit.l.words.ticket, &visit.dates);
    let score = ticket.satisfaction.clone().unwrap_or_default();
    let url = visit.url(&format!("/requests/{}", ticket.number));
    Request {
        l: visit.layout("requests"),
        earlier: next(url.clone(), &case.earlier),
        files: case.files.clone(),
        url,
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        status: defined(map::ticket::status(ticket), &visit.l.words.ticket),
        due,
        due_at,
        entries: map::timeline::entries(&case.items, &visit.l.api, &me, &visit.dates),
        facts: map::ticket::facts(ticket, &visit.l, &visit.dates),
        people: map::ticket::people(ticket, &case.shared, &me),
        may: map::ticket::may(ticket),
        score: score.score,
        score_comment: score.comment,
        form,
    }
}

/// What a status means, with the portal's own word for a request.
fn defined(status: Status, word: &str) -> Status {
    Status { definition: status.definition.replace("request", word), ..status }
}

/// Somebody opened the address of a button: back to the request.
pub async fn back(visit: Visit, Path((_, number)): Numbered) -> Answer<Response> {
    Ok(visit.go(&visit.url(&format!("/requests/{number}"))))
}

/// Shows the page again with what was refused; everything else is an error page.
async fn again(posted: &Posted, number: &str, problem: Problem) -> Answer<Response> {
    let case = read(&posted.visit, number, "").await?;
    let mut form = posted.again();
    posted.fault(&mut form, problem)?;
    posted.show_again(form, |visit, form| shown(visit, form, &case))
}

/// A reply.
pub async fn comment(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let sent = if posted.trimmed("body").is_empty() { Err(refused("body", "Write a reply")) } else { send_comment(&posted, &number).await };
    match sent {
        Ok(answer) if !answer.follow_up_number.is_empty() => {
            let url = visit.url(&format!("/requests/{}", answer.follow_up_number));
            Ok(visit.go_saying(&url, &format!("{number} is closed, so this is {}. The two are linked.", answer.follow_up_number)))
        }
        Ok(answer) => {
            let at = answer.item.map(|item| format!("#e-{}", item.id)).unwrap_or_default();
            let url = visit.url(&format!("/requests/{number}"));
            if answer.reopen_hint {
                let may = answer.ticket.and_then(|ticket| ticket.actions).is_some_and(|actions| actions.reopen);
                let stays = format!("Sent. It stays “{}”.", visit.status_word("resolved"));
                return Ok(visit.go_saying(&url, if may { "Sent. To open it again, use “Reopen”." } else { &stays }));
            }
            Ok(visit.go(&format!("{url}{at}")))
        }
        Err(problem) => again(&posted, &number, problem).await,
    }
}

async fn send_comment(posted: &Posted, number: &str) -> Answer<proto::AddCommentResponse> {
    let request = proto::AddCommentRequest {
        portal: posted.visit.portal(),
        request_id: posted.request_id(&format!("comment {number}")),
        number: number.to_owned(),
        body: posted.value("body").trim_end().to_owned(),
        uploads: posted.uploads()?,
        ..Default::default()
    };
    Ok(posted.visit.call.clients().conversation().add_comment(posted.visit.call.grpc(request)).await?.into_inner())
}

/// A refusal of one field.
pub fn refused(field: &str, message: &str) -> Problem {
    Problem::fields(vec![chassis::error::FieldError::new(field, "invalid", message)])
}

/// Opens a resolved request again.
pub async fn reopen(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    if posted.trimmed("comment").is_empty() {
        return again(&posted, &number, refused("reopen_comment", "Say what is still wrong")).await;
    }
    let request = visit.call.grpc(proto::ReopenTicketRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("reopen {number}")),
        number: number.clone(),
        comment: posted.trimmed("comment"),
        ..Default::default()
    });
    match visit.call.clients().tickets().reopen_ticket(request).await {
        Ok(_) => Ok(visit.go_saying(&visit.url(&format!("/requests/{number}")), "It is open again.")),
        Err(status) => again(&posted, &number, status.into()).await,
    }
}

/// Starts the timers of this status anew.
pub async fn keep_open(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::KeepTicketOpenRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("keep-open {number}")),
        number: number.clone(),
    });
    match visit.call.clients().tickets().keep_ticket_open(request).await {
        Ok(_) => Ok(visit.go_saying(&visit.url(&format!("/requests/{number}")), "Kept open. The time starts anew.")),
        Err(status) => again(&posted, &number, status.into()).await,
    }
}
