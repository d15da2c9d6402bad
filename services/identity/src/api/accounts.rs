//! AccountsService.

use portico_chassis::clock::to_proto;
use portico_chassis::grpc::context;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::accounts_service_server::AccountsService;
use tonic::{Request, Response, Status};

use super::fields::{self, Fields, vouched};
use super::{Api, encode};
use crate::app::account::Registration;
use crate::domain::link::{LinkAction, LinkKind};

#[tonic::async_trait]
impl AccountsService for Api {
    async fn sign_up(&self, request: Request<wire::SignUpRequest>) -> Result<Response<wire::SignUpResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("SignUp", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let name = fields.name("name", &request.name);
        let email = fields.email("email", &request.email);
        let captcha = fields::captcha(&mut fields, request.captcha);
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        self.app.sign_up(&ask, vouched(email)?, name, &captcha).await?;
        Ok(Response::new(wire::SignUpResponse {}))
    }

    async fn register(&self, request: Request<wire::RegisterRequest>) -> Result<Response<wire::SignIn>, Status> {
        let context = context(&request)?;
        let mut request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        // The client may look different when the request is repeated: its cookie was renewed by the first answer.
        let client = fields::client(request.client.take());
        let key = context.request_key("Register", &request.request_id, &request)?;
        let token = fields::link_token(&request.token)?;
        let mut fields = Fields::default();
        let name = fields.optional_name("name", &request.name);
        fields.password("password", &request.password);
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        let registration = Registration { token, password: request.password, name: (!name.is_empty()).then_some(name), client };
        let granted = self.app.register(&ask, &context.caller, registration).await?;
        Ok(Response::new(encode::sign_in(granted)))
    }

    async fn request_password_reset(
        &self,
        request: Request<wire::RequestPasswordResetRequest>,
    ) -> Result<Response<wire::RequestPasswordResetResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("RequestPasswordReset", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let email = fields.email("email", &request.email);
        let captcha = fields::captcha(&mut fields, request.captcha);
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        self.app.request_password_reset(&ask, vouched(email)?, &captcha).await?;
        Ok(Response::new(wire::RequestPasswordResetResponse {}))
    }

    async fn confirm_password_reset(
        &self,
        request: Request<wire::ConfirmPasswordResetRequest>,
    ) -> Result<Response<wire::ConfirmPasswordResetResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("ConfirmPasswordReset", &request.request_id, &request)?;
        let token = fields::link_token(&request.token)?;
        let mut fields = Fields::default();
        fields.password("password", &request.password);
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        self.app.reset_password(&ask, &token, &request.password).await?;
        Ok(Response::new(wire::ConfirmPasswordResetResponse {}))
    }

    async fn confirm_address(
        &self,
        request: Request<wire::ConfirmAddressRequest>,
    ) -> Result<Response<wire::ConfirmAddressResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("ConfirmAddress", &request.request_id, &request)?;
        let token = fields::link_token(&request.token)?;
        let ask = self.app.ask(&context, portal, key);
        self.app.confirm_address(&ask, &token).await?;
        Ok(Response::new(wire::ConfirmAddressResponse {}))
    }

    async fn renew_link(&self, request: Request<wire::RenewLinkRequest>) -> Result<Response<wire::RenewLinkResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("RenewLink", &request.request_id, &request)?;
        // What can't be a token gets the answer of every other one.
        if let Ok(token) = fields::link_token(&request.token) {
            let ask = self.app.ask(&context, portal, key);
            self.app.renew_link(&ask, &token).await?;
        }
        Ok(Response::new(wire::RenewLinkResponse {}))
    }

    async fn inspect_link(&self, request: Request<wire::InspectLinkRequest>) -> Result<Response<wire::InspectLinkResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let token = fields::link_token(&request.token)?;
        let shown = self.app.inspect_link(&portal, &token, context.deadline).await?;
        let name = if shown.link.name.is_empty() { shown.person.name } else { shown.link.name };
        Ok(Response::new(wire::InspectLinkResponse {
            kind: link_kind(shown.link.kind),
            action: link_action(shown.action),
            email: shown.person.email.to_string(),
            name,
            expires_at: Some(to_proto(shown.link.expires_at)),
        }))
    }
}

/// The kind in the contract's words.
fn link_kind(kind: LinkKind) -> i32 {
    let kind = match kind {
        LinkKind::Invite => wire::LinkKind::Invite,
        LinkKind::AutoInvite => wire::LinkKind::AutoInvite,
        LinkKind::SignUp => wire::LinkKind::SignUp,
        LinkKind::PasswordReset => wire::LinkKind::PasswordReset,
    };
    kind.into()
}

/// The action in the contract's words. A link that leads to the sign-in page has no page of its own.
fn link_action(action: LinkAction) -> i32 {
    let action = match action {
        LinkAction::Register => wire::LinkAction::Register,
        LinkAction::ConfirmAddress => wire::LinkAction::ConfirmAddress,
        LinkAction::ResetPassword => wire::LinkAction::ResetPassword,
        LinkAction::SignIn => wire::LinkAction::Unspecified,
    };
    action.into()
}
