//! Refusals as pages instead of problem documents.

use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http_body_util::BodyExt;
use serde_json::Value;

use super::view::layout::{Layout, percent_encode};
use super::view::way_in::Oops;
use super::visit::Visit;
use crate::security;
use crate::state::AppState;

/// Largest problem document that is read back.
const PROBLEM_BYTES: usize = 64 * 1024;

/// Turns refusals into pages.
pub async fn pages(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let kept = parts.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let secret = security::one_time(kept.uri.path());
    if is_problem(&response) {
        response = page_of(response, kept, &state).await;
    }
    if secret {
        security::token_page(response.headers_mut());
    }
    response
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

async fn page_of(response: Response, mut parts: Parts, state: &AppState) -> Response {
    let (head, body) = response.into_parts();
    let document = match http_body_util::Limited::new(body, PROBLEM_BYTES).collect().await {
        Ok(collected) => serde_json::from_slice(&collected.to_bytes()).unwrap_or(Value::Null),
        Err(_) => Value::Null,
    };
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if head.status == StatusCode::UNAUTHORIZED && text("code") != "bad_credentials" {
        return sign_in_first(&parts);
    }
    let mut answer = render(&text("code"), head.status, text("trace_id"), frame(&mut parts, state).await);
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = head.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

/// A signed-out visitor signs in and comes back to where they wanted to read; a form that was sent starts from its page.
fn sign_in_first(parts: &Parts) -> Response {
    let path = parts.uri.path();
    let slug = path.split('/').nth(2).unwrap_or_default();
    let asked = parts.uri.path_and_query().map_or(path, |asked| asked.as_str());
    let next = if parts.method == Method::GET { asked } else { path.rsplit_once('/').map_or(path, |(above, _)| above) };
    Redirect::to(&format!("/portal/{slug}/sign-in?next={}", percent_encode(next))).into_response()
}

async fn frame(parts: &mut Parts, state: &AppState) -> Layout {
    match Visit::from_request_parts(parts, state).await {
        Ok(visit) => visit.l,
        // No portal of that name, or nobody can tell: a page without its frame's links.
        Err(_) => Layout {
            lang: "en".into(),
            dir: "ltr",
            portal: super::view::layout::Portal { title: "Portico".into(), ..Default::default() },
            ..Layout::default()
        },
    }
}

fn render(code: &str, status: StatusCode, reference: String, l: Layout) -> Response {
    let (title, text) = words(code, status);
    let page = Oops { l, title: title.into(), text: text.into(), reference };
    let html = page.render().unwrap_or_else(|_| format!("<!doctype html><title>{title}</title><h1>{title}</h1><p>{text}</p>"));
    let mut response = (status, Html(html)).into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Cookie"));
    response
}

/// A title and what to do next.
fn words(code: &str, status: StatusCode) -> (&'static str, &'static str) {
    match (code, status.as_u16()) {
        ("csrf", _) => (
            "This form is too old",
            "It was open for a long time, or you signed in meanwhile. Go back, load the page again and send it once more.",
        ),
        (_, 400) => ("This address can’t be read", "A part of it is broken or out of date. Start again from the home page."),
        (_, 403) => ("This is not for you to do", "Your role doesn’t include it. Ask the team if you think it should."),
        (_, 404) => (
            "This page doesn’t exist",
            "The address may be mistyped, or the page is not yours to see. Search for what you need, or go back to the home page.",
        ),
        (_, 405) => ("This page can’t be opened like this", "Go back to the page before and use its buttons."),
        (_, 409) => {
            ("This has changed meanwhile", "Somebody or a timer was faster. Go back, load the page again and look at how it stands now.")
        }
        (_, 410) => ("This was deleted", "It is gone for good. Search for something like it."),
        (_, 413) => ("This file is too large", "Send a smaller one, or share a link to it."),
        (_, 415 | 422) => ("This can’t be accepted", "Go back and check what you entered."),
        (_, 429) => ("That was a lot at once", "Wait a moment, then try again."),
        (_, 503 | 504) => {
            ("We will be right back", "A part of the portal doesn’t answer at the moment. Nothing was lost. Try again in a minute.")
        }
        _ => ("Something went wrong on our side", "We have been told. Try again in a moment; if it stays like this, write to us."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do_next() {
        for status in [400, 403, 404, 409, 410, 413, 422, 429, 500, 503, 504] {
            let (title, text) = words("", StatusCode::from_u16(status).unwrap());
            assert!(!title.is_empty() && text.ends_with('.'), "{status}");
        }
    }
}
