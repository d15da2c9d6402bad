//! Refusals as `application/problem+json` (RFC 9457). What an error means is decided by `chassis::error`; here it only gets its HTTP form.

use std::future::Future;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chassis::error::{Error, FieldError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

tokio::task_local! {
    static TRACE_ID: String;
}

/// Runs the handling of one request under its trace id, which every problem then names.
pub async fn with_trace<F: Future>(trace_id: String, work: F) -> F::Output {
    TRACE_ID.scope(trace_id, work).await
}

/// The trace id of the request that is being handled; empty outside of one.
pub fn trace_id() -> String {
    TRACE_ID.try_with(Clone::clone).unwrap_or_default()
}

/// A refusal or failure on its way to the client.
#[derive(Debug)]
pub enum Problem {
    /// Anything that a service or the gateway refused.
    Error(Error),
    /// The path exists, the method does not. `Allow` is set by the router.
    MethodNotAllowed,
    /// The body's `Content-Type` (or `Content-Encoding`) is not one that this call takes.
    UnsupportedMediaType(&'static str),
}

/// What a handler answers.
pub type Answer<T> = Result<T, Problem>;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        Self::Error(Error::from_status(&status))
    }
}

impl Problem {
    /// 422 for the collected fields.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self::Error(Error::Invalid(errors))
    }

    /// 400 with a reason.
    pub fn malformed(field: &str, message: impl Into<String>) -> Self {
        Self::Error(Error::Malformed { field: field.to_owned(), message: message.into() })
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::Error(Error::NOT_FOUND)
    }

    /// 403 `csrf`.
    pub fn csrf() -> Self {
        Self::Error(Error::Forbidden { code: "csrf".into() })
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            // The public API knows no 504: to a client a service that is too slow is one that is not available.
            Self::Error(Error::Deadline) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Error(error) => StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// When asking again may help; for every 429 and 503.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Error(Error::Deadline) => Some(Duration::from_secs(1)),
            Self::Error(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Error(error) => error.code(),
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
        }
    }

    /// A sentence for a person.
    pub fn detail(&self) -> String {
        match self {
            Self::Error(error) => error.detail(),
            Self::MethodNotAllowed => "This path does not take that method.".into(),
            Self::UnsupportedMediaType(wanted) => format!("The body must be {wanted}."),
        }
    }

    /// The fields that are wrong, when it is about fields.
    pub fn field_errors(&self) -> &[FieldError] {
        match self {
            Self::Error(Error::Invalid(fields)) => fields,
            _ => &[],
        }
    }

    fn document(&self) -> Map<String, Value> {
        let code = self.code().to_owned();
        let mut document = Map::new();
        document.insert("type".into(), format!("urn:portico:problem:{code}").into());
        document.insert("title".into(), self.status().canonical_reason().unwrap_or("Error").into());
        document.insert("status".into(), self.status().as_u16().into());
        document.insert("detail".into(), self.detail().into());
        document.insert("code".into(), code.into());
        document.insert("trace_id".into(), trace_id().into());
        if let Self::Error(Error::Invalid(fields)) = self {
            let errors = fields
                .iter()
                .map(|field| serde_json::json!({"field": field.field, "code": field.code, "message": field.message}))
                .collect();
            document.insert("errors".into(), Value::Array(errors));
        }
        if let Self::Error(Error::Conflict { meta, .. }) = self {
            for (name, value) in meta {
                // The standard members can't be displaced by a service's own.
                document.entry(name.clone()).or_insert_with(|| value.clone().into());
            }
        }
        document
    }

    fn log(&self) {
        if let Self::Error(error) = self {
            match error.log_level() {
                tracing::Level::ERROR => tracing::error!(code = error.code(), %error, "request failed"),
                tracing::Level::WARN => tracing::warn!(code = error.code(), %error, "request failed"),
                _ => tracing::debug!(code = error.code(), "request refused"),
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let mut response = (self.status(), Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(delay) = self.retry_after() {
            // Whole seconds, never 0: a client that takes it literally must not hammer.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portico\""));
        }
        response
    }
}

/// The shape of every refusal, for OpenAPI.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// A URN that names the problem.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A sentence for a person.
    pub detail: String,
    /// Stable and snake_case.
    pub code: String,
    /// Finds the request in logs and traces.
    pub trace_id: String,
    /// Every wrong field, for 422.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<ProblemField>,
    /// With 409 `ticket_closed`, where a follow-up is possible: the page that makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up_url: Option<String>,
}

/// One wrong field of a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField {
    /// Its name, dots for nesting.
    pub field: String,
    /// Stable and snake_case.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    async fn parts(problem: Problem) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = with_trace("abc".into(), async { problem.into_response() }).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_refusal_has_all_members_of_the_contract_and_all_fields_at_once() {
        let fields = vec![FieldError::new("subject", "required", "Enter a subject."), FieldError::new("role", "unknown_field", "No.")];
        let (status, headers, body) = parts(Problem::fields(fields)).await;
        assert_eq!(status, 422);
        assert_eq!(headers["content-type"], "application/problem+json");
        for member in ["type", "title", "status", "detail", "code", "trace_id", "errors"] {
            assert!(body.get(member).is_some(), "{member} is missing");
        }
        assert_eq!(body["trace_id"], "abc");
        assert_eq!(body["errors"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_busy_answer_says_when_to_come_back() {
        let (status, headers, _) =
            parts(Error::RateLimited { code: "rate_limited".into(), retry_after: Duration::from_millis(300) }.into()).await;
        assert_eq!((status.as_u16(), headers["retry-after"].to_str().unwrap()), (429, "1"));
        let (status, headers, _) = parts(Error::Overloaded { retry_after: Duration::from_secs(3) }.into()).await;
        assert_eq!((status.as_u16(), headers["retry-after"].to_str().unwrap()), (503, "3"));
    }

    #[tokio::test]
    async fn a_conflict_brings_its_further_members_but_can_not_displace_the_standard_ones() {
        let meta = BTreeMap::from([("follow_up_url".to_owned(), "/x".to_owned()), ("status".to_owned(), "200".to_owned())]);
        let (status, _, body) = parts(Error::Conflict { code: "ticket_closed".into(), detail: "It is closed.".into(), meta }.into()).await;
        assert_eq!(status, 409);
        assert_eq!((body["follow_up_url"].as_str(), body["status"].as_u64()), (Some("/x"), Some(409)));
    }

    #[tokio::test]
    async fn a_defect_is_not_described() {
        let (status, _, body) = parts(Error::internal("relation ticket is missing").into()).await;
        assert_eq!(status, 500);
        assert!(!body.to_string().contains("relation"));
    }
}
