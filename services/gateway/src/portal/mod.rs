//! The customers' pages, one file a noun. They work without scripts: every action is a link or a form.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`view`] | what pages show: plain data and templates |
//! | [`map`] | from the contracts' messages to that, pure |
//! | [`visit`], [`posted`] | one request of a page, one form that was sent |
//! | [`refusal`] | refusals as pages |

pub mod article;
pub mod assets;
pub mod community;
pub mod dates;
pub mod home;
pub mod link;
pub mod map;
pub mod me;
pub mod news;
pub mod people;
pub mod posted;
pub mod preferences;
pub mod refusal;
pub mod request;
pub mod request_files;
pub mod request_list;
pub mod request_new;
pub mod request_rate;
pub mod search;
pub mod sign_in;
pub mod sign_up;
pub mod suggestions;
pub mod theme;
pub mod topic;
pub mod topic_new;
pub mod uploads;
pub mod view;
pub mod visit;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::error::{Answer, Problem};
use crate::state::AppState;

/// Largest form with files, in bytes; each file has its own bound.
const FORM_BYTES: usize = 128 * 1024 * 1024;

/// All pages of the portal, and what they load.
pub fn router(state: &AppState) -> Router<AppState> {
    let pages = Router::new()
        .merge(getting_in())
        .merge(requests())
        .merge(reading())
        .merge(talking())
        .route("/portal/{portal}/{*rest}", get(missing).post(missing))
        .layer(axum::extract::DefaultBodyLimit::max(FORM_BYTES))
        .layer(axum::middleware::from_fn_with_state(state.clone(), refusal::pages))
        .layer(axum::middleware::from_fn_with_state(state.clone(), crate::session_layer::keep));
    Router::new()
        .merge(pages)
        .route("/", get(home::portals))
        .route("/assets/{file}", get(asset))
        .route("/portal/{portal}/theme.css", get(theme::stylesheet))
}

fn getting_in() -> Router<AppState> {
    Router::new()
        .route("/portal/{portal}", get(home::home))
        .route("/portal/{portal}/", get(home::home))
        .route("/portal/{portal}/theme", post(me::theme))
        .route("/portal/{portal}/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/portal/{portal}/sign-out", post(sign_in::sign_out))
        .route("/portal/{portal}/sign-up", get(sign_up::page).post(sign_up::sign_up))
        .route("/portal/{portal}/forgot", get(sign_up::forgot_page).post(sign_up::forgot))
        .route("/portal/{portal}/check-your-inbox", get(sign_up::check_inbox))
        .route("/portal/{portal}/invite/{token}", get(link::page).post(link::register))
        .route("/portal/{portal}/verify/{token}", get(link::page).post(link::register))
        .route("/portal/{portal}/reset/{token}", get(link::page).post(link::reset))
        .route("/portal/{portal}/me", get(me::profile).post(me::save))
        .route("/portal/{portal}/me/security", get(me::security).post(me::change_password))
        .route("/portal/{portal}/me/notifications", get(preferences::page).post(preferences::save))
        .route("/portal/{portal}/me/sessions/{id}/end", post(me::end_session))
}

fn requests() -> Router<AppState> {
    Router::new()
        .route("/portal/{portal}/requests", get(request_list::page).post(request_new::submit))
        .route("/portal/{portal}/requests/new", get(request_new::page).post(request_new::submit))
        .route("/portal/{portal}/requests/{number}", get(request::page))
        .route("/portal/{portal}/requests/{number}/submitted", get(request_new::submitted))
        .route("/portal/{portal}/requests/{number}/comments", get(request::back).post(request::comment))
        .route("/portal/{portal}/requests/{number}/close", get(request::back).post(request_rate::close))
        .route("/portal/{portal}/requests/{number}/reopen", get(request::back).post(request::reopen))
        .route("/portal/{portal}/requests/{number}/keep-open", get(request::back).post(request::keep_open))
        .route("/portal/{portal}/requests/{number}/rate", get(request_rate::rate_page).post(request_rate::rate))
        .route("/portal/{portal}/requests/{number}/files", get(request_files::page))
        .route("/portal/{portal}/requests/{number}/follow-up", get(request_new::follow_up_page).post(request_new::follow_up))
        .route("/portal/{portal}/requests/{number}/follow-ups", get(request::back).post(request_new::follow_up))
        .route("/portal/{portal}/requests/{number}/collaborators", get(people::page).post(people::add))
        .route("/portal/{portal}/requests/{number}/collaborators/{id}/remove", post(people::remove))
        .route("/portal/{portal}/requests/{number}/collaborators/{id}/confirm", post(people::confirm))
}

fn reading() -> Router<AppState> {
    Router::new()
        .route("/portal/{portal}/search", get(search::page))
        .route("/portal/{portal}/kb", get(article::index))
        .route("/portal/{portal}/kb/{category}", get(article::category))
        .route("/portal/{portal}/kb/articles/{slug}", get(article::page))
        .route("/portal/{portal}/kb/articles/{slug}/feedback", post(article::feedback))
        .route("/portal/{portal}/kb/articles/{slug}/comments", post(article::add_comment))
        .route("/portal/{portal}/kb/articles/{slug}/comments/{id}/remove", post(article::remove_comment))
        .route("/portal/{portal}/announcements", get(news::announcements))
        .route("/portal/{portal}/announcements/{id}", get(news::announcement))
        .route("/portal/{portal}/announcements/{id}/dismiss", post(news::dismiss))
        .route("/portal/{portal}/notifications", get(news::notifications))
        .route("/portal/{portal}/notifications/read", post(news::read_all))
        .route("/portal/{portal}/notifications/{id}", get(news::open))
}

fn talking() -> Router<AppState> {
    Router::new()
        .route("/portal/{portal}/community", get(community::index).post(topic_new::create))
        .route("/portal/{portal}/community/drafts", get(community::drafts))
        .route("/portal/{portal}/community/new", get(topic_new::new_page).post(topic_new::create))
        .route("/portal/{portal}/community/{forum}", get(community::forum))
        .route("/portal/{portal}/community/t/{id}", get(topic::page))
        .route("/portal/{portal}/community/t/{id}/edit", get(topic_new::edit_page).post(topic_new::update))
        .route("/portal/{portal}/community/t/{id}/posts", post(topic::reply))
        .route("/portal/{portal}/community/t/{id}/vote", post(topic::vote))
        .route("/portal/{portal}/community/t/{id}/follow", post(topic::follow))
        .route("/portal/{portal}/community/t/{id}/accept", post(topic::accept))
        .route("/portal/{portal}/community/t/{id}/report", post(topic::report))
        .route("/portal/{portal}/community/t/{id}/delete", post(topic::delete))
}

async fn missing() -> Problem {
    Problem::not_found()
}

/// A file of the build: its name changes with its content, so it may be kept for ever.
async fn asset(Path(file): Path<String>) -> Answer<Response> {
    let asset = assets::find(&file).ok_or_else(Problem::not_found)?;
    let mut response = asset.bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
