//! Files: uploads are claimed from the gateway's staging area.

use portico_chassis::blobs::{Claimed, MOST_UPLOADS, Upload};
use portico_chassis::error::Error;
use time::OffsetDateTime;

use super::Inner;
use super::asker::Asker;
use crate::domain::attachment::{Attachment, ScanState};
use crate::domain::ids::AttachmentId;

/// Where a file's content is.
pub(super) fn path(id: AttachmentId) -> String {
    format!("knowledge/{id}")
}

impl Inner {
    /// Verifies upload tickets and copies their objects to where files live: the files, and what goes into their entry. An object whose entry
    /// is refused afterwards is swept.
    pub(super) async fn claim(&self, asker: &Asker, tickets: &[String], now: OffsetDateTime) -> Result<(Vec<Attachment>, Claimed), Error> {
        let uploads = Upload::read_all(tickets, MOST_UPLOADS, &self.keys, &asker.portal, &asker.name, now)?;
        let uploads: Vec<_> = uploads.into_iter().map(|upload| (self.random.uuid(now), upload)).collect();
        let files = uploads.iter().map(|(id, upload)| file(AttachmentId::new(*id), upload, now)).collect::<Result<_, _>>()?;
        Ok((files, self.blobs.claim(uploads, |id| path(AttachmentId::new(id))).await?))
    }
}

fn file(id: AttachmentId, upload: &Upload, now: OffsetDateTime) -> Result<Attachment, Error> {
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
