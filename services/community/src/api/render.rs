//! RenderService: mails and bells at the moment of sending.

use portico_chassis::clock::to_proto;
use portico_chassis::grpc::context;
use portico_proto::common::v1::render_service_server::RenderService;
use portico_proto::common::v1::{RenderForRequest, RenderForResponse};
use tonic::{Request, Response, Status};

use super::Api;

#[tonic::async_trait]
impl RenderService for Api {
    async fn render_for(&self, request: Request<RenderForRequest>) -> Result<Response<RenderForResponse>, Status> {
        let context = context(&request)?;
        let message = request.into_inner();
        let portal = context.portal(&message.portal)?;
        let rendered = self.community.render(&portal, &message.event_id, &message.recipient, &message.kind, context.deadline).await?;
        Ok(Response::new(RenderForResponse {
            to_address: rendered.to.email,
            to_name: rendered.to.byline.name,
            locale: rendered.to.locale,
            portal_title: rendered.portal_title,
            subject: rendered.subject,
            intro: rendered.intro,
            author_name: rendered.author,
            body_markdown: rendered.body,
            action_label: rendered.action.to_owned(),
            action_path: rendered.path,
            ticket_number: String::new(),
            thread_root: format!("topic-{}", rendered.topic),
            answerable: false,
            facts: Vec::new(),
            at: Some(to_proto(rendered.at)),
        }))
    }
}
