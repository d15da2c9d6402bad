//! The inboxes as an operator sees them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portico_proto::events::v1::inboxes_service_server::{InboxesService, InboxesServiceServer};
use portico_proto::events::v1::{
    InboxState, ListInboxesRequest, ListInboxesResponse, ListParkedEventsRequest, ListParkedEventsResponse, ReconcileInboxRequest,
    ReconcileInboxResponse, RedriveParkedEventsRequest, RedriveParkedEventsResponse,
};
use sqlx::PgPool;
use tonic::{Request, Response, Status};

use super::apply::Consumer;
use super::source::Producer;
use super::{apply, parked, reconcile};
use crate::db::Db;
use crate::error::Error;
use crate::ids::parse_uuid;
use crate::lease::{self, Lease};
use crate::page;
use crate::run::Boot;

/// A producer that this service follows.
pub(super) struct Followed {
    pub producer: Producer,
    pub consumer: Arc<dyn Consumer>,
}

/// The inboxes of one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Inboxes(Arc<Mutex<BTreeMap<&'static str, Arc<Followed>>>>);

impl Inboxes {
    pub(super) fn add(&self, followed: Followed) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(followed.consumer.producer(), Arc::new(followed));
    }

    fn of(&self, producer: &str) -> Result<Arc<Followed>, Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(producer).cloned().ok_or(Error::NOT_FOUND)
    }

    fn producers(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// The service, to be added to the server; its permissions are in [`crate::events::PERMISSIONS`].
pub fn service<C>(boot: &Boot<C>, db: &Db) -> InboxesServiceServer<impl InboxesService> {
    InboxesServiceServer::new(Service { pool: db.system().clone(), inboxes: boot.inboxes.clone(), replica: boot.common.replica.clone() })
}

struct Service {
    pool: PgPool,
    inboxes: Inboxes,
    replica: String,
}

#[tonic::async_trait]
impl InboxesService for Service {
    async fn list_inboxes(&self, _: Request<ListInboxesRequest>) -> Result<Response<ListInboxesResponse>, Status> {
        Ok(Response::new(ListInboxesResponse { inboxes: self.states().await? }))
    }

    async fn reconcile_inbox(&self, request: Request<ReconcileInboxRequest>) -> Result<Response<ReconcileInboxResponse>, Status> {
        Ok(Response::new(self.reconcile(&request.into_inner().producer).await?))
    }

    async fn list_parked_events(&self, request: Request<ListParkedEventsRequest>) -> Result<Response<ListParkedEventsResponse>, Status> {
        let request = request.into_inner();
        self.inboxes.of(&request.producer)?;
        let size = page::size(request.page_size)?;
        let events = parked::list(&self.pool, &request.producer, request.after_position, size).await?;
        Ok(Response::new(ListParkedEventsResponse { events }))
    }

    async fn redrive_parked_events(
        &self,
        request: Request<RedriveParkedEventsRequest>,
    ) -> Result<Response<RedriveParkedEventsResponse>, Status> {
        let request = request.into_inner();
        let followed = self.inboxes.of(&request.producer)?;
        let invalid = |_| Error::invalid("aggregate_id", "invalid", "This is no UUID.");
        let only = if request.aggregate_id.is_empty() { None } else { Some(parse_uuid(&request.aggregate_id).map_err(invalid)?) };
        let (applied, left) = parked::redrive(&self.pool, followed.consumer.as_ref(), only).await?;
        Ok(Response::new(RedriveParkedEventsResponse { applied, left }))
    }
}

impl Service {
    async fn states(&self) -> Result<Vec<InboxState>, Error> {
        let parked: BTreeMap<String, i64> = parked::counts(&self.pool).await?.into_iter().collect();
        let mut states = Vec::new();
        for producer in self.inboxes.producers() {
            let (cursor, stopped) = apply::read_cursor(&self.pool, producer).await?;
            states.push(InboxState {
                producer: producer.to_owned(),
                epoch: cursor.epoch,
                position: cursor.position,
                stopped: stopped.unwrap_or_default(),
                parked_events: parked.get(producer).copied().unwrap_or(0),
            });
        }
        Ok(states)
    }

    /// One at a time over all replicas: two would move the cursor back under each other.
    async fn reconcile(&self, producer: &str) -> Result<ReconcileInboxResponse, Error> {
        let followed = self.inboxes.of(producer)?;
        let lease = Lease::new(self.pool.clone(), format!("reconcile:{producer}"), &self.replica);
        if lease.hold().await?.is_none() {
            return Err(Error::Overloaded { retry_after: Duration::from_secs(10) });
        }
        let result = tokio::select! {
            result = reconcile::reconcile(&self.pool, &followed.producer, followed.consumer.as_ref()) => result,
            error = keep(&lease) => Err(error),
        };
        // Failing that, it ends by itself.
        let _ = lease.release().await;
        let reconciled = result?;
        Ok(ReconcileInboxResponse {
            epoch: reconciled.cursor.epoch,
            position: reconciled.cursor.position,
            aggregates: reconciled.aggregates,
        })
    }
}

/// Renews a lease for as long as it is polled; returns when it was lost.
async fn keep(lease: &Lease) -> Error {
    loop {
        tokio::time::sleep(lease::RENEW).await;
        match lease.hold().await {
            Ok(Some(_)) => {}
            Ok(None) => return Error::Unavailable("the lease was lost"),
            Err(error) => return error,
        }
    }
}
