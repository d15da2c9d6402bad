//! One request: the conversation, and what the reader may do with it.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;
use serde::Deserialize;

use super::map;
use super::posted::{Posted, errors_of};
use super::view::form::Form;
use super::view::request::{Rate, Request};
use super::view::ui::Status;
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// Rows of a page of the timeline.
const PAGE: i32 = 100;
/// Most entries that one page shows.
const MOST: usize = 1000;

/// A portal and a number.
pub type Numbered = Path<(String, String)>;

/// A request with everything that its page shows.
pub struct Case {
    /// The request.
    pub ticket: proto::Ticket,
    /// Its timeline, oldest first.
    pub items: Vec<proto::TimelineItem>,
    /// Who shares it.
    pub shared: Vec<proto::Collaborator>,
}

/// Reads a request with its timeline and people.
///
/// # Errors
/// 404 when the reader may not see it.
pub async fn read(visit: &Visit, number: &str) -> Answer<Case> {
    visit.person()?;
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number: number.to_owned() });
    let ticket = visit.call.peers().tickets().get_ticket(request).await?.into_inner();
    let (items, shared) = tokio::join!(timeline(visit, number), collaborators(visit, number));
    Ok(Case { ticket, items: items?, shared: shared.unwrap_or_default() })
}

async fn timeline(visit: &Visit, number: &str) -> Answer<Vec<proto::TimelineItem>> {
    let (mut items, mut token) = (Vec::new(), String::new());
    loop {
        let request = visit.call.grpc(proto::GetTimelineRequest {
            portal: visit.portal(),
            number: number.to_owned(),
            page: Some(PageRequest { page_size: PAGE, page_token: token }),
        });
        let answer = visit.call.peers().conversation().get_timeline(request).await?.into_inner();
        items.extend(answer.items);
        token = answer.next_page_token;
        if token.is_empty() || items.len() >= MOST {
            return Ok(items);
        }
    }
}

/// Who shares a request.
///
/// # Errors
/// 404 when the reader may not see it.
pub async fn collaborators(visit: &Visit, number: &str) -> Answer<Vec<proto::Collaborator>> {
    let request = visit.call.grpc(proto::ListCollaboratorsRequest { portal: visit.portal(), number: number.to_owned() });
    Ok(visit.call.peers().collaborators().list_collaborators(request).await?.into_inner().collaborators)
}

/// The page. Reading it marks the request as seen. The team works at the desk: links in mails lead it there.
pub async fn page(visit: Visit, Path((_, number)): Numbered) -> Answer<Response> {
    if visit.l.staff() {
        return Ok(visit.go(&format!("{}/tickets/{number}", visit.l.portal.desk)));
    }
    let case = read(&visit, &number).await?;
    let seen = visit.call.grpc(proto::MarkViewedRequest { portal: visit.portal(), number });
    // What was seen is a convenience: a failure must not keep the page away.
    if let Err(status) = visit.call.peers().tickets().mark_viewed(seen).await {
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
    Request {
        l: visit.layout("requests"),
        url: visit.url(&format!("/requests/{}", ticket.number)),
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
    let errors = errors_of(&problem).ok_or(problem)?;
    let case = read(&posted.visit, number).await?;
    let mut form = posted.again();
    form.errors = errors;
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
                return Ok(visit.go_saying(&url, "Sent. To open it again, use “Reopen”."));
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
        uploads: posted.tickets().await?,
        ..Default::default()
    };
    Ok(posted.visit.call.peers().conversation().add_comment(posted.visit.call.grpc(request)).await?.into_inner())
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
    match visit.call.peers().tickets().reopen_ticket(request).await {
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
    match visit.call.peers().tickets().keep_ticket_open(request).await {
        Ok(_) => Ok(visit.go_saying(&visit.url(&format!("/requests/{number}")), "Kept open. The time starts anew.")),
        Err(status) => again(&posted, &number, status.into()).await,
    }
}

/// Whether rating closes the request.
#[derive(Debug, Default, Deserialize)]
pub struct Closing {
    #[serde(default)]
    close: String,
}

/// The page to rate, or to close with a rating.
pub async fn rate_page(visit: Visit, Path((_, number)): Numbered, Query(closing): Query<Closing>) -> Answer<Response> {
    visit.person()?;
    let ticket = ticket(&visit, &number).await?;
    let closing = closing.close == "1";
    let score = ticket.satisfaction.clone().unwrap_or_default();
    let form =
        visit.form().with("score", if score.score > 0 { score.score.to_string() } else { String::new() }).with("comment", score.comment);
    let page = rating(visit.clone(), form, &ticket, closing);
    visit.show(&page)
}

async fn ticket(visit: &Visit, number: &str) -> Answer<proto::Ticket> {
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number: number.to_owned() });
    Ok(visit.call.peers().tickets().get_ticket(request).await?.into_inner())
}

fn rating(visit: Visit, form: Form, ticket: &proto::Ticket, closing: bool) -> Rate {
    Rate {
        l: visit.layout("requests"),
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        needed: ticket.actions.as_ref().is_some_and(|actions| actions.close_needs_score),
        rated: ticket.satisfaction.is_some(),
        closing,
        form,
    }
}

/// Rates.
pub async fn rate(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::RateTicketRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("rate {number}")),
        number: number.clone(),
        score: posted.value("score").parse().unwrap_or(0),
        comment: posted.trimmed("comment"),
        ..Default::default()
    });
    let rated = if posted.value("score").is_empty() {
        Err(refused("score", "Choose how satisfied you are"))
    } else {
        visit.call.peers().tickets().rate_ticket(request).await.map_err(Problem::from)
    };
    match rated {
        Ok(_) => Ok(visit.go_saying(&visit.url(&format!("/requests/{number}")), "Your rating is saved.")),
        Err(problem) => again_rating(&posted, &number, problem, false).await,
    }
}

/// Closes, with a rating where one is asked for.
pub async fn close(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::CloseTicketRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("close {number}")),
        number: number.clone(),
        score: posted.value("score").parse().unwrap_or(0),
        comment: posted.trimmed("comment"),
        ..Default::default()
    });
    match visit.call.peers().tickets().close_ticket(request).await {
        Ok(_) => {
            let word = visit.l.words.ticket.clone();
            Ok(visit.go_saying(&visit.url(&format!("/requests/{number}")), &format!("The {word} is closed.")))
        }
        Err(status) => again_rating(&posted, &number, status.into(), true).await,
    }
}

async fn again_rating(posted: &Posted, number: &str, problem: Problem, closing: bool) -> Answer<Response> {
    let errors = errors_of(&problem).ok_or(problem)?;
    let ticket = ticket(&posted.visit, number).await?;
    let mut form = posted.again();
    form.errors = errors;
    posted.show_again(form, |visit, form| rating(visit, form, &ticket, closing))
}
