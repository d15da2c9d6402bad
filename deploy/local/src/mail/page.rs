//! The page that shows caught mail. A mail's HTML is shown in a sandboxed frame: no script runs, nothing is loaded from elsewhere.

use std::time::SystemTime;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use time::OffsetDateTime;
use time::macros::format_description;

use super::shelf::{Letter, Shelf, Summary};

/// How many mails the list shows.
const LISTED: usize = 200;
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A mail opens its links in a new tab; everything else is off.
const LETTER_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'";

/// The page's routes.
pub fn routes(shelf: Shelf) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/style.css", get(style))
        .route("/mail/{name}", get(show))
        .route("/mail/{name}/html", get(html))
        .route("/mail/{name}/raw", get(raw))
        .with_state(shelf)
}

#[derive(Debug, Default, Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

async fn list(State(shelf): State<Shelf>, Query(search): Query<Search>) -> Response {
    let mails = match shelf.newest(&search.q, LISTED) {
        Ok(mails) => mails,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    };
    let rows: String = mails.iter().map(row).collect();
    let body = if rows.is_empty() {
        "<p class=\"empty\">No mail yet. Whatever Portico sends appears here within a few seconds.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th>To</th><th>Subject</th><th>Kind</th><th>Arrived (UTC)</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    let form = format!(
        "<form role=\"search\"><label for=\"q\">Find mail</label><input id=\"q\" name=\"q\" type=\"search\" value=\"{}\"><button>Find</button></form>",
        escape(&search.q)
    );
    page("Caught mail", &format!("<header><h1>Caught mail</h1>{form}</header>{body}"), true)
}

fn row(mail: &Summary) -> String {
    format!(
        "<tr><td>{to}</td><td><a href=\"/mail/{name}\">{subject}</a></td><td>{kind}</td><td>{arrived}</td></tr>",
        to = escape(&mail.to),
        name = escape(&mail.name),
        subject = escape(&mail.subject),
        kind = escape(&mail.kind),
        arrived = arrived(mail.arrived),
    )
}

async fn show(State(shelf): State<Shelf>, Path(name): Path<String>) -> Response {
    match shelf.letter(&name) {
        Some(letter) => page(&letter.summary.subject.clone(), &reading(&letter), false),
        None => not_found(),
    }
}

fn reading(letter: &Letter) -> String {
    let mail = &letter.summary;
    let files: String = letter.files.iter().map(|(name, size)| format!("<li>{} ({size} bytes)</li>", escape(name))).collect();
    let name = escape(&mail.name);
    let frame = match letter.html {
        Some(_) => format!("<iframe title=\"The mail\" src=\"/mail/{name}/html\"></iframe>"),
        None => String::new(),
    };
    format!(
        "<p><a href=\"/\">All mail</a></p><h1>{subject}</h1><dl><dt>From</dt><dd>{from}</dd><dt>To</dt><dd>{to}</dd><dt>Kind</dt><dd>{kind}</dd><dt>Arrived</dt><dd>{arrived}</dd></dl>\
         {frame}<details{open}><summary>Plain text</summary><pre>{text}</pre></details><ul>{files}</ul><p><a href=\"/mail/{name}/raw\">The whole message as it was sent</a></p>",
        subject = escape(&mail.subject),
        from = escape(&mail.from),
        to = escape(&mail.to),
        kind = escape(&mail.kind),
        arrived = arrived(mail.arrived),
        open = if letter.html.is_some() { "" } else { " open" },
        text = escape(&letter.text),
    )
}

async fn html(State(shelf): State<Shelf>, Path(name): Path<String>) -> Response {
    let Some(html) = shelf.letter(&name).and_then(|letter| letter.html) else { return not_found() };
    let body = format!("<base target=\"_blank\">{html}");
    ([(header::CONTENT_SECURITY_POLICY, LETTER_POLICY), (header::REFERRER_POLICY, "no-referrer")], Html(body)).into_response()
}

async fn raw(State(shelf): State<Shelf>, Path(name): Path<String>) -> Response {
    match shelf.raw(&name) {
        Some(raw) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], raw).into_response()
        }
        None => not_found(),
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css")).into_response()
}

fn not_found() -> Response {
    let mut answer = page("No such mail", "<p><a href=\"/\">All mail</a></p><h1>No such mail</h1>", false);
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

fn page(title: &str, body: &str, refresh: bool) -> Response {
    let document = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main>{body}</main></body></html>",
        escape(title)
    );
    let mut answer =
        ([(header::CONTENT_SECURITY_POLICY, POLICY), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], Html(document)).into_response();
    if refresh {
        answer.headers_mut().insert(HeaderName::from_static("refresh"), axum::http::HeaderValue::from_static("5"));
    }
    answer
}

fn arrived(at: Option<SystemTime>) -> String {
    let Some(at) = at else { return String::new() };
    OffsetDateTime::from(at).format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]")).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
