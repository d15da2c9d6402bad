//! The edge: decode and validate, check the permission, call [`crate::app`], encode.

mod accounts;
mod captcha;
mod encode;
mod fields;
pub mod inbox;
mod invitations;
mod organizations;
mod people;
pub mod permissions;
mod portals;
mod render;
mod revocation;
mod sessions;

use portico_chassis::grpc::Server;
use portico_chassis::page::Pager;
use portico_proto::common::v1::render_service_server::RenderServiceServer;
use portico_proto::identity::v1::accounts_service_server::AccountsServiceServer;
use portico_proto::identity::v1::captcha_service_server::CaptchaServiceServer;
use portico_proto::identity::v1::invitations_service_server::InvitationsServiceServer;
use portico_proto::identity::v1::organizations_service_server::OrganizationsServiceServer;
use portico_proto::identity::v1::people_service_server::PeopleServiceServer;
use portico_proto::identity::v1::portals_service_server::PortalsServiceServer;
use portico_proto::identity::v1::revocation_service_server::RevocationServiceServer;
use portico_proto::identity::v1::sessions_service_server::SessionsServiceServer;

use crate::app::App;

/// The implementation of all of identity's services.
#[derive(Clone)]
pub struct Api {
    app: App,
    pager: Pager,
}

/// A server with all of identity's services.
pub fn server(app: App, pager: Pager) -> Server {
    let api = Api { app, pager };
    Server::new(permissions::PERMISSIONS)
        .add(PortalsServiceServer::new(api.clone()))
        .add(CaptchaServiceServer::new(api.clone()))
        .add(AccountsServiceServer::new(api.clone()))
        .add(SessionsServiceServer::new(api.clone()))
        .add(PeopleServiceServer::new(api.clone()))
        .add(InvitationsServiceServer::new(api.clone()))
        .add(OrganizationsServiceServer::new(api.clone()))
        .add(RevocationServiceServer::new(api.clone()))
        .add(RenderServiceServer::new(api))
}
