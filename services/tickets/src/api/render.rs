//! RenderService for mails and bells about tickets.

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_proto::common::v1::render_service_server::RenderService;
use portico_proto::common::v1::{Fact, RenderForRequest, RenderForResponse};
use tonic::{Request, Response, Status};

use crate::app::Tickets;
use crate::app::render::RenderInput;

/// The service.
pub struct Api(pub Tickets);

#[tonic::async_trait]
impl RenderService for Api {
    async fn render_for(&self, request: Request<RenderForRequest>) -> Result<Response<RenderForResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let input = RenderInput {
            portal: context.portal(&message.portal)?,
            event: message.event_id.parse().map_err(|_| Error::NOT_FOUND)?,
            recipient: message.recipient.parse().map_err(|_| Error::NOT_FOUND)?,
            kind: message.kind,
            deadline: context.deadline,
        };
        let sent = self.0.render(&input).await?;
        let facts = sent.wording.facts.into_iter().map(|(label, value)| Fact { label, value });
        Ok(Response::new(RenderForResponse {
            to_address: sent.to_address,
            to_name: sent.to_name,
            locale: sent.locale,
            portal_title: sent.portal_title,
            subject: sent.wording.subject,
            intro: sent.wording.intro,
            author_name: sent.wording.author,
            body_markdown: sent.wording.body,
            action_label: sent.wording.action,
            action_path: sent.wording.path,
            ticket_number: sent.number,
            thread_root: sent.thread_root,
            answerable: true,
            facts: facts.collect(),
            at: Some(to_proto(sent.at)),
        }))
    }
}
