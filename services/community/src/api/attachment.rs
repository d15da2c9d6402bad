//! AttachmentsService.

use portico_chassis::error::Error;
use portico_proto::common::v1::AttachmentBlob;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::attachments_service_server::AttachmentsService;
use tonic::{Request, Response, Status};

use super::{Api, encode, opened};
use crate::app::attachment;

#[tonic::async_trait]
impl AttachmentsService for Api {
    async fn get_attachment(&self, request: Request<wire::GetAttachmentRequest>) -> Result<Response<AttachmentBlob>, Status> {
        let (asker, _, message) = opened(request, |message| &message.portal)?;
        let id = message.id.parse().map_err(|_| Error::NOT_FOUND)?;
        let found = self.community.attachment(&asker, id).await?;
        let attachment = Some(encode::attachment(&found));
        Ok(Response::new(AttachmentBlob { attachment, path: attachment::path(found.id), sha256: found.sha256 }))
    }
}
