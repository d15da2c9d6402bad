//! The JSON API under `/api/v1`: one file a noun, the same names as in the contracts.

pub mod auth;
pub mod captcha;
pub mod catalog;
pub mod collaborators;
pub mod openapi;
pub mod portals;
pub mod shared;
pub mod ticket_actions;
pub mod ticket_list;
pub mod ticket_view;
pub mod tickets;
pub mod timeline;
pub mod user;

use axum::Router;
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// All routes of the API, with what OpenAPI says of them.
pub fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(portals::routes())
        .merge(captcha::routes())
        .merge(auth::routes())
        .merge(user::routes())
        .merge(catalog::routes())
        .merge(ticket_list::routes())
        .merge(tickets::routes())
        .merge(ticket_actions::routes())
        .merge(timeline::routes())
        .merge(collaborators::routes())
}

/// The API, its OpenAPI document and the page to browse it.
pub fn router() -> Router<AppState> {
    let (router, mut document) = described().split_for_parts();
    openapi::complete(&mut document);
    router.merge(openapi::routes(&document))
}
