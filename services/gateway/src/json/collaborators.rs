//! Who else sees a ticket.

use axum::Json;
use axum::response::Response;
use portico_proto::tickets::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Moment, Nothing, Page, created, filled, nothing};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, MaybeBody, Params, TimedPageParams};
use crate::state::AppState;
use crate::{json_body, wire_enum};

wire_enum! {
    /// What a collaborator may do.
    pub enum Access : proto::CollaboratorAccess {
        /// Read.
        Read = "read" <=> Read,
        /// Also comment.
        Write = "write" <=> Write,
    }
}

wire_enum! {
    /// Whether the access is in force.
    pub enum CollaboratorState : proto::CollaboratorState {
        /// A Cc of inbound mail that waits for its confirmation.
        Pending = "pending" <=> Pending,
        /// In force.
        Active = "active" <=> Active,
    }
}

/// Somebody who sees a ticket because it was shared.
#[derive(Debug, Serialize, ToSchema)]
pub struct Collaborator {
    /// Opaque.
    pub id: String,
    /// The address it was shared with.
    pub email: String,
    /// Null until that person first acts on the ticket.
    pub name: Option<String>,
    /// Whether it is in force.
    pub state: Option<CollaboratorState>,
    /// What they may do.
    pub access: Access,
    /// When it ends by itself.
    pub expires_at: Option<Moment>,
    /// When it was shared.
    pub created_at: Option<Moment>,
}

impl From<proto::Collaborator> for Collaborator {
    fn from(one: proto::Collaborator) -> Self {
        Self {
            name: filled(one.name),
            state: CollaboratorState::from_proto(one.state),
            access: Access::from_proto(one.access).unwrap_or(Access::Write),
            expires_at: Moment::of(one.expires_at.as_ref()),
            created_at: Moment::of(one.created_at.as_ref()),
            id: one.id,
            email: one.email,
        }
    }
}

json_body! {
    /// Shares the ticket with an address.
    pub struct AddCollaborator {
        /// Mail address.
        #[schema(min_length = 3, max_length = 254)]
        pub email: String,
        /// `write` when left out.
        pub access: Option<Access>,
        /// No end when left out.
        pub expires_at: Option<Moment>,
    }
}

/// The collaborators of a ticket, newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/tickets/{number}/collaborators", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path), TimedPageParams), responses((status = 200, body = Page<Collaborator>)))]
async fn list(Api(call): Api, Params(params): Params<TimedPageParams>) -> Answer<Json<Page<Collaborator>>> {
    let number = call.path("number");
    let newest_first = params.newest_first();
    let request = proto::ListCollaboratorsRequest { portal: call.portal(), number, page: params.request(), newest_first };
    let answer = call.clients().collaborators().list_collaborators(call.grpc(request)).await?.into_inner();
    Ok(Page::new(answer.collaborators, answer.next_page_token))
}

/// Shares a ticket. The answer is the same whether the address has an account or not.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets/{number}/collaborators", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = AddCollaborator, responses((status = 201, body = Collaborator)))]
async fn add(Api(call): Api, Body(body): Body<AddCollaborator>) -> Answer<Response> {
    let number = call.path("number");
    let request = call.grpc(proto::AddCollaboratorRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        number,
        email: body.email,
        access: body.access.unwrap_or(Access::Write).to_proto().into(),
        expires_at: body.expires_at.map(Moment::to_proto),
    });
    Ok(created(Collaborator::from(call.clients().collaborators().add_collaborator(request).await?.into_inner())))
}

/// Takes the access away at once.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/tickets/{number}/collaborators/{id}", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn remove(Api(call): Api) -> Answer<Response> {
    let number = call.path("number");
    let id = call.path("id");
    let request = proto::RemoveCollaboratorRequest { portal: call.portal(), request_id: call.request_id(), number, collaborator_id: id };
    call.clients().collaborators().remove_collaborator(call.grpc(request)).await?;
    Ok(nothing())
}

/// Makes a pending collaborator an active one.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets/{number}/collaborators/{id}/confirm", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path), ("id" = String, Path)), request_body = Option<Nothing>,
    responses((status = 200, body = Collaborator)))]
async fn confirm(Api(call): Api, _body: MaybeBody<Nothing>) -> Answer<Json<Collaborator>> {
    let number = call.path("number");
    let id = call.path("id");
    let request = proto::ConfirmCollaboratorRequest { portal: call.portal(), request_id: call.request_id(), number, collaborator_id: id };
    Ok(Json(call.clients().collaborators().confirm_collaborator(call.grpc(request)).await?.into_inner().into()))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(remove)).routes(routes!(confirm))
}
