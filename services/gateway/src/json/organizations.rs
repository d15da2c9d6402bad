//! Organisations and who belongs to them.

use axum::Json;
use axum::response::Response;
use portico_proto::identity::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Moment, Page, Visibility, created, nothing, text};
use super::user::User;
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Limit, MaybeBody, PageParams, Params, page};
use crate::state::AppState;
use crate::{json_body, query_params};

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Organization {
    /// Opaque.
    pub id: String,
    /// Unique in the portal.
    pub name: String,
    /// Mail domains.
    pub domains: Vec<String>,
    /// When it was made.
    pub created_at: Option<Moment>,
}

impl From<proto::Organization> for Organization {
    fn from(one: proto::Organization) -> Self {
        Self { created_at: Moment::of(one.created_at.as_ref()), id: one.id, name: one.name, domains: one.domains }
    }
}

query_params! {
    /// Which organisations.
    pub struct ListOrganizations {
        /// Start of a name.
        #[param(max_length = 100)]
        pub q: Option<String>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

json_body! {
    /// A new organisation.
    pub struct CreateOrganization {
        /// Unique in the portal.
        #[schema(min_length = 1, max_length = 120)]
        pub name: String,
        /// Mail domains.
        #[schema(max_items = 50)]
        pub domains: Option<Vec<String>>,
    }
}

json_body! {
    /// What a member sees.
    pub struct PutMember {
        /// As the portal's policy says when left out.
        pub visibility: Option<Visibility>,
    }
}

/// Organisations by name; agents only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/organizations", tag = "people",
    params(("portal" = String, Path), ListOrganizations), responses((status = 200, body = Page<Organization>)))]
async fn list(Api(call): Api, Params(params): Params<ListOrganizations>) -> Answer<Json<Page<Organization>>> {
    let request = call.grpc(proto::ListOrganizationsRequest {
        portal: call.portal(),
        page: page(params.limit, params.cursor),
        query: text(params.q),
    });
    let answer = call.clients().organizations().list_organizations(request).await?.into_inner();
    Ok(Page::new(answer.organizations, answer.next_page_token))
}

/// Makes an organisation; agents only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/organizations", tag = "people", params(("portal" = String, Path)),
    request_body = CreateOrganization, responses((status = 201, body = Organization)))]
async fn create(Api(call): Api, Body(body): Body<CreateOrganization>) -> Answer<Response> {
    let request = call.grpc(proto::CreateOrganizationRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        name: body.name,
        domains: body.domains.unwrap_or_default(),
    });
    Ok(created(Organization::from(call.clients().organizations().create_organization(request).await?.into_inner())))
}

/// One organisation; agents and members.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/organizations/{id}", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 200, body = Organization)))]
async fn read(Api(call): Api) -> Answer<Json<Organization>> {
    let request = call.grpc(proto::GetOrganizationRequest { portal: call.portal(), organization_id: call.path("id") });
    Ok(Json(call.clients().organizations().get_organization(request).await?.into_inner().into()))
}

/// Members of an organisation; agents, and members who see all of it.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/organizations/{id}/members", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path), PageParams), responses((status = 200, body = Page<User>)))]
async fn members(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<User>>> {
    let request = call.grpc(proto::ListMembersRequest { portal: call.portal(), organization_id: call.path("id"), page: params.request() });
    let answer = call.clients().organizations().list_members(request).await?.into_inner();
    Ok(Page::new(answer.members, answer.next_page_token))
}

/// Makes a person a member, or changes what the member sees; agents only.
#[utoipa::path(put, path = "/api/v1/portals/{portal}/organizations/{id}/members/{user}", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path), ("user" = String, Path)), request_body = Option<PutMember>,
    responses((status = 200, body = User)))]
async fn put_member(Api(call): Api, MaybeBody(body): MaybeBody<PutMember>) -> Answer<Json<User>> {
    let request = call.grpc(proto::SetMemberRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        organization_id: call.path("id"),
        person_id: call.path("user"),
        visibility: body.visibility.map_or(0, |visibility| visibility.to_proto().into()),
    });
    Ok(Json(call.clients().organizations().set_member(request).await?.into_inner().into()))
}

/// Takes a person out of the organisation; agents only.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/organizations/{id}/members/{user}", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
async fn remove_member(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::RemoveMemberRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        organization_id: call.path("id"),
        person_id: call.path("user"),
    });
    call.clients().organizations().remove_member(request).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read))
        .routes(routes!(members))
        .routes(routes!(put_member, remove_member))
}
