//! InvitationsService.

use portico_chassis::grpc::context;
use portico_chassis::page;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::invitations_service_server::InvitationsService;
use tonic::{Request, Response, Status};

use super::Api;
use super::encode::{self, Place};
use super::fields::{self, Fields, vouched};
use crate::app::invitation::NewInvitation;
use crate::domain::invitation::Wanted;
use crate::domain::person::Role;

#[tonic::async_trait]
impl InvitationsService for Api {
    async fn create_invitation(&self, request: Request<wire::CreateInvitationRequest>) -> Result<Response<wire::Invitation>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("CreateInvitation", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let email = fields.email("email", &request.email);
        let name = fields.optional_name("name", &request.name);
        let wanted = Wanted {
            role: fields::role(&mut fields, request.role).unwrap_or(Role::Customer),
            organization: fields.reference("organization", &request.organization_id),
            visibility: fields::visibility(&mut fields, request.visibility),
        };
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        let new = NewInvitation { email: vouched(email)?, name, wanted };
        Ok(Response::new(encode::invitation(self.app.create_invitation(&context, &ask, new).await?)))
    }

    async fn resend_invitation(&self, request: Request<wire::ResendInvitationRequest>) -> Result<Response<wire::Invitation>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("ResendInvitation", &request.request_id, &request)?;
        let id = fields::id(&request.invitation_id)?;
        let ask = self.app.ask(&context, portal, key);
        Ok(Response::new(encode::invitation(self.app.resend_invitation(&context, &ask, id).await?)))
    }

    async fn revoke_invitation(&self, request: Request<wire::RevokeInvitationRequest>) -> Result<Response<wire::Invitation>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("RevokeInvitation", &request.request_id, &request)?;
        let id = fields::id(&request.invitation_id)?;
        let ask = self.app.ask(&context, portal, key);
        Ok(Response::new(encode::invitation(self.app.revoke_invitation(&context, &ask, id).await?)))
    }

    async fn list_invitations(
        &self,
        request: Request<wire::ListInvitationsRequest>,
    ) -> Result<Response<wire::ListInvitationsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let status = fields::invitation_status(request.status)?;
        let wanted = request.page.unwrap_or_default();
        let (actor, narrowed) = (context.caller.actor(), format!("{status:?}"));
        let scope = ["invitations", portal.as_str(), &actor, &narrowed];
        let before: Option<Place> = self.pager.cursor(&scope, &wanted.page_token)?;
        let size = page::size(wanted.page_size)?;
        let mut views = self.app.list_invitations(&context, &portal, status, encode::before(before), size + 1).await?;
        let next_page_token =
            encode::page(&mut views, size, |last| self.pager.token(&scope, &encode::place(last.created_at, last.id.uuid())))?;
        let invitations = views.into_iter().map(encode::invitation).collect();
        Ok(Response::new(wire::ListInvitationsResponse { invitations, next_page_token }))
    }
}
