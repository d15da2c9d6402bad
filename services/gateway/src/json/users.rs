//! People of a portal, for agents and administrators.

use axum::Json;
use axum::response::{IntoResponse, Response};
use portico_proto::identity::v1 as proto;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{AccountRole, Page, resource, tagged, text};
use super::user::{PersonStatus, User};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Limit, Params, page};
use crate::state::AppState;
use crate::{json_body, query_params};

query_params! {
    /// What a list of people is narrowed to.
    pub struct ListUsers {
        /// Start of a name or address.
        #[param(max_length = 100)]
        pub q: Option<String>,
        /// By role.
        pub role: Option<AccountRole>,
        /// By status.
        pub status: Option<PersonStatus>,
        /// Id of an organisation.
        pub organization: Option<String>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

json_body! {
    /// Changes of a person; what is left out stays.
    pub struct PatchUser {
        /// Display name.
        #[schema(min_length = 1, max_length = 120)]
        pub name: Option<String>,
        /// Administrators only.
        pub role: Option<AccountRole>,
        /// Administrators only; suspending ends sessions, tokens and links.
        pub status: Option<PersonStatus>,
    }
}

/// People, newest first; agents only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/users", tag = "people", params(("portal" = String, Path), ListUsers),
    responses((status = 200, body = Page<User>)))]
async fn list(Api(call): Api, Params(params): Params<ListUsers>) -> Answer<Json<Page<User>>> {
    let request = call.grpc(proto::ListPeopleRequest {
        portal: call.portal(),
        page: page(params.limit, params.cursor),
        query: text(params.q),
        role: params.role.map_or(0, |role| role.to_proto().into()),
        status: params.status.map_or(0, |status| status.to_proto().into()),
        organization_id: text(params.organization),
    });
    let answer = call.clients().people().list_people(request).await?.into_inner();
    Ok(Page::new(answer.people, answer.next_page_token))
}

/// One person; agents only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/users/{id}", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 200, body = User)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetPersonRequest { portal: call.portal(), person_id: call.path("id") });
    let user = call.clients().people().get_person(request).await?.into_inner();
    let etag = user.etag.clone();
    Ok(resource(&call.headers, &etag, User::from(user)))
}

/// Changes a person; administrators, agents the name of a customer.
#[utoipa::path(patch, path = "/api/v1/portals/{portal}/users/{id}", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = PatchUser, responses((status = 200, body = User)))]
async fn patch(Api(call): Api, Body(body): Body<PatchUser>) -> Answer<Response> {
    let request = call.grpc(proto::UpdatePersonRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        person_id: call.path("id"),
        name: body.name,
        role: body.role.map(|role| role.to_proto().into()),
        status: body.status.map(|status| status.to_proto().into()),
    });
    let user = call.clients().people().update_person(request).await?.into_inner();
    let etag = user.etag.clone();
    Ok(tagged(&etag, Json(User::from(user)).into_response()))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, patch))
}
