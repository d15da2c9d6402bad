//! Invitations: somebody with the right to do so brings somebody in.

use axum::Json;
use axum::response::Response;
use portico_proto::identity::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{AccountRole, Moment, Named, Nothing, Page, Visibility, created, filled, nothing, text};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Limit, MaybeBody, Params, page};
use crate::state::AppState;
use crate::{json_body, query_params, wire_enum};

wire_enum! {
    /// What became of an invitation.
    pub enum InvitationStatus : proto::InvitationStatus {
        /// Waits.
        Pending = "pending" <=> Pending,
        /// Was used.
        Accepted = "accepted" <=> Accepted,
        /// Was taken back.
        Revoked = "revoked" <=> Revoked,
        /// Its time is over.
        Expired = "expired" <=> Expired,
    }
}

/// An invitation, without its token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invitation {
    /// Opaque.
    pub id: String,
    /// Whom it is for.
    pub email: String,
    /// Display name.
    pub name: Option<String>,
    /// What they will be.
    pub role: Option<AccountRole>,
    /// The organisation they join.
    pub organization: Option<Named>,
    /// What they will see.
    pub visibility: Option<Visibility>,
    /// What became of it.
    pub status: Option<InvitationStatus>,
    /// When it ends.
    pub expires_at: Option<Moment>,
    /// When it was made.
    pub created_at: Option<Moment>,
}

impl From<proto::Invitation> for Invitation {
    fn from(one: proto::Invitation) -> Self {
        Self {
            name: filled(one.name),
            role: AccountRole::from_proto(one.role),
            organization: Named::organization(one.organization),
            visibility: Visibility::from_proto(one.visibility),
            status: InvitationStatus::from_proto(one.status),
            expires_at: Moment::of(one.expires_at.as_ref()),
            created_at: Moment::of(one.created_at.as_ref()),
            id: one.id,
            email: one.email,
        }
    }
}

query_params! {
    /// Which invitations.
    pub struct ListInvitations {
        /// By what became of them.
        pub status: Option<InvitationStatus>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

json_body! {
    /// Invites an address.
    pub struct CreateInvitation {
        /// Mail address.
        #[schema(min_length = 3, max_length = 254)]
        pub email: String,
        /// Display name.
        #[schema(max_length = 120)]
        pub name: Option<String>,
        /// `customer` when left out.
        pub role: Option<AccountRole>,
        /// Id of the organisation that the person joins.
        pub organization: Option<String>,
        /// As the portal's policy says when left out.
        pub visibility: Option<Visibility>,
    }
}

/// Invitations, newest first.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/invitations", tag = "people", params(("portal" = String, Path), ListInvitations),
    responses((status = 200, body = Page<Invitation>)))]
async fn list(Api(call): Api, Params(params): Params<ListInvitations>) -> Answer<Json<Page<Invitation>>> {
    let request = call.grpc(proto::ListInvitationsRequest {
        portal: call.portal(),
        page: page(params.limit, params.cursor),
        status: params.status.map_or(0, |status| status.to_proto().into()),
    });
    let answer = call.clients().invitations().list_invitations(request).await?.into_inner();
    Ok(Page::new(answer.invitations, answer.next_page_token))
}

/// Invites; the mail goes out by itself and its token is in no answer.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/invitations", tag = "people", params(("portal" = String, Path)),
    request_body = CreateInvitation, responses((status = 201, body = Invitation)))]
async fn create(Api(call): Api, Body(body): Body<CreateInvitation>) -> Answer<Response> {
    let request = call.grpc(proto::CreateInvitationRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        email: body.email,
        name: text(body.name),
        role: body.role.map_or(0, |role| role.to_proto().into()),
        organization_id: text(body.organization),
        visibility: body.visibility.map_or(0, |visibility| visibility.to_proto().into()),
    });
    Ok(created(Invitation::from(call.clients().invitations().create_invitation(request).await?.into_inner())))
}

/// Sends the mail again with a new link; the older link is dead.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/invitations/{id}/resend", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = Option<Nothing>, responses((status = 200, body = Invitation)))]
async fn resend(Api(call): Api, _body: MaybeBody<Nothing>) -> Answer<Json<Invitation>> {
    let request =
        call.grpc(proto::ResendInvitationRequest { portal: call.portal(), request_id: call.request_id(), invitation_id: call.path("id") });
    Ok(Json(call.clients().invitations().resend_invitation(request).await?.into_inner().into()))
}

/// Takes an invitation back.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/invitations/{id}", tag = "people",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn revoke(Api(call): Api) -> Answer<Response> {
    let request =
        call.grpc(proto::RevokeInvitationRequest { portal: call.portal(), request_id: call.request_id(), invitation_id: call.path("id") });
    call.clients().invitations().revoke_invitation(request).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(resend)).routes(routes!(revoke))
}
