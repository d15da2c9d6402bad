//! Rating a request, and closing it with a rating.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::tickets::v1 as proto;
use serde::Deserialize;

use super::map;
use super::posted::Posted;
use super::request::{Numbered, refused};
use super::view::form::Form;
use super::view::layout::capital;
use super::view::request::Rate;
use super::view::way_in::Message;
use super::visit::Visit;
use crate::error::{Answer, Problem};

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
    if let Some(why) = map::ticket::no_rating(&ticket, closing, &visit.l.words.ticket, &visit.dates) {
        return refused_rating(&visit, &ticket.number, why);
    }
    let score = ticket.satisfaction.clone().unwrap_or_default();
    let form =
        visit.form().with("score", if score.score > 0 { score.score.to_string() } else { String::new() }).with("comment", score.comment);
    let page = rating(visit.clone(), form, &ticket, closing);
    visit.show(&page)
}

async fn ticket(visit: &Visit, number: &str) -> Answer<proto::Ticket> {
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number: number.to_owned() });
    Ok(visit.call.clients().tickets().get_ticket(request).await?.into_inner())
}

/// Says why instead of showing a form that would be refused.
fn refused_rating(visit: &Visit, number: &str, why: String) -> Answer<Response> {
    let word = &visit.l.words.ticket;
    visit.show(&Message {
        l: visit.layout("requests"),
        art: "inbox",
        title: format!("{} {number}", capital(word)),
        text: why,
        more: String::new(),
        links: vec![(format!("Back to the {word}"), visit.url(&format!("/requests/{number}")))],
    })
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
        visit.call.clients().tickets().rate_ticket(request).await.map_err(Problem::from)
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
    match visit.call.clients().tickets().close_ticket(request).await {
        Ok(_) => {
            let word = visit.l.words.ticket.clone();
            Ok(visit.go_saying(&visit.url(&format!("/requests/{number}")), &format!("The {word} is closed.")))
        }
        Err(status) => again_rating(&posted, &number, status.into(), true).await,
    }
}

async fn again_rating(posted: &Posted, number: &str, problem: Problem, closing: bool) -> Answer<Response> {
    let ticket = ticket(&posted.visit, number).await?;
    let mut form = posted.again();
    posted.fault(&mut form, problem)?;
    posted.show_again(form, |visit, form| rating(visit, form, &ticket, closing))
}
