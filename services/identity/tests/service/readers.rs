//! The services that obey a part of the settings document, played by one server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use portico_chassis::testing::Stage;
use portico_proto::common::v1::settings_service_server::{SettingsService, SettingsServiceServer};
use portico_proto::common::v1::{SettingsProblem, ValidateSettingsRequest, ValidateSettingsResponse};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Says to every document what it was told to say.
#[derive(Clone, Default)]
pub struct Reader {
    pub problems: Arc<Mutex<Vec<SettingsProblem>>>,
    pub asked: Arc<Mutex<Vec<serde_json::Value>>>,
}

#[tonic::async_trait]
impl SettingsService for Reader {
    async fn validate_settings(&self, request: Request<ValidateSettingsRequest>) -> Result<Response<ValidateSettingsResponse>, Status> {
        let document = serde_json::from_str(&request.get_ref().settings_json).unwrap();
        self.asked.lock().unwrap().push(document);
        Ok(Response::new(ValidateSettingsResponse { problems: self.problems.lock().unwrap().clone() }))
    }
}

impl Reader {
    /// Serves until the test ends.
    #[allow(clippy::disallowed_methods, reason = "a server of the test's own")]
    pub async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = SettingsServiceServer::new(self.clone());
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        address
    }
}

/// A stage where every reader agrees to everything.
pub async fn agreeing() -> Stage {
    let mut stage = Stage::new().await;
    let address = Reader::default().serve().await;
    for service in ["tickets", "knowledge", "community", "notifier"] {
        stage.peer(service, address);
    }
    stage
}
