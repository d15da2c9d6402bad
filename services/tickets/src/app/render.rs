//! What a mail or bell says, as of the moment it is sent: content, permission and relevance in one answer.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::page::First;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::render_text::{Occasion, Wording, write};
use crate::domain::access::{Relation, relation};
use crate::domain::ids::PersonId;
use crate::domain::kinds::{Channel, ItemKind};
use crate::domain::status::Status;
use crate::store;
use crate::store::events::{Happened, What};
use crate::store::item::ItemFound;
use crate::store::ticket::Handle;

/// One event for one recipient.
#[derive(Debug, Clone)]
pub struct RenderInput {
    /// In which portal.
    pub portal: PortalId,
    /// The event that made the delivery.
    pub event: Uuid,
    /// Who gets it.
    pub recipient: PersonId,
    /// A value of X-Portico-Kind.
    pub kind: String,
    /// Until when an answer is of use.
    pub deadline: Deadline,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Where to.
    pub to_address: String,
    /// To whom.
    pub to_name: String,
    /// Their language.
    pub locale: String,
    /// The portal's title.
    pub portal_title: String,
    /// What it says.
    pub wording: Wording,
    /// The ticket's number.
    pub number: String,
    /// Identifies the conversation; also what a reply address is made of.
    pub thread_root: String,
    /// When it happened.
    pub at: OffsetDateTime,
}

impl Tickets {
    /// Renders an event for a recipient.
    ///
    /// # Errors
    /// `NOT_FOUND` when the recipient may not see it now, or it no longer matters; `Unavailable` when somebody is away.
    pub async fn render(&self, input: &RenderInput) -> Result<Rendered, Error> {
        let settings = self.settings.get(&input.portal).await?;
        let mut conn = self.db.read(&input.portal, input.deadline).await?;
        let happened = store::events::find(&mut conn, &input.portal, input.event).await?.ok_or(Error::NOT_FOUND)?;
        let person = self.person(&mut conn, &input.portal, input.recipient, input.deadline).await?.ok_or(Error::NOT_FOUND)?;
        let found = store::ticket::find(&mut conn, &input.portal, Handle::Id(happened.ticket), None).await?.ok_or(Error::NOT_FOUND)?;
        let asker = Asker::of_facts(person.clone(), Channel::Portal, input.deadline);
        let now = self.now();
        let relation = relation(&found.case.ticket, asker.viewer()?, now).ok_or(Error::NOT_FOUND)?;
        if !person.active || !matters(&input.kind, &happened, found.case.ticket.status, relation) {
            return Err(Error::NOT_FOUND);
        }
        let item = store::item::at_version(&mut conn, &input.portal, happened.ticket, happened.version).await?;
        let moved = match happened.what {
            What::Commented { with_status: true, .. } => self.moved_with(&mut conn, &input.portal, &happened).await?,
            _ => None,
        };
        let occasion = Occasion {
            kind: &input.kind,
            what: happened.what,
            case: &found.case,
            rules: &settings.part.0,
            relation,
            recipient: person.id,
            item: item.as_ref(),
            moved: moved.as_ref(),
        };
        Ok(Rendered {
            to_address: person.email,
            to_name: person.name,
            locale: person.locale,
            portal_title: settings.title.clone(),
            wording: write(&occasion),
            number: found.case.ticket.number.clone(),
            thread_root: happened.ticket.to_string(),
            at: happened.at,
        })
    }

    /// The change of status that came with a comment: one of the next two versions.
    async fn moved_with(
        &self,
        conn: &mut portico_chassis::db::PortalConn,
        portal: &PortalId,
        happened: &Happened,
    ) -> Result<Option<ItemFound>, Error> {
        let later = store::item::From { first: First::Oldest, after: Some(happened.version) };
        let next = store::item::page(conn, portal, happened.ticket, false, later, 2).await?;
        Ok(next.into_iter().find(|found| found.row.kind == ItemKind::StatusChange.code()))
    }
}

/// Whether it is still worth telling, and to this recipient.
fn matters(kind: &str, happened: &Happened, status: Status, relation: Relation) -> bool {
    let staff = relation == Relation::Staff;
    match (kind, happened.what) {
        (_, What::Commented { internal: true, .. }) => staff,
        ("waiting_reminder", _) => status == Status::WaitingCustomer,
        ("close_reminder", _) => status == Status::Resolved,
        ("auto_resolved", _) => !status.is_open(),
        ("closed", _) => status == Status::Closed,
        _ => true,
    }
}
