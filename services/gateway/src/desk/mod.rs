//! The agents' and administrators' pages. What is not theirs does not exist for customers: 404.

pub mod announcements;
pub mod articles;
pub mod audience;
pub mod catalog;
pub mod editor_view;
pub mod mail;
pub mod moderation;
pub mod people;
pub mod queue;
pub mod settings;
pub mod ticket;
pub mod view;

use axum::Router;
use axum::routing::{get, post};

use crate::error::Problem;
use crate::portal::refusal;
use crate::state::AppState;

/// Largest form with files, in bytes; each file has its own bound.
const FORM_BYTES: usize = 128 * 1024 * 1024;

/// All pages of the desk.
pub fn router(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/desk/{portal}", get(queue::page))
        .route("/desk/{portal}/", get(queue::page))
        .route("/desk/{portal}/tickets", get(queue::page))
        .route("/desk/{portal}/mail", get(mail::page))
        .route("/desk/{portal}/mail/accept", post(mail::accept))
        .route("/desk/{portal}/mail/drop", post(mail::drop_claim))
        .route("/desk/{portal}/tickets/{number}", get(ticket::page))
        .route("/desk/{portal}/tickets/{number}/reply", post(ticket::reply))
        .route("/desk/{portal}/tickets/{number}/take", post(ticket::take))
        .route("/desk/{portal}/tickets/{number}/update", post(ticket::update))
        .merge(content())
        .route("/desk/{portal}/admin/people", get(people::page).post(people::invite))
        .route("/desk/{portal}/admin/people/{id}", post(people::change))
        .route("/desk/{portal}/admin/invitations/{id}/resend", post(people::resend))
        .route("/desk/{portal}/admin/invitations/{id}/revoke", post(people::revoke))
        .route("/desk/{portal}/admin/settings", get(settings::page).post(settings::save))
        .route("/desk/{portal}/admin/catalog", get(catalog::page).post(catalog::add))
        .route("/desk/{portal}/{*rest}", get(async || Problem::not_found()).post(async || Problem::not_found()))
        .layer(axum::extract::DefaultBodyLimit::max(FORM_BYTES))
        .layer(axum::middleware::from_fn_with_state(state.clone(), refusal::pages))
        .layer(axum::middleware::from_fn_with_state(state.clone(), crate::session_layer::keep))
}

/// What the team publishes, and what people report.
fn content() -> Router<AppState> {
    Router::new()
        .route("/desk/{portal}/articles", get(articles::list))
        .route("/desk/{portal}/articles/new", get(articles::new_page).post(articles::create))
        .route("/desk/{portal}/articles/{slug}", get(articles::edit_page).post(articles::update))
        .route("/desk/{portal}/announcements", get(announcements::list))
        .route("/desk/{portal}/announcements/new", get(announcements::new_page).post(announcements::create))
        .route("/desk/{portal}/announcements/{id}", get(announcements::edit_page).post(announcements::update))
        .route("/desk/{portal}/moderation", get(moderation::page))
        .route("/desk/{portal}/moderation/{id}/keep", post(moderation::keep))
        .route("/desk/{portal}/moderation/{id}/lock", post(moderation::lock))
        .route("/desk/{portal}/moderation/{id}/remove", post(moderation::remove))
}
