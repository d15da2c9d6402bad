//! SessionsService.

use portico_chassis::clock::to_proto;
use portico_chassis::grpc::context;
use portico_chassis::page;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::sessions_service_server::SessionsService;
use tonic::{Request, Response, Status};

use super::Api;
use super::encode::{self, Place};
use super::fields::{self, Fields};
use crate::app::login::Attempt;
use crate::app::password::refused;
use crate::domain::email::MAX_BYTES;
use crate::domain::password::Password;

#[tonic::async_trait]
impl SessionsService for Api {
    async fn login(&self, request: Request<wire::LoginRequest>) -> Result<Response<wire::SignIn>, Status> {
        let context = context(&request)?;
        let mut request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        // The client may look different when the request is repeated: its cookie was renewed by the first answer.
        let client = fields::client(request.client.take());
        let key = context.request_key("Login", &request.request_id, &request)?;
        let mut fields = Fields::default();
        if request.email.trim().is_empty() {
            fields.refuse("email", "required", "Enter your mail address.");
        } else if request.email.len() > MAX_BYTES {
            fields.refuse("email", "too_long", "Use at most 254 bytes.");
        }
        fields.password("password", &request.password);
        fields.done()?;
        let password = Password::presented(&request.password).map_err(|problem| refused("password", problem))?;
        let ask = self.app.ask(&context, portal, key);
        let granted = self.app.login(&ask, Attempt { email: request.email, password, client }).await?;
        Ok(Response::new(encode::sign_in(granted)))
    }

    async fn refresh(&self, request: Request<wire::RefreshRequest>) -> Result<Response<wire::SignIn>, Status> {
        let context = context(&request)?;
        let mut request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        request.client = None;
        let key = context.request_key("Refresh", &request.request_id, &request)?;
        let ask = self.app.ask(&context, portal, key);
        let granted = self.app.refresh(&ask, &request.refresh_token).await?;
        Ok(Response::new(encode::sign_in(granted)))
    }

    async fn logout(&self, request: Request<wire::LogoutRequest>) -> Result<Response<wire::LogoutResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("Logout", &request.request_id, &request)?;
        let ask = self.app.ask(&context, portal, key);
        self.app.logout(&context, &ask, request.all).await?;
        Ok(Response::new(wire::LogoutResponse {}))
    }

    async fn resolve_session(&self, request: Request<wire::ResolveSessionRequest>) -> Result<Response<wire::ResolvedSession>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let granted = self.app.resolve_session(&portal, &request.secret, context.deadline).await?;
        Ok(Response::new(wire::ResolvedSession {
            access_token: granted.access_token,
            expires_in: granted.expires_in,
            session_id: granted.session.to_string(),
            user: Some(encode::user(granted.person)),
        }))
    }

    async fn list_sessions(&self, request: Request<wire::ListSessionsRequest>) -> Result<Response<wire::ListSessionsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let wanted = request.page.unwrap_or_default();
        let actor = context.caller.actor();
        let scope = ["sessions", portal.as_str(), &actor];
        let before: Option<Place> = self.pager.cursor(&scope, &wanted.page_token)?;
        let size = page::size(wanted.page_size)?;
        let (sessions, next) = self.app.list_sessions(&context, &portal, encode::before(before), size).await?;
        let next_page_token = match next {
            Some((at, id)) => self.pager.token(&scope, &encode::place(at, id))?,
            None => String::new(),
        };
        let current = context.caller.person()?.session;
        let sessions = sessions
            .into_iter()
            .map(|session| wire::Session {
                id: session.id.to_string(),
                created_at: Some(to_proto(session.created_at)),
                last_used_at: Some(to_proto(session.last_used_at)),
                user_agent: session.user_agent,
                ip: session.ip,
                current: session.id.uuid() == current,
            })
            .collect();
        Ok(Response::new(wire::ListSessionsResponse { sessions, next_page_token }))
    }

    async fn end_session(&self, request: Request<wire::EndSessionRequest>) -> Result<Response<wire::EndSessionResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("EndSession", &request.request_id, &request)?;
        let session = fields::id(&request.session_id)?;
        let ask = self.app.ask(&context, portal, key);
        self.app.end_own_session(&context, &ask, session).await?;
        Ok(Response::new(wire::EndSessionResponse {}))
    }
}
