//! `DeliveriesService`.

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_chassis::page;
use portico_proto::notifier::v1::deliveries_service_server::DeliveriesService;
use portico_proto::notifier::v1::{
    DeliveryCount, DeliveryCounters, FailedDelivery, GetDeliveryCountersRequest, ListFailedDeliveriesRequest, ListFailedDeliveriesResponse,
    RetryDeliveryRequest, RetryDeliveryResponse,
};
use tonic::{Request, Response, Status};

use super::Api;
use crate::app::notification::{Place, from_micros, to_micros};

/// What the operator's page tokens are bound to.
const SCOPE: [&str; 1] = ["failed deliveries"];

#[tonic::async_trait]
impl DeliveriesService for Api {
    async fn get_delivery_counters(&self, request: Request<GetDeliveryCountersRequest>) -> Result<Response<DeliveryCounters>, Status> {
        context(&request)?;
        let (counts, oldest) = self.app.delivery_counters().await?;
        let counts =
            counts.into_iter().map(|count| DeliveryCount { channel: count.channel, state: count.state, count: count.count }).collect();
        Ok(Response::new(DeliveryCounters { counts, oldest_due_at: oldest.map(to_proto) }))
    }

    async fn list_failed_deliveries(
        &self,
        request: Request<ListFailedDeliveriesRequest>,
    ) -> Result<Response<ListFailedDeliveriesResponse>, Status> {
        context(&request)?;
        Ok(Response::new(self.list_failed(request.into_inner()).await?))
    }

    async fn retry_delivery(&self, request: Request<RetryDeliveryRequest>) -> Result<Response<RetryDeliveryResponse>, Status> {
        context(&request)?;
        let id = request.into_inner().id.parse().map_err(|_| Error::NOT_FOUND)?;
        self.app.retry_delivery(id).await?;
        Ok(Response::new(RetryDeliveryResponse {}))
    }
}

impl Api {
    async fn list_failed(&self, request: ListFailedDeliveriesRequest) -> Result<ListFailedDeliveriesResponse, Error> {
        let wanted = request.page.unwrap_or_default();
        let limit = page::size(wanted.page_size)?;
        let after: Option<Place> = self.pager.cursor(&SCOPE, &wanted.page_token)?;
        let after = after.map(|(micros, id)| Ok::<_, Error>((from_micros(micros)?, id))).transpose()?;
        let mut found = self.app.failed_deliveries(after, limit + 1).await?;
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| more).map(|row| (to_micros(row.ended_at), row.id.uuid()));
        let next_page_token = last.map(|place| self.pager.token(&SCOPE, &place)).transpose()?.unwrap_or_default();
        let items = found
            .into_iter()
            .map(|row| FailedDelivery {
                id: row.id.to_string(),
                portal: row.portal,
                channel: row.channel,
                kind: row.kind,
                reason: row.reason,
                attempts: row.attempts,
                failed_at: Some(to_proto(row.ended_at)),
            })
            .collect();
        Ok(ListFailedDeliveriesResponse { items, next_page_token })
    }
}
