//! The JSON API under `/api/v1`: one file a noun, the same names as in the contracts.

pub mod announcements;
pub mod article_categories;
pub mod article_comments;
pub mod articles;
pub mod auth;
pub mod captcha;
pub mod catalog;
pub mod collaborators;
pub mod forums;
pub mod inbound_email;
pub mod invitations;
pub mod live;
pub mod notifications;
pub mod openapi;
pub mod organizations;
pub mod portals;
pub mod posts;
pub mod proofs;
pub mod rules;
pub mod search;
pub mod settings;
pub mod shared;
pub mod ticket_actions;
mod ticket_csv;
pub mod ticket_list;
pub mod ticket_view;
pub mod tickets;
pub mod timeline;
pub mod topic_view;
pub mod topics;
pub mod uploads;
pub mod user;
pub mod users;
mod versions;

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
        .merge(uploads::routes())
        .merge(articles::routes())
        .merge(article_categories::routes())
        .merge(article_comments::routes())
        .merge(announcements::routes())
        .merge(forums::routes())
        .merge(topics::routes())
        .merge(posts::routes())
        .merge(search::routes())
        .merge(notifications::routes())
        .merge(live::routes())
        .merge(settings::routes())
        .merge(users::routes())
        .merge(invitations::routes())
        .merge(organizations::routes())
        .merge(inbound_email::routes())
}

/// The API, its OpenAPI document and the page to browse it.
pub fn router() -> Router<AppState> {
    let (router, mut document) = described().split_for_parts();
    rules::complete(&mut document);
    router.merge(openapi::routes(&document))
}
