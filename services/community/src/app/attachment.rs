//! Files: uploads are claimed from the gateway's staging area; a download asks the topic of this moment.

use portico_chassis::blobs::{Claimed, Upload};
use portico_chassis::error::Error;
use time::OffsetDateTime;

use super::Community;
use super::asker::Asker;
use crate::domain::attachment::{ATTACHMENTS_MAX, Attachment, ScanState};
use crate::domain::ids::AttachmentId;
use crate::store;

/// Where an attachment's content is.
pub fn path(id: AttachmentId) -> String {
    format!("community/{id}")
}

impl Community {
    /// Verifies upload tickets and copies their objects to where attachments live: the attachments, and what goes into their entry. An object
    /// whose entry is refused afterwards is swept.
    pub(super) async fn claim(&self, asker: &Asker, tickets: &[String], now: OffsetDateTime) -> Result<(Vec<Attachment>, Claimed), Error> {
        let uploads = Upload::read_all(tickets, ATTACHMENTS_MAX, &self.keys, &asker.portal, &asker.name, now)?;
        let uploads: Vec<_> = uploads.into_iter().map(|upload| (self.random.uuid(now), upload)).collect();
        let attachments = uploads.iter().map(|(id, upload)| attachment(AttachmentId::new(*id), upload, now)).collect::<Result<_, _>>()?;
        Ok((attachments, self.blobs.claim(uploads, |id| path(AttachmentId::new(id))).await?))
    }

    /// A file whose topic the asker may read now.
    pub async fn attachment(&self, asker: &Asker, id: AttachmentId) -> Result<Attachment, Error> {
        let mut conn = self.enter(asker).await?;
        let (topic, attachment) = store::post::attachment(&mut conn, &asker.portal, id).await?.ok_or(Error::NOT_FOUND)?;
        self.visible_head(&mut conn, asker, topic).await?;
        Ok(attachment)
    }
}

fn attachment(id: AttachmentId, upload: &Upload, now: OffsetDateTime) -> Result<Attachment, Error> {
    Ok(Attachment {
        id,
        name: upload.name.clone(),
        size: i64::try_from(upload.size).map_err(Error::internal)?,
        content_type: upload.content_type.clone(),
        sha256: hex::decode(&upload.sha256).map_err(Error::internal)?,
        state: ScanState::Quarantined,
        created_at: now,
    })
}
