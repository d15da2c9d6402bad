//! Uploads become attachments: the object is copied first, the row is committed with the upload's id as a claim, staging goes last.

use portico_chassis::blobs::{Claimed, MOST_UPLOADS, Upload};
use portico_chassis::error::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use crate::domain::file::verdict;
use crate::domain::ids::{AttachmentId, ItemId, TicketId};
use crate::domain::words::lexemes;
use crate::store::attachment::AttachmentRow;
use crate::store::words::WordsWrite;

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
    /// Verifies upload tickets of `uploader` (the name that the asker's files were uploaded under) and copies their objects to where
    /// attachments live: the rows, and what goes into their entry. An object whose entry is refused afterwards is swept.
    pub(super) async fn claim(
        &self,
        asker: &Asker,
        uploader: &str,
        tokens: &[String],
        hook: Hook,
        now: OffsetDateTime,
    ) -> Result<(Vec<AttachmentRow>, Claimed), Error> {
        let uploads = Upload::read_all(tokens, MOST_UPLOADS, &self.keys, &asker.portal, uploader, now)?;
        let uploads: Vec<_> = uploads.into_iter().map(|upload| (self.random.uuid(now), upload)).collect();
        // Nothing is copied when one of them is of a type that is not taken.
        let rows = (0..).zip(&uploads).map(|(place, (id, upload))| row(asker, hook, place, *id, upload, now)).collect::<Result<_, _>>()?;
        Ok((rows, self.blobs.claim(uploads, |id| path(AttachmentId::new(id))).await?))
    }
}

fn row(asker: &Asker, hook: Hook, place: i16, id: Uuid, upload: &Upload, now: OffsetDateTime) -> Result<AttachmentRow, Error> {
    Ok(AttachmentRow {
        portal: asker.portal.clone(),
        id,
        ticket_id: hook.ticket.uuid(),
        item_id: hook.item.uuid(),
        place,
        name: upload.name.clone(),
        size: i64::try_from(upload.size).map_err(Error::internal)?,
        content_type: upload.content_type.clone(),
        sha256: hex::decode(&upload.sha256).map_err(Error::internal)?,
        state: verdict(&upload.name, &upload.content_type).map_err(Error::from)?.code(),
        internal: hook.internal,
        actor_id: asker.as_viewer().map(|viewer| viewer.person.uuid()),
        created_at: now,
    })
}
