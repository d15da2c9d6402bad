//! RenderService: identity's own mails.

use portico_chassis::clock::to_proto;
use portico_chassis::grpc::context;
use portico_proto::common::v1::render_service_server::RenderService;
use portico_proto::common::v1::{RenderForRequest, RenderForResponse};
use tonic::{Request, Response, Status};

use super::{Api, fields};

#[tonic::async_trait]
impl RenderService for Api {
    async fn render_for(&self, request: Request<RenderForRequest>) -> Result<Response<RenderForResponse>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        let event = fields::id(&request.get_ref().event_id)?;
        let mail = self.app.render_mail(&portal, event, context.deadline).await?;
        Ok(Response::new(RenderForResponse {
            to_address: mail.person.email.to_string(),
            to_name: mail.to_name().to_owned(),
            locale: mail.person.locale,
            portal_title: mail.portal_title,
            subject: mail.subject,
            intro: mail.intro,
            action_label: mail.action_label.to_owned(),
            action_path: mail.action_path,
            at: Some(to_proto(mail.at)),
            ..RenderForResponse::default()
        }))
    }
}
