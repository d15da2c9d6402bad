//! The stream of live updates.

use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::call::Api;
use crate::error::Answer;
use crate::live::stream;
use crate::state::AppState;

/// `event: ticket` with `{"number","version"}`, `event: notification` with `{"id","unread_count"}` (`id` names the mark, or the reading of marks),
/// `event: resync` after a gap. Each has an `id:`; `Last-Event-ID` resumes. A comment line comes every 15 seconds. The stream ends within 5 seconds of its session.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/live", tag = "live",
    params(("portal" = String, Path), ("Last-Event-ID" = Option<String>, Header, description = "The id that was seen last.")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn live(Api(call): Api) -> Answer<Response> {
    stream::open(call)
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(live))
}
