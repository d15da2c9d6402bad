//! Items of a timeline as callers see them.

use std::collections::HashMap;

use portico_chassis::error::Error;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::view::{Byline, Lens};
use crate::domain::case::Case;
use crate::domain::change::FieldChange;
use crate::domain::kinds::{Channel, ItemKind, Reason, Role, ScanState};
use crate::domain::policy::Rules;
use crate::domain::status::Status;
use crate::store::attachment::AttachmentRow;
use crate::store::columns::known;
use crate::store::item::ItemFound;

/// A file as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of portico.common.v1.Attachment, explained there")]
pub struct FileView {
    pub id: Uuid,
    pub name: String,
    pub size: i64,
    pub content_type: String,
    pub state: ScanState,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl FileView {
    /// Of a row.
    ///
    /// # Errors
    /// `Internal` for a state that this build does not know.
    pub fn of(row: &AttachmentRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            name: row.name.clone(),
            size: row.size,
            content_type: row.content_type.clone(),
            state: known(ScanState::from_code(row.state), "scan state")?,
            created_at: row.created_at,
        })
    }
}

/// An item of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of portico.tickets.v1.TimelineItem, explained there")]
pub struct ItemView {
    pub id: Uuid,
    pub kind: ItemKind,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub actor: Byline,
    pub internal: bool,
    pub body: String,
    pub channel: Option<Channel>,
    pub files: Vec<FileView>,
    pub from: Option<Status>,
    pub to: Option<Status>,
    pub from_label: String,
    pub to_label: String,
    pub reason: Option<Reason>,
    pub sub_status: Option<String>,
    pub changes: Vec<FieldChange>,
    pub related_number: Option<String>,
    pub score: Option<i16>,
    pub version: i64,
}

/// What an item needs besides its row to be shown.
pub struct Frame<'a> {
    /// Its ticket.
    pub case: &'a Case,
    /// Through whose eyes.
    pub lens: &'a Lens,
    /// The portal's words.
    pub rules: &'a Rules,
    /// Words for the ids in `changes`.
    pub names: &'a HashMap<Uuid, String>,
}

impl Frame<'_> {
    /// An item with its files.
    ///
    /// # Errors
    /// `Internal` for a code that this build does not know.
    pub fn item(&self, found: ItemFound, files: Vec<FileView>) -> Result<ItemView, Error> {
        let row = found.row;
        let status = |code: Option<i16>| code.map(|code| known(Status::from_code(code), "status")).transpose();
        let (from, to) = (status(row.from_status)?, status(row.to_status)?);
        let label = |status: Option<Status>, party: Option<&str>| status.map(|s| self.rules.label(s, party)).unwrap_or_default();
        let role = known(Role::from_code(row.actor_role), "role")?;
        Ok(ItemView {
            id: row.id,
            kind: known(ItemKind::from_code(row.kind), "item kind")?,
            at: row.at,
            actor: Byline { id: row.actor_id, name: found.actor_name.unwrap_or_else(|| self.nameless(role)), role },
            internal: row.internal,
            channel: row.channel.map(|code| known(Channel::from_code(code), "channel")).transpose()?,
            files,
            from,
            to,
            from_label: label(from, None),
            to_label: label(to, row.sub_status.as_deref()),
            reason: row.reason.map(|code| known(Reason::from_code(code), "reason")).transpose()?,
            sub_status: row.sub_status,
            changes: self.changes(row.changes.map(|json| json.0).unwrap_or_default()),
            related_number: found.related_number,
            score: row.score,
            version: if self.lens.is_staff() { row.version } else { row.public_version },
            body: row.body,
        })
    }

    /// A guest is known by the ticket; whoever else has no name here is known by none.
    fn nameless(&self, role: Role) -> String {
        match (role, &self.case.ticket.guest, self.case.ticket.requester) {
            (Role::Customer, Some(guest), _) => guest.name.clone(),
            (Role::Customer, None, Some(person)) => self.case.name(person),
            _ => String::new(),
        }
    }

    /// Ids become names; tags are the agents' own.
    fn changes(&self, changes: Vec<FieldChange>) -> Vec<FieldChange> {
        let words = |value: Option<String>| {
            value.map(|text| match Uuid::try_parse(&text) {
                Ok(id) => self.names.get(&id).cloned().unwrap_or_else(|| self.case.name(id)),
                Err(_) => text,
            })
        };
        changes
            .into_iter()
            .filter(|change| change.field != "tags" || self.lens.is_staff())
            .map(|change| FieldChange { field: change.field, before: words(change.before), after: words(change.after) })
            .collect()
    }
}

/// The ids in an item's changes that need words.
pub fn ids_in(changes: &[FieldChange]) -> impl Iterator<Item = Uuid> {
    changes.iter().flat_map(|change| [&change.before, &change.after]).flatten().filter_map(|text| Uuid::try_parse(text).ok())
}
