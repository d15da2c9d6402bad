//! Files: uploads are claimed from the gateway's staging area.

use portico_chassis::blobs::{Upload, unusable};
use portico_chassis::error::Error;
use portico_chassis::journal::Claim;
use time::OffsetDateTime;

use super::Inner;
use super::asker::Asker;
use crate::domain::article::MOST_FILES;
use crate::domain::attachment::{Attachment, ScanState};
use crate::domain::ids::AttachmentId;

/// Uploads on their way to become files of an article.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// The files, their objects already in place.
    pub files: Vec<Attachment>,
    /// Goes into the entry, so that each upload is used once.
    pub claims: Vec<Claim>,
    /// To be deleted after the commit.
    staged: Vec<String>,
}

/// Where a file's content is.
pub(super) fn path(id: AttachmentId) -> String {
    format!("knowledge/{id}")
}

impl Inner {
    /// Verifies upload tickets and copies their objects to where files live. An object whose entry is refused afterwards is swept.
    pub(super) async fn claim(&self, asker: &Asker, tickets: &[String], now: OffsetDateTime) -> Result<Claimed, Error> {
        let mut claimed = Claimed::default();
        if tickets.len() > MOST_FILES {
            return Err(Error::invalid("uploads", "too_many", format!("At most {MOST_FILES} files at once.")));
        }
        for ticket in tickets {
            let upload = Upload::read(ticket, &self.keys, &asker.portal, &asker.name, now)?;
            if claimed.staged.contains(&upload.staged()) {
                return Err(unusable());
            }
            let id = AttachmentId::new(self.random.uuid(now));
            self.blobs.claim(&upload, &path(id)).await?;
            claimed.staged.push(upload.staged());
            claimed.claims.push(Claim::Take { space: "upload", key: upload.id.to_string(), owner: id.uuid() });
            claimed.files.push(file(id, upload, now)?);
        }
        Ok(claimed)
    }

    /// Deletes staged objects after the commit; what can't be deleted now is swept by the gateway.
    pub(super) async fn settle(&self, claimed: &Claimed) {
        for object in &claimed.staged {
            if let Err(error) = self.blobs.delete(object).await {
                tracing::debug!(%error, "a staged object stays until it is swept");
            }
        }
    }
}

fn file(id: AttachmentId, upload: Upload, now: OffsetDateTime) -> Result<Attachment, Error> {
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
