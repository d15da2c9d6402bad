//! Serves a service's journal to its consumers: the head, and pages of rows.

use portico_proto::events::v1::events_service_server::{EventsService, EventsServiceServer};
use portico_proto::events::v1::{GetHeadRequest, GetHeadResponse, PullRequest, PullResponse};
use prost::Message;
use sqlx::PgPool;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::db::Db;
use crate::error::Error;
use crate::grpc::Permission;
use crate::relay;

/// Rows of a page.
const PAGE: i64 = 500;
/// Bytes of a page; a single larger event goes alone.
const PAGE_BYTES: usize = 1024 * 1024;

/// Every service may follow every other.
const CONSUMERS: Permission = Permission::Services(&["identity", "tickets", "knowledge", "community", "notifier", "gateway"]);

/// The rows of this service for the permission table.
pub const PERMISSIONS: &[(&str, Permission)] =
    &[("/portico.events.v1.EventsService/GetHead", CONSUMERS), ("/portico.events.v1.EventsService/Pull", CONSUMERS)];

/// The service, to be added to the server.
pub fn service(producer: &'static str, db: &Db) -> EventsServiceServer<impl EventsService> {
    EventsServiceServer::new(Events { producer, pool: db.system().clone() })
}

struct Events {
    producer: &'static str,
    pool: PgPool,
}

#[tonic::async_trait]
impl EventsService for Events {
    async fn get_head(&self, request: Request<GetHeadRequest>) -> Result<Response<GetHeadResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(self.head(&request).await?))
    }

    async fn pull(&self, request: Request<PullRequest>) -> Result<Response<PullResponse>, Status> {
        Ok(Response::new(self.page(request.into_inner().after_position).await?))
    }
}

impl Events {
    async fn head(&self, request: &GetHeadRequest) -> Result<GetHeadResponse, Error> {
        let (epoch, position, at_cursor): (Uuid, i64, Option<Uuid>) =
            sqlx::query_as("SELECT epoch, position, (SELECT event_id FROM journal j WHERE j.position = $1) FROM journal_head")
                .bind(request.position)
                .fetch_one(&self.pool)
                .await?;
        // A cursor older than the journal's retention can't be compared and is not held against the caller.
        let matches =
            request.position == 0 || (request.position <= position && at_cursor.is_none_or(|event| event.to_string() == request.event_id));
        Ok(GetHeadResponse { epoch: epoch.to_string(), position, matches })
    }

    async fn page(&self, after: i64) -> Result<PullResponse, Error> {
        let (epoch, head_position): (Uuid, i64) = sqlx::query_as("SELECT epoch, position FROM journal_head").fetch_one(&self.pool).await?;
        let epoch = epoch.to_string();
        let mut events = Vec::new();
        let mut bytes = 0;
        for row in relay::rows_after(&self.pool, after, PAGE).await? {
            let event = row.envelope(self.producer, &epoch);
            bytes += event.encoded_len();
            if bytes > PAGE_BYTES && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        Ok(PullResponse { epoch, events, head_position })
    }
}
