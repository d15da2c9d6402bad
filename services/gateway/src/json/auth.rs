//! Getting in and out. The answers of a program's sign-in are tokens; a browser's pages use the cookie.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chassis::peers::once;
use portico_proto::identity::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::proofs::{Captcha, LinkToken};
use super::shared::{accepted, created, nothing, text};
use super::user::User;
use crate::call::{Api, Call};
use crate::error::Answer;
use crate::extract::{Body, MaybeBody};
use crate::json_body;
use crate::state::AppState;

json_body! {
    /// Asks for an account.
    pub struct SignUp {
        /// Display name.
        #[schema(min_length = 1, max_length = 120)]
        pub name: String,
        /// Mail address.
        #[schema(min_length = 3, max_length = 254)]
        pub email: String,
        /// Purpose `signup`.
        pub captcha: Captcha,
    }
}

json_body! {
    /// Registers by a one-time link.
    pub struct Register {
        /// From an invite, auto-invite or sign-up mail.
        #[schema(value_type = String)]
        pub token: LinkToken,
        /// 15 characters to 1,024 bytes.
        #[schema(min_length = 15, max_length = 1024)]
        pub password: String,
        /// Replaces the name of the link.
        #[schema(min_length = 1, max_length = 120)]
        pub name: Option<String>,
    }
}

json_body! {
    /// Signs in.
    pub struct Login {
        /// Mail address.
        pub email: String,
        /// Password.
        pub password: String,
    }
}

json_body! {
    /// Exchanges a refresh token.
    pub struct Refresh {
        /// The one that was given last.
        pub refresh_token: String,
    }
}

json_body! {
    /// Signs out.
    pub struct Logout {
        /// Every session, not only this one.
        pub all: Option<bool>,
    }
}

json_body! {
    /// Asks for a mail with a link.
    pub struct AskReset {
        /// Mail address.
        #[schema(min_length = 3, max_length = 254)]
        pub email: String,
        /// Purpose `password_reset`.
        pub captcha: Captcha,
    }
}

json_body! {
    /// Sets a new password by a link.
    pub struct ConfirmReset {
        /// From the mail.
        #[schema(value_type = String)]
        pub token: LinkToken,
        /// 15 characters to 1,024 bytes.
        #[schema(min_length = 15, max_length = 1024)]
        pub password: String,
    }
}

json_body! {
    /// Proves an address.
    pub struct ConfirmAddress {
        /// From the mail.
        #[schema(value_type = String)]
        pub token: LinkToken,
    }
}

/// A sign-in of a program.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// Seconds.
    pub expires_in: i32,
    /// For `auth/refresh`, once.
    pub refresh_token: String,
    /// Who it is.
    pub user: User,
}

impl TryFrom<proto::SignIn> for SignedIn {
    type Error = chassis::error::Error;

    fn try_from(answer: proto::SignIn) -> Result<Self, Self::Error> {
        let user = answer.user.ok_or_else(|| chassis::error::Error::internal("identity answered a sign-in without the user"))?;
        Ok(Self {
            access_token: answer.access_token,
            expires_in: answer.expires_in,
            refresh_token: answer.refresh_token,
            user: user.into(),
        })
    }
}

impl Captcha {
    /// Identity's form.
    pub fn for_identity(self) -> Option<proto::CaptchaAnswer> {
        Some(proto::CaptchaAnswer { number: self.number_text(), token: self.token, code: text(self.code) })
    }
}

/// Asks for an account. The answer is always the same, known address or not.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/signup", tag = "auth", params(("portal" = String, Path)),
    request_body = SignUp, responses((status = 202, body = Object)))]
async fn signup(Api(call): Api, Body(body): Body<SignUp>) -> Answer<Response> {
    call.limit_credentials()?;
    let request = call.grpc(proto::SignUpRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        name: body.name,
        email: body.email,
        captcha: body.captcha.for_identity(),
    });
    call.clients().accounts().sign_up(request).await?;
    Ok(accepted())
}

/// Sets the password by a one-time link and signs in.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/register", tag = "auth", params(("portal" = String, Path)),
    request_body = Register, responses((status = 201, body = SignedIn)))]
