//! Files: uploads are claimed from the gateway's staging area; a download asks the topic of this moment.

use portico_chassis::blobs::{Upload, unusable};
use portico_chassis::error::Error;
use portico_chassis::journal::Claim;
use time::OffsetDateTime;

use super::Community;
use super::asker::Asker;
use crate::domain::attachment::{ATTACHMENTS_MAX, Attachment, ScanState};
use crate::domain::ids::AttachmentId;
use crate::store;

/// Uploads on their way to become attachments.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The attachments, their objects already in place.
    pub attachments: Vec<Attachment>,
    /// Goes into the entry, so that each upload is used once.
    pub claims: Vec<Claim>,
    /// Staged objects, to be deleted after the commit.
    staged: Vec<String>,
}

/// Where an attachment's content is.
pub fn path(id: AttachmentId) -> String {
    format!("community/{id}")
}

impl Community {
    /// Verifies upload tickets and copies their objects to where attachments live. An object whose entry is refused afterwards is swept.
    pub(super) async fn claim(&self, asker: &Asker, tickets: &[String], now: OffsetDateTime) -> Result<Claimed, Error> {
        let mut claimed = Claimed::default();
        if tickets.len() > ATTACHMENTS_MAX {
            return Err(Error::invalid("uploads", "too_many", format!("At most {ATTACHMENTS_MAX} files at once.")));
        }
        for ticket in tickets {
            let upload = Upload::read(ticket, &self.keys, &asker.portal, &asker.name, now)?;
            let id = AttachmentId::new(self.random.uuid(now));
            let claim = Claim::Take { space: "upload", key: upload.id.to_string(), owner: id.uuid() };
            if claimed.staged.contains(&upload.staged()) {
                return Err(unusable());
            }
            self.blobs.claim(&upload, &path(id)).await?;
            claimed.staged.push(upload.staged());
            claimed.claims.push(claim);
            claimed.attachments.push(attachment(id, upload, now)?);
        }
        Ok(claimed)
    }

    /// Deletes staged objects after the commit; what can't be deleted now is swept by the gateway.
    pub(super) async fn settle(&self, staged: &Claimed) {
        for object in &staged.staged {
            if let Err(error) = self.blobs.delete(object).await {
                tracing::debug!(%error, "a staged object stays until it is swept");
            }
        }
    }

    /// A file whose topic the asker may read now.
    pub async fn attachment(&self, asker: &Asker, id: AttachmentId) -> Result<Attachment, Error> {
        let mut conn = self.enter(asker).await?;
        let (topic, attachment) = store::post::attachment(&mut conn, &asker.portal, id).await?.ok_or(Error::NOT_FOUND)?;
        self.visible_head(&mut conn, asker, topic).await?;
        Ok(attachment)
    }
}

fn attachment(id: AttachmentId, upload: Upload, now: OffsetDateTime) -> Result<Attachment, Error> {
    Ok(Attachment {
        id,
        name: upload.name,
        size: i64::try_from(upload.size).map_err(Error::internal)?,
        content_type: upload.content_type,
        sha256: hex::decode(&upload.sha256).map_err(Error::internal)?,
        state: ScanState::Quarantined,
        created_at: now,
    })
}
