//! Serves a service's journal to its consumers: the head, pages of rows, and a snapshot for those who can't begin at the first row.

use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::events_service_server::{EventsService, EventsServiceServer};
use portico_proto::events::v1::{
    AggregateVersion, BeginEpochRequest, BeginEpochResponse, Envelope, EventBody, GetHeadRequest, GetHeadResponse, PullRequest,
    PullResponse, SnapshotRequest, SnapshotResponse,
};
use prost::Message;
use sqlx::PgPool;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::db::Db;
use crate::error::Error;
use crate::grpc::Permission;
use crate::ids::parse_uuid;
use crate::relay;

/// Rows of a page.
const PAGE: i64 = 500;
/// Bytes of a page; a single larger event goes alone.
const PAGE_BYTES: usize = 1024 * 1024;

/// Every service may follow every other.
const CONSUMERS: Permission = Permission::Services(&["identity", "tickets", "knowledge", "community", "notifier", "gateway"]);

/// The rows of this service and of the inboxes' for the permission table.
pub const PERMISSIONS: &[(&str, Permission)] = &[
    ("/portico.events.v1.EventsService/GetHead", CONSUMERS),
    ("/portico.events.v1.EventsService/Pull", CONSUMERS),
    ("/portico.events.v1.EventsService/Snapshot", CONSUMERS),
    ("/portico.events.v1.EventsService/BeginEpoch", Permission::Operator),
    ("/portico.events.v1.InboxesService/ListInboxes", Permission::Operator),
    ("/portico.events.v1.InboxesService/ReconcileInbox", Permission::Operator),
    ("/portico.events.v1.InboxesService/ListParkedEvents", Permission::Operator),
    ("/portico.events.v1.InboxesService/RedriveParkedEvents", Permission::Operator),
];

/// What happened, as far as this version knows it. `None` for a variant that it does not know, for a body that it can't read, which the log
/// tells, and for a snapshot's row, which has none: nobody stands still.
pub fn body(event: &Envelope) -> Option<Body> {
    let read = EventBody::decode(event.body.as_slice());
    read.inspect_err(|error| tracing::error!(event = event.event_id, %error, "an event's body can't be read")).ok()?.body
}

/// The service, to be added to the server.
pub fn service(producer: &'static str, db: &Db) -> EventsServiceServer<impl EventsService> {
    EventsServiceServer::new(Events { producer, pool: db.system().clone() })
}

fn invalid(field: &str) -> Error {
    Error::invalid(field, "invalid", "This is no UUID.")
}

/// Whether the event that a caller read last is still at its position, where `stands` now, in a journal that ends at `head`.
pub fn matches(asked: &GetHeadRequest, head: i64, stands: Option<Uuid>) -> bool {
    // A cursor older than the journal's retention can't be compared and is not held against the caller.
    asked.position == 0 || (asked.position <= head && stands.is_none_or(|event| event.to_string() == asked.event_id))
}

/// As many of `events` as fit into one page, at least one.
pub fn page(events: impl Iterator<Item = Envelope>) -> Vec<Envelope> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for event in events {
        bytes += event.encoded_len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(event);
    }
    page
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

    async fn snapshot(&self, request: Request<SnapshotRequest>) -> Result<Response<SnapshotResponse>, Status> {
        let after = request.into_inner().after_aggregate_id;
        let after = if after.is_empty() { Uuid::nil() } else { parse_uuid(&after).map_err(|_| invalid("after_aggregate_id"))? };
        Ok(Response::new(self.aggregates(after).await?))
    }

    async fn begin_epoch(&self, request: Request<BeginEpochRequest>) -> Result<Response<BeginEpochResponse>, Status> {
        let ended = parse_uuid(&request.into_inner().epoch).map_err(|_| invalid("epoch"))?;
        Ok(Response::new(self.renew(ended).await?))
    }
}

impl Events {
    async fn head(&self, request: &GetHeadRequest) -> Result<GetHeadResponse, Error> {
        let (epoch, position, at_cursor): (Uuid, i64, Option<Uuid>) =
            sqlx::query_as("SELECT epoch, position, (SELECT event_id FROM journal j WHERE j.position = $1) FROM journal_head")
                .bind(request.position)
                .fetch_one(&self.pool)
                .await?;
        Ok(GetHeadResponse { epoch: epoch.to_string(), position, matches: matches(request, position, at_cursor) })
    }