async fn register(Api(call): Api, Body(body): Body<Register>) -> Answer<Response> {
    call.limit_credentials()?;
    let request = call.grpc(proto::RegisterRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        token: body.token.0,
        password: body.password,
        name: text(body.name),
        client: Some(call.client(false)),
    });
    let answer = call.clients().accounts().register(request).await?.into_inner();
    let device = Call::device_cookie(&answer);
    Ok(with_device(created(SignedIn::try_from(answer)?), device))
}

/// Signs in with address and password.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/login", tag = "auth", params(("portal" = String, Path)),
    request_body = Login, responses((status = 200, body = SignedIn)))]
async fn login(Api(call): Api, Body(body): Body<Login>) -> Answer<Response> {
    call.limit_credentials()?;
    let request = once(call.grpc(proto::LoginRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        email: body.email,
        password: body.password,
        client: Some(call.client(false)),
    }));
    let answer = call.clients().sessions().login(request).await?.into_inner();
    let device = Call::device_cookie(&answer);
    Ok(with_device(Json(SignedIn::try_from(answer)?).into_response(), device))
}

/// A client that keeps cookies is a known device from now on.
fn with_device(mut response: Response, device: Option<HeaderValue>) -> Response {
    if let Some(cookie) = device {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Exchanges a refresh token for the next one; a used one ends the session.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/refresh", tag = "auth", params(("portal" = String, Path)),
    request_body = Refresh, responses((status = 200, body = SignedIn)))]
async fn refresh(Api(call): Api, Body(body): Body<Refresh>) -> Answer<Json<SignedIn>> {
    call.limit_credentials()?;
    let request = call.grpc(proto::RefreshRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        refresh_token: body.refresh_token,
        client: Some(call.client(false)),
    });
    let answer = call.clients().sessions().refresh(request).await?.into_inner();
    Ok(Json(answer.try_into()?))
}

/// Ends this session, or every one.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/logout", tag = "auth", params(("portal" = String, Path)),
    request_body = Option<Logout>, responses((status = 204)))]
async fn logout(Api(call): Api, MaybeBody(body): MaybeBody<Logout>) -> Answer<Response> {
    let request = call.grpc(proto::LogoutRequest { portal: call.portal(), request_id: call.request_id(), all: body.all.unwrap_or(false) });
    call.clients().sessions().logout(request).await?;
    let mut response = nothing();
    if let Some(cookie) = call.renewed_cookie() {
        response.headers_mut().append(axum::http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Asks for a password reset mail. The answer is always the same.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/password-reset", tag = "auth", params(("portal" = String, Path)),
    request_body = AskReset, responses((status = 202, body = Object)))]
async fn ask_reset(Api(call): Api, Body(body): Body<AskReset>) -> Answer<Response> {
    call.limit_credentials()?;
    let request = call.grpc(proto::RequestPasswordResetRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        email: body.email,
        captcha: body.captcha.for_identity(),
    });
    call.clients().accounts().request_password_reset(request).await?;
    Ok(accepted())
}

/// Sets a new password by a reset link; every session of the person ends.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/password-reset/confirm", tag = "auth", params(("portal" = String, Path)),
    request_body = ConfirmReset, responses((status = 204)))]
async fn confirm_reset(Api(call): Api, Body(body): Body<ConfirmReset>) -> Answer<Response> {
    call.limit_credentials()?;
    let request = call.grpc(proto::ConfirmPasswordResetRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        token: body.token.0,
        password: body.password,
    });
    call.clients().accounts().confirm_password_reset(request).await?;
    Ok(nothing())
}

/// Proves that a guest reads the address of an auto-invite.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/auth/confirm", tag = "auth", params(("portal" = String, Path)),
    request_body = ConfirmAddress, responses((status = 204)))]
async fn confirm(Api(call): Api, Body(body): Body<ConfirmAddress>) -> Answer<Response> {
    call.limit_credentials()?;
    let request = call.grpc(proto::ConfirmAddressRequest { portal: call.portal(), request_id: call.request_id(), token: body.token.0 });
    call.clients().accounts().confirm_address(request).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(signup))
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(ask_reset))
        .routes(routes!(confirm_reset))
        .routes(routes!(confirm))
}
