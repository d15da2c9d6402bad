//! Serves a service's RPCs with the guard in front.

use std::net::SocketAddr;
use std::time::Duration;

use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::server::TcpIncoming;

use super::guard::{GuardLayer, Permission};
use crate::run::{Boot, Phase};

/// Connections are closed after this time, so that clients spread over new replicas.
const CONNECTION_AGE: Duration = Duration::from_secs(300);

/// Collects services and serves them.
pub struct Server {
    permissions: Vec<&'static [(&'static str, Permission)]>,
    routes: RoutesBuilder,
}

impl Server {
    /// A server whose methods are those of `permissions`; a method without a row is closed.
    pub fn new(permissions: &'static [(&'static str, Permission)]) -> Self {
        Self { permissions: vec![permissions], routes: Routes::builder() }
    }

    /// Adds a service that brings its own permissions, such as the chassis' events service.
    #[must_use]
    pub fn permit(mut self, permissions: &'static [(&'static str, Permission)]) -> Self {
        self.permissions.push(permissions);
        self
    }

    /// Adds a generated service.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "adding a service to a server is no arithmetic")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: tower::Service<http::Request<tonic::body::Body>, Error = std::convert::Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service);
        self
    }

    /// Listens and serves until [`Phase::Serve`] ends; returns the address.
    pub async fn serve<C>(mut self, boot: &Boot<C>) -> anyhow::Result<SocketAddr> {
        let guard = GuardLayer::new(&self.permissions, boot.tokens.clone(), boot.common.operator_token()?);
        let (health, health_service) = tonic_health::server::health_reporter();
        self.routes.add_service(health_service);
        if boot.common.development {
            let reflection = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(portico_proto::DESCRIPTORS)
                .build_v1()?;
            self.routes.add_service(reflection);
        }
        let listener = tokio::net::TcpListener::bind(boot.common.grpc_listen).await?;
        let address = listener.local_addr()?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let routes = self.routes.routes();
        #[cfg(feature = "failpoints")]
        let routes = crate::next_version::answers(routes);
        let readiness = boot.readiness.clone();
        boot.tasks.spawn_vital(Phase::Last, "grpc health", move |stop| async move {
            let mut tick = tokio::time::interval(Duration::from_millis(500));
            loop {
                tokio::select! {
                    _ = tick.tick() => {}
                    () = stop.cancelled() => return,
                }
                let status = if readiness.failing().is_empty() {
                    tonic_health::ServingStatus::Serving
                } else {
                    tonic_health::ServingStatus::NotServing
                };
                health.set_service_status("", status).await;
            }
        });
        let tasks = boot.tasks.clone();
        boot.tasks.spawn_vital(Phase::Serve, "grpc", move |stop| async move {
            let served = tonic::transport::Server::builder()
                .http2_keepalive_interval(Some(Duration::from_secs(20)))
                .max_connection_age(CONNECTION_AGE)
                .max_concurrent_streams(Some(1024))
                .layer(guard)
                .add_routes(routes)
                .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the gRPC server ended");
                tasks.fail("grpc");
            }
        });
        Ok(address)
    }
}
