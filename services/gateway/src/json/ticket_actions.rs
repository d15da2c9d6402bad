//! What a customer does with a ticket: close, reopen, keep open, rate.

use axum::Json;
use axum::response::{IntoResponse, Response};
use portico_proto::tickets::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Nothing, tagged, text};
use super::ticket_view::{Due, Ticket};
use super::tickets::changed;
use crate::call::Api;
use crate::error::{Answer, Problem};
use crate::extract::{Body, MaybeBody};
use crate::json_body;
use crate::state::AppState;

json_body! {
    /// Closing may carry the rating.
    pub struct CloseTicket {
        /// 1 to 5.
        #[schema(minimum = 1, maximum = 5)]
        pub satisfaction: Option<i32>,
        /// To the rating.
        #[schema(max_length = 2000)]
        pub comment: Option<String>,
    }
}

json_body! {
    /// Reopening says why.
    pub struct ReopenTicket {
        /// Markdown.
        #[schema(min_length = 1, max_length = 60000)]
        pub comment: String,
    }
}

json_body! {
    /// A rating.
    pub struct RateTicket {
        /// 1 to 5.
        #[schema(minimum = 1, maximum = 5)]
        pub score: i32,
        /// Why.
        #[schema(max_length = 2000)]
        pub comment: Option<String>,
    }
}

/// The timers that started anew.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeptOpen {
    /// Soonest first.
    pub due: Vec<Due>,
}

/// 0 means "no score" in the contract, so it must not pass as a score from outside.
fn score(field: &str, score: i32) -> Answer<i32> {
    if (1..=5).contains(&score) {
        return Ok(score);
    }
    Err(Problem::fields(vec![chassis::error::FieldError::new(field, "out_of_range", format!("{field} must be from 1 to 5."))]))
}

/// Closes, as the portal's policy allows.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets/{number}/close", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = Option<CloseTicket>, responses((status = 200, body = Ticket)))]
async fn close(Api(call): Api, MaybeBody(body): MaybeBody<CloseTicket>) -> Answer<Response> {
    let number = call.path("number");
    let request = proto::CloseTicketRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        number,
        score: body.satisfaction.map_or(Ok(0), |given| score("satisfaction", given))?,
        comment: text(body.comment),
    };
    Ok(changed(call.clients().tickets().close_ticket(call.grpc(request)).await?.into_inner()))
}

/// Reopens a resolved ticket.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets/{number}/reopen", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = ReopenTicket, responses((status = 200, body = Ticket)))]
async fn reopen(Api(call): Api, Body(body): Body<ReopenTicket>) -> Answer<Response> {
    let number = call.path("number");
    let request = proto::ReopenTicketRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        number,
        comment: body.comment,
    };
    Ok(changed(call.clients().tickets().reopen_ticket(call.grpc(request)).await?.into_inner()))
}

/// Starts the timers of the ticket's state anew; at most 3 times in a row.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets/{number}/keep-open", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = Option<Nothing>, responses((status = 200, body = KeptOpen)))]
async fn keep_open(Api(call): Api, _body: MaybeBody<Nothing>) -> Answer<Response> {
    let number = call.path("number");
    let request = proto::KeepTicketOpenRequest { portal: call.portal(), request_id: call.request_id(), number };
    let ticket = call.clients().tickets().keep_ticket_open(call.grpc(request)).await?.into_inner();
    let etag = ticket.version.to_string();
    Ok(tagged(&etag, Json(KeptOpen { due: ticket.due.into_iter().map(Due::from).collect() }).into_response()))
}

/// Rates a resolved or closed ticket; the rating may change for 30 days.
#[utoipa::path(put, path = "/api/v1/portals/{portal}/tickets/{number}/satisfaction", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = RateTicket, responses((status = 200, body = Ticket)))]
async fn rate(Api(call): Api, Body(body): Body<RateTicket>) -> Answer<Response> {
    let number = call.path("number");
    let request = proto::RateTicketRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        number,
        score: score("score", body.score)?,
        comment: text(body.comment),
    };
    Ok(changed(call.clients().tickets().rate_ticket(call.grpc(request)).await?.into_inner()))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(close)).routes(routes!(reopen)).routes(routes!(keep_open)).routes(routes!(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_outside_of_one_to_five_is_refused_before_it_can_mean_no_score() {
        assert!((1..=5).all(|given| score("score", given).is_ok()));
        for bad in [0, -1, 6] {
            assert_eq!(score("score", bad).err().unwrap().field_errors()[0].field, "score");
        }
    }
}
