//! LinksService.

use portico_chassis::clock::to_proto;
use portico_chassis::grpc::context;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::links_service_server::LinksService;
use tonic::{Request, Response, Status};

use super::{Api, input};
use crate::domain::link::{LinkAction, LinkKind};

/// The kind in the contract's words.
pub fn kind(kind: LinkKind) -> i32 {
    let kind = match kind {
        LinkKind::Invite => wire::LinkKind::Invite,
        LinkKind::AutoInvite => wire::LinkKind::AutoInvite,
        LinkKind::SignUp => wire::LinkKind::SignUp,
        LinkKind::PasswordReset => wire::LinkKind::PasswordReset,
    };
    kind.into()
}

/// The action in the contract's words. A link that leads to the sign-in page has no page of its own.
pub fn action(action: LinkAction) -> i32 {
    let action = match action {
        LinkAction::Register => wire::LinkAction::Register,
        LinkAction::ConfirmAddress => wire::LinkAction::ConfirmAddress,
        LinkAction::ResetPassword => wire::LinkAction::ResetPassword,
        LinkAction::SignIn => wire::LinkAction::Unspecified,
    };
    action.into()
}

#[tonic::async_trait]
impl LinksService for Api {
    async fn render_link(&self, request: Request<wire::RenderLinkRequest>) -> Result<Response<wire::RenderedLink>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        let id = input::id(&request.get_ref().link_id)?;
        let rendered = self.app.render_link(&portal, id, context.deadline).await?;
        let to_name = if rendered.link.name.is_empty() { rendered.person.name } else { rendered.link.name };
        Ok(Response::new(wire::RenderedLink {
            kind: kind(rendered.link.kind),
            to_address: rendered.person.email.to_string(),
            to_name,
            locale: rendered.person.locale,
            portal_title: rendered.portal_title,
            path: rendered.path,
            expires_at: Some(to_proto(rendered.link.expires_at)),
        }))
    }
}
