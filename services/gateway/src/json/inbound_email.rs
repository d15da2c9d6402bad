//! The door for mail that a provider hands over, and what became of each message.

use axum::Json;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use portico_proto::notifier::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Moment, Nothing, Page, filled};
use crate::call::Api;
use crate::error::{Answer, Problem};
use crate::extract::{Limit, MaybeBody, Params, page, read_limited, refuse_encoded};
use crate::state::AppState;
use crate::{query_params, wire_enum};

/// Largest raw message in bytes.
const MESSAGE_BYTES: usize = 50_000_000;

wire_enum! {
    /// What became of a message.
    pub enum InboundState : proto::InboundState {
        /// Stored, not worked on yet.
        Queued = "queued" <=> Queued,
        /// A ticket of the proven sender.
        TicketCreated = "ticket_created" <=> TicketCreated,
        /// A comment of the proven sender.
        CommentAdded = "comment_added" <=> CommentAdded,
        /// A ticket that waits until its address is proven.
        UnverifiedTicket = "unverified_ticket" <=> UnverifiedTicket,
        /// Waits for an agent.
        Claimed = "claimed" <=> Claimed,
        /// No effect on purpose.
        Ignored = "ignored" <=> Ignored,
        /// Could not be read.
        Quarantined = "quarantined" <=> Quarantined,
    }
}

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboundMail {
    /// Its Message-ID.
    pub message_id: String,
    /// What became of it.
    pub state: Option<InboundState>,
    /// The ticket's number.
    pub ticket: Option<String>,
    /// Why; stable, snake_case.
    pub reason: Option<String>,
    /// When it came.
    pub received_at: Option<Moment>,
    /// The address in From.
    pub from: String,
    /// Its subject.
    pub subject: String,
    /// Of a claim: the beginning of its text, at most 2,000 characters.
    pub excerpt: Option<String>,
}

impl From<proto::InboundMail> for InboundMail {
    fn from(mail: proto::InboundMail) -> Self {
        Self {
            state: InboundState::from_proto(mail.state),
            ticket: filled(mail.ticket_number),
            reason: filled(mail.reason),
            received_at: Moment::of(mail.received_at.as_ref()),
            message_id: mail.message_id,
            from: mail.from_address,
            subject: mail.subject,
            excerpt: filled(mail.excerpt),
        }
    }
}

/// A message that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboundTaken {
    /// Names it in the other calls.
    pub message_id: String,
}

query_params! {
    /// Which messages.
    pub struct ListInbound {
        /// By what became of them.
        pub state: Option<InboundState>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Takes one raw RFC 5322 message. The signature is the caller's proof.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/inbound-email", tag = "inbound-email", params(("portal" = String, Path),
        ("X-Portico-Timestamp" = String, Header, description = "Unix seconds."),
        ("X-Portico-Signature" = String, Header, description = "`sha256=` and the hex of HMAC-SHA256(secret, timestamp + \".\" + body).")),
    request_body(content = String, content_type = "message/rfc822"), responses((status = 202, body = InboundTaken)))]
async fn ingest(Api(call): Api, request: Request) -> Answer<Response> {
    refuse_encoded(request.headers())?;
    let kind = text(request.headers(), header::CONTENT_TYPE.as_str());
    if kind.split(';').next().is_none_or(|essence| !essence.trim().eq_ignore_ascii_case("message/rfc822")) {
        return Err(Problem::UnsupportedMediaType("message/rfc822"));
    }
    let (timestamp, signature) = (text(request.headers(), "x-portico-timestamp"), text(request.headers(), "x-portico-signature"));
    let raw = read_limited(request, MESSAGE_BYTES).await?;
    let message = proto::IngestMailRequest { portal: call.portal(), raw: raw.to_vec(), timestamp, signature };
    let answer = call.clients().inbound().ingest_mail(call.grpc(message)).await?.into_inner();
    Ok((StatusCode::ACCEPTED, Json(InboundTaken { message_id: answer.message_id })).into_response())
}

/// Messages, newest first; agents only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/inbound-email", tag = "inbound-email", params(("portal" = String, Path), ListInbound),
    responses((status = 200, body = Page<InboundMail>)))]
async fn list(Api(call): Api, Params(params): Params<ListInbound>) -> Answer<Json<Page<InboundMail>>> {
    let request = call.grpc(proto::ListInboundMailsRequest {
        portal: call.portal(),
        state: params.state.map_or(0, |state| state.to_proto().into()),
        page: page(params.limit, params.cursor),
    });
    let answer = call.clients().inbound().list_inbound_mails(request).await?.into_inner();
    Ok(Page::new(answer.items, answer.next_page_token))
}

/// What became of a message; agents only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/inbound-email/{message_id}", tag = "inbound-email",
    params(("portal" = String, Path), ("message_id" = String, Path)), responses((status = 200, body = InboundMail)))]
async fn read(Api(call): Api) -> Answer<Json<InboundMail>> {
    let request = call.grpc(proto::GetInboundMailRequest { portal: call.portal(), message_id: call.path("message_id") });
    Ok(Json(call.clients().inbound().get_inbound_mail(request).await?.into_inner().into()))
}

/// Turns a claim into a comment; agents only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/inbound-email/{message_id}/accept", tag = "inbound-email",
    params(("portal" = String, Path), ("message_id" = String, Path)), request_body = Option<Nothing>,
    responses((status = 200, body = InboundMail)))]
async fn accept(Api(call): Api, _body: MaybeBody<Nothing>) -> Answer<Json<InboundMail>> {
    let request = call.grpc(proto::AcceptInboundMailRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        message_id: call.path("message_id"),
    });
    Ok(Json(call.clients().inbound().accept_inbound_mail(request).await?.into_inner().into()))
}

/// Drops a claim; agents only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/inbound-email/{message_id}/drop", tag = "inbound-email",
    params(("portal" = String, Path), ("message_id" = String, Path)), request_body = Option<Nothing>,
    responses((status = 200, body = InboundMail)))]
async fn drop_claim(Api(call): Api, _body: MaybeBody<Nothing>) -> Answer<Json<InboundMail>> {
    let request = call.grpc(proto::DropInboundMailRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        message_id: call.path("message_id"),
    });
    Ok(Json(call.clients().inbound().drop_inbound_mail(request).await?.into_inner().into()))
}

/// The routes of this noun. The door bounds its body itself.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, ingest))
        .layer(DefaultBodyLimit::disable())
        .routes(routes!(read))
        .routes(routes!(accept))
        .routes(routes!(drop_claim))
}
