//! Portico's public face: the JSON API, the portal's and the desk's pages, live updates. It owns no business data.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`json`] | the JSON API, one file a noun, and its OpenAPI document |
//! | [`portal`], [`desk`] | the pages |
//! | [`call`] | one request: portal, caller, deadline, gRPC in the caller's name |
//! | [`session`], [`sign_ins`], [`renewal`], [`csrf`] | the cookie, what it stands for, who may write with it |
//! | [`arrival`], [`limits`], [`source`], [`security`], [`measures`] | what stands before every handler, and what is shown of it |
//! | [`admission`], [`gate`], [`pace`] | who is let in when there is too much to do |
//! | [`input`], [`extract`], [`error`] | reading requests and refusing them |
//! | [`uploads`], [`ticket_hits`] | what the API and the pages do alike |
//! | [`state`], [`clients`], [`portals`] | what handlers reach: the other services, keys, copies of settings |

extern crate portico_chassis as chassis;

pub mod admission;
pub mod arrival;
pub mod call;
pub mod clients;
pub mod config;
pub mod csrf;
pub mod csv;
pub mod desk;
pub mod drain;
pub mod error;
pub mod extract;
pub mod file_kind;
pub mod gate;
pub mod input;
pub mod json;
pub mod limits;
pub mod live;
pub mod macros;
pub mod measures;
pub mod pace;
pub mod portal;
pub mod portals;
pub mod renewal;
pub mod security;
pub mod server;
pub mod session;
pub mod session_layer;
pub mod sign_ins;
pub mod source;
pub mod state;
pub mod term;
pub mod ticket_hits;
pub mod uploads;

use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use chassis::error::Error;
use chassis::run::{Boot, Phase, Running};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use crate::config::Config;
use crate::error::Problem;
use crate::state::AppState;

/// How long an upload may lie in staging: twice as long as it may be claimed.
const STAGED: time::Duration = time::Duration::hours(48);

/// Starts the gateway: peers, copies of settings, the public and the operations listener.
///
/// # Errors
/// When the configuration does not fit or an address cannot be listened on.
pub async fn start(boot: Boot<Config>) -> anyhow::Result<Running> {
    let state = AppState::new(&boot).await?;
    sweep_limits(&boot, &state);
    sweep_staging(&boot, &state);
    let http = server::serve(&boot, server::listener(&boot.config).await?, router(state))?;
    let operations = chassis::operations::serve(&boot).await?;
    Ok(Running { grpc: None, http: Some(http), operations: Some(operations), tasks: boot.tasks, readiness: boot.readiness })
}

/// Everything on the public port.
pub fn router(state: AppState) -> Router {
    let compression = DefaultPredicate::new().and(NotForContentType::new("application/octet-stream"));
    let layers = ServiceBuilder::new()
        .layer(axum::middleware::from_fn(security::headers))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new().gzip(true).br(true).compress_when(compression))
        .layer(axum::middleware::from_fn_with_state(state.clone(), arrival::arrive));
    Router::new()
        .merge(json::router())
        .merge(portal::router(&state))
        .merge(desk::router(&state))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .layer(layers)
        .with_state(state)
}

/// A defect in one request ends that request.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Problem::Error(Error::internal("a handler panicked")).into_response()
}

fn sweep_limits(boot: &Boot<Config>, state: &AppState) {
    let state = state.clone();
    boot.tasks.spawn_vital(Phase::Serve, "limits", move |stop| async move {
        let mut tick = tokio::time::interval(Duration::from_secs(60));
        loop {
            tokio::select! {
                _ = tick.tick() => state.limits().sweep(),
                () = stop.cancelled() => return,
            }
        }
    });
}

/// Uploads that nobody claimed are deleted.
fn sweep_staging(boot: &Boot<Config>, state: &AppState) {
    let state = state.clone();
    boot.tasks.spawn_vital(Phase::Intake, "staging", move |stop| async move {
        let mut tick = tokio::time::interval(Duration::from_secs(3600));
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            let before = state.clock().now() - STAGED;
            match state.blobs().sweep("staging", before).await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(swept, "uploads that nobody claimed were deleted"),
                Err(error) => tracing::warn!(%error, "staging was not swept"),
            }
        }
    });
}
