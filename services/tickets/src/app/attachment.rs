//! Reading files: the ticket of this moment decides.

use portico_chassis::error::Error;
use portico_chassis::page;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::item_view::FileView;
use super::upload::path;
use super::view::Byline;
use crate::domain::access::Relation;
use crate::domain::ids::{AttachmentId, TicketId};
use crate::domain::kinds::{Role, ScanState};
use crate::store;
use crate::store::columns::known;
use crate::store::ticket::Handle;

/// Where a file's content is.
#[derive(Debug, Clone)]
pub struct Blob {
    /// The file.
    pub file: FileView,
    /// Path in the blob store.
    pub path: String,
    /// Of the content.
    pub sha256: Vec<u8>,
}

/// A file of a ticket.
#[derive(Debug, Clone)]
pub struct TicketFile {
    /// The file.
    pub file: FileView,
    /// The item it came with.
    pub item: Uuid,
    /// Who added it.
    pub actor: Byline,
    /// Agents only.
    pub internal: bool,
}

#[derive(Serialize, Deserialize)]
struct After {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    id: Uuid,
}

impl Tickets {
    /// Where the content of a file is that the asker may read now.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is absent or its ticket or item not visible; `Conflict` `not_scanned_yet` before it is clean.
    pub async fn blob(&self, asker: &Asker, id: AttachmentId) -> Result<Blob, Error> {
        asker.viewer()?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let row = store::attachment::find(&mut conn, &asker.portal, id).await?.ok_or(Error::NOT_FOUND)?;
        let opened = self.open_vouched(&mut conn, asker, Handle::Id(TicketId::new(row.ticket_id)), None).await?;
        if row.internal && opened.relation != Relation::Staff {
            return Err(Error::NOT_FOUND);
        }
        let file = FileView::of(&row)?;
        match file.state {
            ScanState::Clean => Ok(Blob { file, path: path(id), sha256: row.sha256 }),
            ScanState::Quarantined => Err(Error::conflict("not_scanned_yet", "The file is still being checked. Try again in a moment.")),
            ScanState::Infected => Err(Error::conflict("infected", "The file holds malware and can't be downloaded.")),
        }
    }

    /// A page of a ticket's files, and the token of the next.
    ///
    /// # Errors
    /// `NOT_FOUND` when the ticket is absent or not visible.
    pub async fn files(&self, asker: &Asker, number: &str, size: i32, token: &str) -> Result<(Vec<TicketFile>, String), Error> {
        let size = page::size(size)?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let opened = self.open(&mut conn, asker, number).await?;
        let id = opened.found.case.ticket.id;
        let scope_id = id.to_string();
        let scope = [asker.portal.as_str(), &asker.name, "ListAttachments", &scope_id];
        let after: Option<After> = self.pager.cursor(&scope, token)?;
        let staff = opened.relation == Relation::Staff;
        let after = after.map(|after| (after.at, after.id));
        let mut rows = store::attachment::of_ticket(&mut conn, &asker.portal, id, staff, after, size + 1).await?;
        let more = rows.len() > usize::try_from(size).unwrap_or(usize::MAX);
        if more {
            rows.pop();
        }
        let last = rows.last().filter(|_| more).map(|last| After { at: last.row.created_at, id: last.row.id });
        let next = last.map(|last| self.pager.token(&scope, &last)).transpose()?.unwrap_or_default();
        let files = rows.into_iter().map(|found| {
            let role = known(Role::from_code(found.actor_role), "role")?;
            let actor = Byline { id: found.row.actor_id, name: found.actor_name.unwrap_or_default(), role };
            Ok(TicketFile { file: FileView::of(&found.row)?, item: found.row.item_id, actor, internal: found.row.internal })
        });
        Ok((files.collect::<Result<_, Error>>()?, next))
    }
}