    async fn page(&self, after: i64) -> Result<PullResponse, Error> {
        let (epoch, head_position): (Uuid, i64) = sqlx::query_as("SELECT epoch, position FROM journal_head").fetch_one(&self.pool).await?;
        let epoch = epoch.to_string();
        let rows = relay::rows_after(&self.pool, after, PAGE).await?;
        let events = page(rows.into_iter().map(|row| row.envelope(self.producer, &epoch)));
        Ok(PullResponse { epoch, events, head_position })
    }

    /// The head is read first: a change that a page shows already may be pulled again, and none is missed.
    async fn aggregates(&self, after: Uuid) -> Result<SnapshotResponse, Error> {
        let (epoch, head_position, head_event): (Uuid, i64, Option<Uuid>) =
            sqlx::query_as("SELECT epoch, position, last_event FROM journal_head").fetch_one(&self.pool).await?;
        let rows: Vec<(String, String, Uuid, i64)> =
            sqlx::query_as("SELECT portal, kind, id, version FROM aggregate WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(PAGE)
                .fetch_all(&self.pool)
                .await?;
        let aggregates =
            rows.into_iter().map(|(portal, kind, id, version)| AggregateVersion { portal, kind, id: id.to_string(), version }).collect();
        let head_event_id = head_event.map(|id| id.to_string()).unwrap_or_default();
        Ok(SnapshotResponse { epoch: epoch.to_string(), head_position, head_event_id, aggregates })
    }

    async fn renew(&self, ended: Uuid) -> Result<BeginEpochResponse, Error> {
        let renewed: Option<Uuid> =
            sqlx::query_scalar("UPDATE journal_head SET epoch = gen_random_uuid() WHERE epoch = $1 RETURNING epoch")
                .bind(ended)
                .fetch_optional(&self.pool)
                .await?;
        let epoch: Uuid = match renewed {
            Some(epoch) => {
                tracing::warn!(%ended, %epoch, "the journal has a new epoch; its consumers stand still until they are reconciled");
                epoch
            }
            None => sqlx::query_scalar("SELECT epoch FROM journal_head").fetch_one(&self.pool).await?,
        };
        Ok(BeginEpochResponse { epoch: epoch.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use portico_proto::events::v1::{Envelope, GetHeadRequest};
    use uuid::Uuid;

    use super::{PAGE_BYTES, PERMISSIONS, body, matches, page};
    use crate::grpc::Permission;

    #[test]
    fn every_method_is_open_to_whom_it_is_meant_for() {
        let operators = "EventsService/BeginEpoch InboxesService/ListInboxes InboxesService/ReconcileInbox InboxesService/ListParkedEvents \
                         InboxesService/RedriveParkedEvents";
        let services = Permission::Services(&["identity", "tickets", "knowledge", "community", "notifier", "gateway"]);
        let meant = [(services, "EventsService/GetHead EventsService/Pull EventsService/Snapshot"), (Permission::Operator, operators)];
        crate::testing::check_permissions("portico.events.v1", PERMISSIONS, &meant);
    }

    #[test]
    fn a_callers_event_is_compared_where_it_can_be() {
        let event = Uuid::from_u128(7);
        let asked = |position: i64| GetHeadRequest { position, event_id: event.to_string() };
        assert!(matches(&GetHeadRequest::default(), 0, None), "who has read nothing has read nothing wrong");
        assert!(matches(&asked(3), 5, Some(event)));
        assert!(!matches(&asked(3), 5, Some(Uuid::nil())), "another event stands there");
        assert!(!matches(&asked(6), 5, None), "the journal is shorter than what was read");
        assert!(matches(&asked(3), 5, None), "what is no longer kept can't be compared");
    }

    #[test]
    fn a_body_that_nobody_can_read_is_none_that_is_known() {
        let event = |bytes: &[u8]| Envelope { body: bytes.to_vec(), ..Envelope::default() };
        assert!(body(&event(&[])).is_none(), "a snapshot's row");
        assert!(body(&event(&[0x0a, 0x7f])).is_none(), "it ends too early");
        assert!(body(&event(&[0x52, 0x00])).is_none(), "a variant of a newer version");
        assert!(body(&event(&[0x12, 0x00])).is_some());
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_and_is_never_empty() {
        let event = |bytes: usize| Envelope { actor: "a".repeat(bytes), ..Envelope::default() };
        assert_eq!(page([event(PAGE_BYTES * 2), event(1)].into_iter()).len(), 1);
        assert_eq!(page([event(1), event(PAGE_BYTES), event(1)].into_iter()).len(), 1);
        assert_eq!(page((0..9).map(|_| event(100))).len(), 9);
        assert!(page(std::iter::empty()).is_empty());
    }
}
