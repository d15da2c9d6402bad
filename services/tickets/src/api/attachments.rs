//! AttachmentsService.

use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_proto::common::v1::AttachmentBlob;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::attachments_service_server::AttachmentsService;
use tonic::{Request, Response, Status};

use super::encode;
use crate::app::Tickets;
use crate::app::asker::Asker;

/// The service.
pub struct Api(pub Tickets);

#[tonic::async_trait]
impl AttachmentsService for Api {
    async fn get_attachment_blob(&self, request: Request<wire::GetAttachmentBlobRequest>) -> Result<Response<AttachmentBlob>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let id = message.attachment_id.parse().map_err(|_| Error::NOT_FOUND)?;
        let blob = self.0.blob(&asker, id).await?;
        Ok(Response::new(AttachmentBlob { attachment: Some(encode::file(blob.file)), path: blob.path, sha256: blob.sha256 }))
    }

    async fn list_attachments(
        &self,
        request: Request<wire::ListAttachmentsRequest>,
    ) -> Result<Response<wire::ListAttachmentsResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let page = message.page.unwrap_or_default();
        let (files, next_page_token) = self.0.files(&asker, &message.number, page.page_size, &page.page_token).await?;
        let files = files.into_iter().map(|found| wire::TicketFile {
            attachment: Some(encode::file(found.file)),
            item_id: found.item.to_string(),
            actor: Some(encode::byline(found.actor)),
            internal: found.internal,
        });
        Ok(Response::new(wire::ListAttachmentsResponse { files: files.collect(), next_page_token }))
    }
}
