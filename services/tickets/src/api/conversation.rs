//! ConversationService.

use portico_chassis::blobs::by_content;
use portico_chassis::grpc::context;
use portico_chassis::page::{First, Wanted};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::conversation_service_server::ConversationService;
use tonic::{Request, Response, Status};

use super::{encode, fields};
use crate::app::Tickets;
use crate::app::asker::Asker;

/// The service.
pub struct Api(pub Tickets);

#[tonic::async_trait]
impl ConversationService for Api {
    async fn add_comment(&self, request: Request<wire::AddCommentRequest>) -> Result<Response<wire::AddCommentResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let request = context.request_key("AddComment", &message.request_id, &by_content(&message, |message| &mut message.uploads))?;
        let number = message.number.clone();
        let answer = self.0.comment(&asker, &number, fields::comment(message, request)?).await?;
        Ok(Response::new(encode::comment(answer)))
    }

    async fn get_timeline(&self, request: Request<wire::GetTimelineRequest>) -> Result<Response<wire::GetTimelineResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let page = message.page.unwrap_or_default();
        let wanted = Wanted { first: First::of(message.newest_first), size: page.page_size, token: &page.page_token };
        let (items, next_page_token) = self.0.timeline(&asker, &message.number, wanted).await?;
        Ok(Response::new(wire::GetTimelineResponse { items: items.into_iter().map(encode::item).collect(), next_page_token }))
    }
}
