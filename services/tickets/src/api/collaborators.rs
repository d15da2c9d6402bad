//! CollaboratorsService.

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_chassis::page::{First, Wanted};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::collaborators_service_server::CollaboratorsService;
use tonic::{Request, Response, Status};

use super::fields::Form;
use crate::app::Tickets;
use crate::app::asker::Asker;
use crate::app::collaborator::{ShareInput, ShareView};
use crate::domain::kinds::Access;

/// The service.
pub struct Api(pub Tickets);

fn message(view: ShareView) -> wire::Collaborator {
    wire::Collaborator {
        id: view.id.to_string(),
        email: view.email,
        name: view.name.unwrap_or_default(),
        state: i32::from(view.state.code()),
        access: i32::from(view.access.code()),
        expires_at: view.expires_at.map(to_proto),
        created_at: Some(to_proto(view.created_at)),
        me: view.me,
    }
}

#[tonic::async_trait]
impl CollaboratorsService for Api {
    async fn list_collaborators(
        &self,
        request: Request<wire::ListCollaboratorsRequest>,
    ) -> Result<Response<wire::ListCollaboratorsResponse>, Status> {
        let (context, given) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &given.portal)?;
        let page = given.page.unwrap_or_default();
        let wanted = Wanted { first: First::of(given.newest_first), size: page.page_size, token: &page.page_token };
        let (shares, next_page_token) = self.0.shares(&asker, &given.number, wanted).await?;
        Ok(Response::new(wire::ListCollaboratorsResponse { collaborators: shares.into_iter().map(message).collect(), next_page_token }))
    }

    async fn add_collaborator(&self, request: Request<wire::AddCollaboratorRequest>) -> Result<Response<wire::Collaborator>, Status> {
        let (context, given) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &given.portal)?;
        let request = context.request_key("AddCollaborator", &given.request_id, &given)?;
        let mut form = Form::default();
        let email = form.email("email", &given.email);
        let access = form.choice("access", given.access, Access::from_code).unwrap_or(Access::Write);
        let expires_at = form.time("expires_at", given.expires_at.as_ref());
        form.done()?;
        let view = self.0.share(&asker, &given.number, ShareInput { request, email, access, expires_at }).await?;
        Ok(Response::new(message(view)))
    }

    async fn remove_collaborator(
        &self,
        request: Request<wire::RemoveCollaboratorRequest>,
    ) -> Result<Response<wire::RemoveCollaboratorResponse>, Status> {
        let (context, given) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &given.portal)?;
        let request = context.request_key("RemoveCollaborator", &given.request_id, &given)?;
        let id = given.collaborator_id.parse().map_err(|_| Error::NOT_FOUND)?;
        self.0.unshare(&asker, &given.number, request, id).await?;
        Ok(Response::new(wire::RemoveCollaboratorResponse {}))
    }

    async fn confirm_collaborator(
        &self,
        request: Request<wire::ConfirmCollaboratorRequest>,
    ) -> Result<Response<wire::Collaborator>, Status> {
        let (context, given) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &given.portal)?;
        let request = context.request_key("ConfirmCollaborator", &given.request_id, &given)?;
        let id = given.collaborator_id.parse().map_err(|_| Error::NOT_FOUND)?;
        Ok(Response::new(message(self.0.confirm(&asker, &given.number, request, id).await?)))
    }
}
