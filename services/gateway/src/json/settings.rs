//! A portal's settings document.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use portico_proto::identity::v1 as proto;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::tagged;
use crate::call::Api;
use crate::error::Answer;
use crate::extract::Body;
use crate::input::Object;
use crate::state::AppState;

/// The document goes out as identity wrote it.
fn document(settings: proto::Settings) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    tagged(&settings.etag, (json, settings.settings_json).into_response())
}

/// The whole settings document; administrators only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/settings", tag = "settings", params(("portal" = String, Path)),
    responses((status = 200, body = Object)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetSettingsRequest { portal: call.portal() });
    Ok(document(call.clients().portals().get_settings(request).await?.into_inner()))
}

/// Merges a patch (RFC 7396) and answers the whole; administrators only.
#[utoipa::path(patch, path = "/api/v1/portals/{portal}/settings", tag = "settings", params(("portal" = String, Path)),
    request_body = Object, responses((status = 200, body = Object)))]
async fn patch(Api(call): Api, Body(body): Body<Object>) -> Answer<Response> {
    let request = call.grpc(proto::PatchSettingsRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        patch_json: Value::Object(body).to_string(),
    });
    Ok(document(call.clients().portals().patch_settings(request).await?.into_inner()))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read, patch))
}
