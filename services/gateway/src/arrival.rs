//! What is settled about a request before anything looks at its path: source, term, trace, slot, rate.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chassis::error::Error;
use chassis::telemetry;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::admission::{self, Admitted, Area, Knock, SLOW, Weight};
use crate::error::{Problem, with_trace};
use crate::limits::{self, Kind};
use crate::measures;
use crate::source;
use crate::state::AppState;
use crate::term::Term;

/// How long a request may take in all, its body included.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for uploads and downloads.
const FILE_PATIENCE: Duration = Duration::from_secs(600);

/// What is known of a request when it arrives.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The client's address.
    pub source: IpAddr,
    /// Until when an answer is of use.
    pub term: Term,
}

impl Default for Arrival {
    fn default() -> Self {
        Self { source: IpAddr::V4(Ipv4Addr::UNSPECIFIED), term: Term::default() }
    }
}

/// What a path is, as far as load and limits care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// The portal in the path, if any.
    pub portal: Option<&'a str>,
    area: Area,
    weight: Weight,
    /// Carries a file: it may take long.
    file: bool,
    /// A live stream: it stays open and has its own bound.
    live: bool,
    /// Styles, scripts, fonts: not counted.
    asset: bool,
}

impl<'a> Route<'a> {
    /// Reads the first parts of a path.
    pub fn of(method: &Method, path: &'a str) -> Self {
        let mut parts = path.trim_start_matches('/').split('/');
        let (portal, rest) = match (parts.next(), parts.next(), parts.next()) {
            (Some("api"), Some("v1"), Some("portals")) => (parts.next(), parts.next()),
            (Some("portal" | "desk"), portal, next) => (portal, next),
            _ => (None, None),
        };
        Self {
            portal: portal.filter(|portal| !portal.is_empty()),
            file: matches!(rest, Some("uploads" | "attachments" | "files" | "inbound-email")),
            live: rest == Some("live"),
            asset: path.starts_with("/assets/"),
            area: Area::of(rest),
            weight: admission::weight(method, rest),
        }
    }
}

/// Traces a request and settles what [`Arrival`] holds; turns it away when there is too much to do or this source asks too often.
pub async fn arrive(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let source = source::of(request.headers(), request.extensions(), state.proxies());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = span(&state, &method, matched.as_deref());
    let begun = Instant::now();
    if let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok()) {
        telemetry::continue_trace(&span, parent);
    }
    let route = Route::of(&method, &path);
    let trace_id = span.in_scope(telemetry::trace_id);
    let trace_id = if trace_id.is_empty() { hex::encode(state.random().bytes::<16>()) } else { trace_id };
    let patience = if route.file || brings_files(&request) { FILE_PATIENCE } else { PATIENCE };
    let term = Term::default();
    request = request.map(|body| term.after(body));
    request.extensions_mut().insert(Arrival { source, term });
    let told = HeaderValue::from_str(&trace_id).ok();
    let work = async {
        let admitted = match admit(&state, &route, source).await {
            Ok(admitted) => admitted,
            Err(error) => return Problem::from(error).into_response(),
        };
        let answer = async { next.run(request).await };
        if route.live { answer.await } else { answer_in_time(answer, patience, admitted, matched.as_deref()).await }
    };
    let mut response = with_trace(trace_id, work).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
    state.measures().record(&method, matched.as_deref(), status.as_u16(), begun.elapsed());
    if let Some(value) = told {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The span of a request. The path of a one-time link holds its token, so only the route goes into traces, logs and metrics (S09).
fn span(state: &AppState, method: &Method, route: Option<&str>) -> Span {
    tracing::info_span!(
        "http",
        otel.name = measures::span_name(method, route),
        otel.kind = "server",
        http.request.method = measures::known(method),
        http.route = route,
        http.response.status_code = Empty,
        url.scheme = state.measures().scheme(),
        otel.status_code = Empty,
        error.type = Empty,
    )
}

/// Whether a page's form may bring files: it may take as long as an upload.
fn brings_files(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    crate::csrf::is_write(request.method()) && kind.to_ascii_lowercase().starts_with("multipart/form-data")
}

async fn admit(state: &AppState, route: &Route<'_>, source: IpAddr) -> Result<Option<Admitted>, Error> {
    if route.asset || route.live {
        return Ok(None);
    }
    state.take(route.portal, Kind::Requests, limits::of_source(source))?;
    let knock = Knock { portal: route.portal.unwrap_or_default(), area: route.area, weight: route.weight, file: route.file };
    let entered = state.admission().enter(knock).await;
    entered.inspect_err(|_| state.measures().shed()).map(Some)
}

/// The answer, or 504 when it does not come in time.
async fn answer_in_time(
    answer: impl Future<Output = Response>,
    patience: Duration,
    mut admitted: Option<Admitted>,
    route: Option<&str>,
) -> Response {
    let mut answer = pin!(answer);
    let response = match tokio::time::timeout(SLOW, &mut answer).await {
        Ok(response) => response,
        Err(_) => {
            if let Some(admitted) = &mut admitted {
                admitted.is_slow(route);
            }
            let rest = patience.saturating_sub(SLOW);
            tokio::time::timeout(rest, answer).await.unwrap_or_else(|_| Problem::from(Error::Deadline).into_response())
        }
    };
    if let Some(admitted) = admitted {
        admitted.answered(route, response.status());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_portal_and_its_weight() {
        let of = |method: Method, path: &'static str| Route::of(&method, path);
        assert_eq!(of(Method::GET, "/api/v1/portals/demo/tickets/DEMO-1").portal, Some("demo"));
        assert_eq!(of(Method::GET, "/portal/demo").portal, Some("demo"));
        assert_eq!(of(Method::GET, "/desk/demo/tickets").portal, Some("demo"));
        assert_eq!(of(Method::GET, "/").portal, None);
        assert_eq!(of(Method::GET, "/portal/demo/requests/DEMO-1").area, Area::Tickets);
        assert_eq!(of(Method::GET, "/api/v1/portals/demo/search").area, Area::Knowledge);
        assert_eq!(of(Method::GET, "/api/v1/portals/demo/suggest").weight, Weight::Extra);
        assert_eq!(of(Method::POST, "/api/v1/portals/demo/tickets").weight, Weight::Write);
        assert!(of(Method::GET, "/api/v1/portals/demo/live").live);
        assert!(of(Method::POST, "/api/v1/portals/demo/uploads").file);
    }
}
