//! How a user looks, and the one who is signed in.

use axum::Json;
use axum::http::header;
use axum::response::Response;
use chassis::peers::once;
use portico_proto::identity::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{AccountRole, Moment, Named, Page, Visibility, nothing, resource, tagged};
use crate::call::{Api, Call};
use crate::error::Answer;
use crate::extract::{Body, PageParams, Params};
use crate::renewal;
use crate::state::AppState;
use crate::{json_body, wire_enum};

wire_enum! {
    /// Whether a person may act.
    pub enum PersonStatus : proto::PersonStatus {
        /// May act.
        Active = "active" <=> Active,
        /// May not.
        Suspended = "suspended" <=> Suspended,
    }
}

wire_enum! {
    /// Who keeps the password.
    pub enum Origin : proto::Origin {
        /// This portal.
        Internal = "internal" <=> Internal,
        /// A directory or single sign-on.
        External = "external" <=> External,
    }
}

/// A person of a portal.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    /// Opaque.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// What they may be.
    pub role: Option<AccountRole>,
    /// Whether they may act.
    pub status: Option<PersonStatus>,
    /// Who keeps the password.
    pub origin: Option<Origin>,
    /// The organisation they belong to.
    pub organization: Option<Named>,
    /// Which tickets they see besides those shared with them.
    pub visibility: Option<Visibility>,
    /// BCP 47 tag.
    pub locale: String,
    /// IANA name.
    pub time_zone: String,
}

impl From<proto::User> for User {
    fn from(user: proto::User) -> Self {
        Self {
            role: AccountRole::from_proto(user.role),
            status: PersonStatus::from_proto(user.status),
            origin: Origin::from_proto(user.origin),
            organization: Named::organization(user.organization),
            visibility: Visibility::from_proto(user.visibility),
            id: user.id,
            name: user.name,
            email: user.email,
            locale: user.locale,
            time_zone: user.time_zone,
        }
    }
}

/// The signed-in person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The person.
    #[serde(flatten)]
    pub user: User,
    /// For `X-CSRF-Token`, with a cookie; null with a token.
    pub csrf_token: Option<String>,
}

json_body! {
    /// Changes of one's own facts; what is left out stays.
    pub struct PatchMe {
        /// Display name.
        #[schema(min_length = 1, max_length = 120)]
        pub name: Option<String>,
        /// One of the portal's locales.
        pub locale: Option<String>,
        /// IANA name.
        pub time_zone: Option<String>,
    }
}

json_body! {
    /// A new password.
    pub struct ChangePassword {
        /// The present one.
        #[schema(max_length = 1024)]
        pub current: String,
        /// 15 characters to 1,024 bytes.
        #[schema(min_length = 15, max_length = 1024)]
        pub new: String,
    }
}

/// A sign-in that is in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// Opaque.
    pub id: String,
    /// When it began.
    pub created_at: Option<Moment>,
    /// Exact to a minute.
    pub last_used_at: Option<Moment>,
    /// As the client named itself.
    pub user_agent: String,
    /// Address.
    pub ip: String,
    /// The one of this call.
    pub current: bool,
}

impl From<proto::Session> for Session {
    fn from(session: proto::Session) -> Self {
        Self {
            created_at: Moment::of(session.created_at.as_ref()),
            last_used_at: Moment::of(session.last_used_at.as_ref()),
            id: session.id,
            user_agent: session.user_agent,
            ip: session.ip,
            current: session.current,
        }
    }
}

fn me(call: &Call, user: proto::User) -> (String, Me) {
    (user.etag.clone(), Me { user: user.into(), csrf_token: call.csrf_token() })
}

/// The signed-in person.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/me", tag = "me", params(("portal" = String, Path)), responses((status = 200, body = Me)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetMeRequest { portal: call.portal() });
    let (etag, me) = me(&call, call.clients().people().get_me(request).await?.into_inner());
    Ok(resource(&call.headers, &etag, me))
}

/// Changes one's own name, locale or time zone.
#[utoipa::path(patch, path = "/api/v1/portals/{portal}/me", tag = "me", params(("portal" = String, Path)),
    request_body = PatchMe, responses((status = 200, body = Me)))]
async fn patch(Api(call): Api, Body(body): Body<PatchMe>) -> Answer<Response> {
    let request = call.grpc(proto::UpdateMeRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        name: body.name,
        locale: body.locale,
        time_zone: body.time_zone,
    });
    let (etag, me) = me(&call, call.clients().people().update_me(request).await?.into_inner());
    Ok(tagged(&etag, axum::response::IntoResponse::into_response(Json(me))))
}

/// Sets a new password after checking the present one; every other session ends. With the cookie, the answer sets a new one.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/me/password", tag = "me", params(("portal" = String, Path)),
    request_body = ChangePassword, responses((status = 204)))]
async fn password(Api(call): Api, Body(body): Body<ChangePassword>) -> Answer<Response> {
    call.limit_credentials()?;
    let new = body.new;
    let request = once(call.grpc(proto::ChangePasswordRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        current: body.current,
        new: new.clone(),
    }));
    call.clients().people().change_password(request).await?;
    let mut response = nothing();
    for cookie in renewal::after_password_change(&call, &new).await {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// One's own sessions, newest first.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/me/sessions", tag = "me", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = Page<Session>)))]
async fn sessions(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<Session>>> {
    let request = call.grpc(proto::ListSessionsRequest { portal: call.portal(), page: params.request() });
    let answer = call.clients().sessions().list_sessions(request).await?.into_inner();
    Ok(Page::new(answer.sessions, answer.next_page_token))
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/me/sessions/{id}", tag = "me",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn end_session(Api(call): Api) -> Answer<Response> {
    let id = call.path("id");
    let request = call.grpc(proto::EndSessionRequest { portal: call.portal(), request_id: call.request_id(), session_id: id });
    call.clients().sessions().end_session(request).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read, patch)).routes(routes!(password)).routes(routes!(sessions)).routes(routes!(end_session))
}
