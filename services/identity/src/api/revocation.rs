//! RevocationService.

use portico_chassis::clock::to_proto;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::revocation_service_server::RevocationService;
use tonic::{Request, Response, Status};

use super::Api;
use crate::domain::revocation::Revoked;

#[tonic::async_trait]
impl RevocationService for Api {
    async fn list_revocations(
        &self,
        request: Request<wire::ListRevocationsRequest>,
    ) -> Result<Response<wire::ListRevocationsResponse>, Status> {
        let page = self.app.revocations(request.into_inner().after).await?;
        let now = Some(to_proto(self.app.clock.now()));
        let mut answer = wire::ListRevocationsResponse { next: page.next, now, ..Default::default() };
        for (portal, revoked) in page.rows {
            match revoked {
                Revoked::Session(session) => answer.ended_sessions.push(session.to_string()),
                Revoked::Generation(person, generation) => {
                    answer.raised_generations.push(wire::RaisedGeneration { portal, person_id: person.to_string(), generation });
                }
            }
        }
        Ok(Response::new(answer))
    }
}
