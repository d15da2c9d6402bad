//! Gives every visitor of a page a browser session, so that also the sign-in form has a form token.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use crate::session::Browser;
use crate::state::AppState;

/// Opens the browser session of the request or begins one; a new one goes out as a cookie unless the handler set one itself.
pub async fn keep(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let known = Browser::from_headers(request.headers(), state.session_keys());
    let fresh = known.is_none();
    let browser = known.unwrap_or_else(|| Browser::new(state.random()));
    request.extensions_mut().insert(browser.clone());
    let mut response = next.run(request).await;
    if fresh
        && !response.headers().contains_key(header::SET_COOKIE)
        && let Some(cookie) = browser.set_cookie(state.session_keys(), state.random())
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
