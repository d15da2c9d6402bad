//! The operations port: `/healthz`, `/readyz`, `/metrics`. Never public.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::run::{Boot, Phase, Readiness};
use crate::telemetry;

/// Listens and serves until the very end of the shutdown; returns the address.
pub async fn serve<C>(boot: &Boot<C>) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(boot.common.operations_listen).await?;
    let address = listener.local_addr()?;
    let readiness = boot.readiness.clone();
    telemetry::readiness(boot.readiness.clone());
    let router = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(move || ready(readiness.clone())))
        .route("/metrics", get(|| async { ([("content-type", "text/plain; version=0.0.4")], telemetry::metrics()) }));
    boot.tasks.spawn_vital(Phase::Last, "operations", move |stop| async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::error!(%error, "the operations server ended");
        }
    });
    Ok(address)
}

async fn ready(readiness: Readiness) -> impl IntoResponse {
    let failing = readiness.failing();
    if failing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let reasons: String = failing.iter().map(|(check, reason)| format!("{check}: {reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, reasons)
}
