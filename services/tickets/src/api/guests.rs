//! GuestService.

use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::guest_service_server::GuestService;
use tonic::{Request, Response, Status};

use crate::app::Tickets;

/// The service.
pub struct Api(pub Tickets);

#[tonic::async_trait]
impl GuestService for Api {
    async fn get_unverified_address(
        &self,
        request: Request<wire::GetUnverifiedAddressRequest>,
    ) -> Result<Response<wire::GetUnverifiedAddressResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let portal = context.portal(&message.portal)?;
        let id = message.ticket_id.parse().map_err(|_| Error::NOT_FOUND)?;
        let guest = self.0.unverified(&portal, id, context.deadline).await?;
        Ok(Response::new(wire::GetUnverifiedAddressResponse { email: guest.email, name: guest.name }))
    }
}
