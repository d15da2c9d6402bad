//! The human check: a proof of work, or a picture or sound with a code.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use portico_proto::identity::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::call::Api;
use crate::error::Answer;
use crate::extract::Body;
use crate::state::AppState;
use crate::{json_body, wire_enum};

wire_enum! {
    /// The form that a challenge is for.
    pub enum Purpose : proto::CaptchaPurpose {
        /// `auth/signup`.
        Signup = "signup" <=> Signup,
        /// `auth/password-reset`.
        PasswordReset = "password_reset" <=> PasswordReset,
        /// `auth/access-requests`.
        AccessRequest = "access_request" <=> AccessRequest,
        /// A guest's `tickets` and its `uploads`.
        GuestTicket = "guest_ticket" <=> GuestTicket,
    }
}

json_body! {
    /// Which form it is for.
    pub struct AskCaptcha {
        /// The form.
        pub purpose: Purpose,
    }
}

/// Find a whole number such that SHA-256 over the UTF-8 bytes of `salt` followed by the number in decimal starts with `difficulty` zero bits.
#[derive(Debug, Serialize, ToSchema)]
pub struct Challenge {
    /// Comes back with the answer.
    pub token: String,
    /// Text.
    pub salt: String,
    /// Zero bits.
    pub difficulty: i32,
}

/// A challenge.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaptchaIssued {
    /// Good for 5 minutes and one use.
    pub challenge: Challenge,
}

impl From<proto::Challenge> for CaptchaIssued {
    fn from(challenge: proto::Challenge) -> Self {
        Self { challenge: Challenge { token: challenge.token, salt: challenge.salt, difficulty: challenge.difficulty } }
    }
}

/// Makes a challenge.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/captcha", tag = "captcha", params(("portal" = String, Path)),
    request_body = AskCaptcha, responses((status = 200, body = CaptchaIssued)))]
async fn issue(Api(call): Api, Body(body): Body<AskCaptcha>) -> Answer<Json<CaptchaIssued>> {
    let request = call.grpc(proto::IssueCaptchaRequest { portal: call.portal(), purpose: body.purpose.to_proto().into() });
    Ok(Json(call.clients().captcha().issue_captcha(request).await?.into_inner().into()))
}

/// The challenge's code as a picture.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/captcha/{token}/image", tag = "captcha",
    params(("portal" = String, Path), ("token" = String, Path)), responses((status = 200, content_type = "image/png", body = String)))]
async fn image(Api(call): Api) -> Answer<Response> {
    let token = call.path("token");
    let request = call.grpc(proto::GetCaptchaImageRequest { portal: call.portal(), token });
    Ok(media(call.clients().captcha().get_captcha_image(request).await?.into_inner()))
}

/// The challenge's code, spoken.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/captcha/{token}/audio", tag = "captcha",
    params(("portal" = String, Path), ("token" = String, Path)), responses((status = 200, content_type = "audio/wav", body = String)))]
async fn audio(Api(call): Api) -> Answer<Response> {
    let token = call.path("token");
    let request = call.grpc(proto::GetCaptchaAudioRequest { portal: call.portal(), token });
    Ok(media(call.clients().captcha().get_captcha_audio(request).await?.into_inner()))
}

fn media(media: proto::CaptchaMedia) -> Response {
    let kind = if media.content_type == "audio/wav" { "audio/wav" } else { "image/png" };
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], media.content).into_response()
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(issue)).routes(routes!(image)).routes(routes!(audio))
}
