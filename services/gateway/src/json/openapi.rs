//! The OpenAPI 3.1 document, generated from the handlers and completed with what holds for every call, and the page to browse it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Problem, ProblemDocument};
use crate::security::DOCS_CSP;
use crate::state::AppState;

/// The document before the handlers add to it.
pub fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Portico")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The JSON API of a support portal. Portal-scoped resources live under `/api/v1/portals/{portal}`. Refusals are `application/problem+json`.",
        ))
        .build();
    let mut components = Components::new();
    components.schemas.insert("Problem".into(), ProblemDocument::schema());
    let mut nested = Vec::new();
    <ProblemDocument as ToSchema>::schemas(&mut nested);
    components.schemas.extend(nested);
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::session::COOKIE)));
    components.security_schemes.insert("bearer".into(), RefOr::T(bearer));
    components.security_schemes.insert("cookie".into(), RefOr::T(cookie));
    let csrf = ApiKeyValue::with_description("X-CSRF-Token", "With the cookie, for writes: `csrf_token` of `GET me`.");
    components.security_schemes.insert("csrf".into(), RefOr::T(SecurityScheme::ApiKey(ApiKey::Header(csrf))));
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// `/api/v1/openapi.json` and `/api/docs`.
pub fn routes(document: &OpenApi) -> Router<AppState> {
    let json = document.to_json().map(Bytes::from).unwrap_or_default();
    let config = Arc::new(utoipa_swagger_ui::Config::from("/api/v1/openapi.json"));
    let docs = Router::new()
        .route("/api/docs", get(async || Redirect::permanent("/api/docs/")))
        .route(
            "/api/docs/",
            get({
                let config = config.clone();
                async move || page("", config)
            }),
        )
        .route("/api/docs/{*file}", get(async move |Path(file): Path<String>| page(&file, config)))
        .layer(axum::middleware::from_fn(docs_policy));
    Router::new()
        .route("/api/v1/openapi.json", get(async move || ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json)))
        .merge(docs)
}

fn page(file: &str, config: Arc<utoipa_swagger_ui::Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(file)) => ([(header::CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response(),
        _ => Problem::not_found().into_response(),
    }
}

async fn docs_policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_CSP));
    response
}
