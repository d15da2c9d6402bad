//! The actor of an announcement.

use async_trait::async_trait;
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::{Aggregate, Asked, Decision};
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::Entry;

use super::{Tools, encode, exact, refused, search_doc};
use crate::domain::announcement::{Announcement, AnnouncementChange, AnnouncementView};
use crate::domain::ids::AnnouncementId;
use crate::domain::search::document::SearchKind;
use crate::store;
use crate::store::search_doc::DocWrite;
use crate::store::writes::Write;

/// Loads announcements and decides about them.
pub(super) struct AnnouncementAggregate(pub Tools);

/// A committed announcement.
#[derive(Clone)]
pub(super) struct AnnouncementEntity {
    pub announcement: Announcement,
    /// Nothing more can be done with it.
    pub deleted: bool,
}

/// What may be asked of an announcement.
pub(super) struct AnnouncementCommand {
    /// The version that the caller read; `None`: whatever it is now.
    pub etag: Option<i64>,
    /// The change; `None` deletes.
    pub change: Option<AnnouncementChange>,
}

#[async_trait]
impl Aggregate for AnnouncementAggregate {
    type Id = AnnouncementId;
    type State = AnnouncementEntity;
    type Command = AnnouncementCommand;
    type Write = Write;
    const KIND: &'static str = store::events::ANNOUNCEMENT;

    async fn load(&self, portal: &PortalId, id: AnnouncementId) -> Result<Option<AnnouncementEntity>, Error> {
        let mut conn = self.0.db.read(portal, Deadline::default()).await?;
        let view = store::announcement::find(&mut conn, portal, id, None).await?;
        Ok(view.map(|view| AnnouncementEntity { announcement: view.announcement, deleted: false }))
    }

    fn version(&self, state: &AnnouncementEntity) -> i64 {
        state.announcement.version
    }

    fn decide(
        &self,
        asked: &Asked<AnnouncementId>,
        state: &AnnouncementEntity,
        command: &AnnouncementCommand,
    ) -> Result<Decision<AnnouncementEntity, Write>, Error> {
        if state.deleted {
            return Err(Error::NOT_FOUND);
        }
        if command.etag.is_some_and(|etag| etag != state.announcement.version) {
            return Err(Error::version_conflict());
        }
        let now = exact(self.0.clock.now());
        let entry = Entry::new(asked.portal.clone(), asked.actor.clone(), now);
        let Some(change) = &command.change else {
            let mut after = state.announcement.clone();
            after.version += 1;
            let gone = DocWrite::gone(asked.portal.clone(), after.id.uuid(), SearchKind::Announcement, after.version, now);
            let entry = entry
                .events([store::events::announcement_deleted(self.0.random.uuid(now), &after)])
                .write(Write::DeleteAnnouncement(after.id))
                .write(Write::Search(Box::new(gone)))
                .answer(encode(&())?);
            return Ok(Decision::change(AnnouncementEntity { announcement: after, deleted: true }, entry));
        };
        let (after, fields) = state.announcement.changed(change.clone(), now).map_err(refused)?;
        let view = AnnouncementView { announcement: after, dismissed: false };
        let answer = encode(&view)?;
        if fields.is_empty() {
            return Ok(Decision::nothing(state.clone(), answer));
        }
        let event = store::events::announcement_changed(self.0.random.uuid(now), &view.announcement, &fields);
        let entry = with_rows(entry.events([event]), &asked.portal, &view.announcement).answer(answer);
        Ok(Decision::change(AnnouncementEntity { announcement: view.announcement, deleted: false }, entry))
    }
}

/// Adds the announcement's row and its search document.
pub(super) fn with_rows(entry: Entry<Write>, portal: &PortalId, announcement: &Announcement) -> Entry<Write> {
    entry
        .write(Write::Announcement(portal.clone(), Box::new(announcement.clone())))
        .write(Write::Search(Box::new(search_doc::of_announcement(portal, announcement))))
}
