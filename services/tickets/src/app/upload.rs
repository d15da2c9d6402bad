//! Uploads become attachments: the object is copied first, the row is committed with the upload's id as a claim, staging goes last.

use portico_chassis::blobs::{Upload, unusable};
use portico_chassis::error::Error;
use portico_chassis::journal::Claim;
use time::OffsetDateTime;

use super::Tickets;
use super::asker::Asker;
use crate::domain::file::verdict;
use crate::domain::ids::{AttachmentId, ItemId, TicketId};
use crate::domain::words::lexemes;
use crate::store::attachment::AttachmentRow;
use crate::store::words::WordsWrite;

/// Files with one request.
pub const MAX_UPLOADS: usize = 20;

/// Uploads on their way to become attachments.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Rows, their objects already in place.
    pub files: Vec<AttachmentRow>,
    /// Each upload is used once.
    pub claims: Vec<Claim>,
    /// Staged objects, to be deleted after the commit.
    staged: Vec<String>,
}

/// Where files hang.
#[derive(Debug, Clone, Copy)]
pub struct Hook {
    /// The ticket.
    pub ticket: TicketId,
    /// The item.
    pub item: ItemId,
    /// Agents only.
    pub internal: bool,
}

/// Where an attachment's content is.
pub fn path(id: AttachmentId) -> String {
    format!("tickets/{id}")
}

/// The words of file names, for the search.
pub fn words(files: &[AttachmentRow]) -> Option<WordsWrite> {
    let first = files.first()?;
    let (portal, ticket, internal) = (first.portal.clone(), TicketId::new(first.ticket_id), first.internal);
    Some(WordsWrite { portal, ticket, words: lexemes(files.iter().map(|file| file.name.as_str())), internal })
}

impl Tickets {
    /// Verifies upload tickets of `uploaders` (the names that the asker may have uploaded under) and copies their objects to where
    /// attachments live. An object whose entry is refused afterwards is swept.
    pub(super) async fn claim(
        &self,
        asker: &Asker,
        uploaders: &[String],
        tokens: &[String],
        hook: Hook,
        now: OffsetDateTime,
    ) -> Result<Claimed, Error> {
        if tokens.len() > MAX_UPLOADS {
            return Err(Error::invalid("uploads", "too_many", format!("At most {MAX_UPLOADS} files at once.")));
        }
        let mut claimed = Claimed::default();
        for token in tokens {
            let upload = self.upload(asker, uploaders, token, now)?;
            let id = AttachmentId::new(self.random.uuid(now));
            if claimed.staged.contains(&upload.staged()) {
                return Err(unusable());
            }
            let state = verdict(&upload.name, &upload.content_type).map_err(Error::from)?;
            self.blobs.claim(&upload, &path(id)).await?;
            claimed.staged.push(upload.staged());
            claimed.claims.push(Claim::Take { space: "upload", key: upload.id.to_string(), owner: id.uuid() });
            claimed.files.push(AttachmentRow {
                portal: asker.portal.clone(),
                id: id.uuid(),
                ticket_id: hook.ticket.uuid(),
                item_id: hook.item.uuid(),
                place: i16::try_from(claimed.files.len()).unwrap_or(i16::MAX),
                name: upload.name,
                size: i64::try_from(upload.size).map_err(Error::internal)?,
                content_type: upload.content_type,
                sha256: hex::decode(&upload.sha256).map_err(Error::internal)?,
                state: state.code(),
                internal: hook.internal,
                actor_id: asker.as_viewer().map(|viewer| viewer.person.uuid()),
                created_at: now,
            });
        }
        Ok(claimed)
    }

    fn upload(&self, asker: &Asker, uploaders: &[String], token: &str, now: OffsetDateTime) -> Result<Upload, Error> {
        let mut found = Err(unusable());
        for uploader in uploaders {
            found = Upload::read(token, &self.keys, &asker.portal, uploader, now);
            if found.is_ok() {
                break;
            }
        }
        found
    }

    /// Deletes staged objects after the commit; what can't be deleted now is swept by the gateway.
    pub(super) async fn settle(&self, claimed: &Claimed) {
        for object in &claimed.staged {
            if let Err(error) = self.blobs.delete(object).await {
                tracing::debug!(%error, "a staged object stays until it is swept");
            }
        }
    }

    /// The names under which the asker uploads.
    pub(super) fn uploaders(asker: &Asker) -> Vec<String> {
        vec![asker.name.clone()]
    }
}
