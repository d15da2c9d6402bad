//! Use cases of announcements.

use portico_chassis::entity::Asked;
use portico_chassis::error::Error;
use portico_chassis::journal::{Entry, RequestKey};
use portico_chassis::page;
use time::OffsetDateTime;
use uuid::Uuid;

use super::announcement_entity::{AnnouncementCommand, with_rows};
use super::article::Page;
use super::asker::Asker;
use super::{Inner, decode, encode, refused, settled};
use crate::domain::announcement::{Announcement, AnnouncementChange, AnnouncementView, Severity};
use crate::domain::audience::Audience;
use crate::domain::ids::{AnnouncementId, PersonId};
use crate::store;
use crate::store::announcement::Wanted;
use crate::store::writes::Write;

/// What a list of announcements wants.
#[derive(Debug, Clone, Default)]
pub struct ListAnnouncements {
    /// Rows; 0: the default.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Also what is not valid now; agents only.
    pub include_all: bool,
    /// Without what the asker has put away.
    pub undismissed_only: bool,
}

impl Inner {
    /// A page of announcements, the latest beginning first. A portal without announcements has none but for agents.
    ///
    /// # Errors
    /// When the page token or size is not valid.
    pub async fn list_announcements(&self, asker: &Asker, list: &ListAnnouncements) -> Result<Page<AnnouncementView>, Error> {
        let size = page::size(list.page_size)?;
        if !self.settings(asker).await?.announcements && !asker.viewer.is_staff() {
            return Ok(Page { items: Vec::new(), next_page_token: String::new() });
        }
        let all = list.include_all && asker.viewer.is_staff();
        let flags = format!("{all}|{}", list.undismissed_only);
        let scope = [asker.portal.as_str(), asker.name.as_str(), "ListAnnouncements", flags.as_str()];
        let wanted = Wanted {
            readers: asker.filter(),
            valid_at: (!all).then(|| self.now()),
            person: asker.person_id(),
            undismissed_only: list.undismissed_only,
            after: self.pager.cursor::<(OffsetDateTime, Uuid)>(&scope, &list.page_token)?,
            limit: size + 1,
        };
        let mut conn = self.read(asker).await?;
        let mut items = store::announcement::page(&mut conn, &asker.portal, &wanted).await?;
        let more = i64::try_from(items.len()).is_ok_and(|found| found > size);
        items.truncate(usize::try_from(size).unwrap_or_default());
        let next_page_token = match items.last().filter(|_| more) {
            None => String::new(),
            Some(last) => self.pager.token(&scope, &(last.announcement.valid_from, last.announcement.id.uuid()))?,
        };
        Ok(Page { items, next_page_token })
    }

    /// One announcement that the asker sees now.
    ///
    /// # Errors
    /// `NOT_FOUND` for every other.
    pub async fn announcement(&self, asker: &Asker, id: AnnouncementId) -> Result<AnnouncementView, Error> {
        let mut conn = self.read(asker).await?;
        let view = store::announcement::find(&mut conn, &asker.portal, id, asker.person_id()).await?.ok_or(Error::NOT_FOUND)?;
        if view.announcement.is_readable(&asker.viewer, self.now()) { Ok(view) } else { Err(Error::NOT_FOUND) }
    }

    /// Writes a new announcement.
    ///
    /// # Errors
    /// Wrong fields, all at once.
    pub async fn create_announcement(&self, asker: &Asker, key: RequestKey, change: AnnouncementChange) -> Result<AnnouncementView, Error> {
        if let Some(answered) = self.answered(asker, &key).await? {
            return Ok(answered);
        }
        let now = self.now();
        let blank = Announcement {
            id: AnnouncementId::new(self.random.uuid(now)),
            title: String::new(),
            body: String::new(),
            severity: Severity::Info,
            audience: Audience::Public,
            valid_from: now,
            valid_until: None,
            version: 0,
            created_at: now,
            updated_at: now,
        };
        let (announcement, _) = blank.changed(change, now).map_err(refused)?;
        let view = AnnouncementView { announcement, dismissed: false };
        let entry = Entry::new(asker.portal.clone(), asker.name.clone(), now)
            .request(Some(key))
            .expect(store::events::ANNOUNCEMENT, view.announcement.id, 0)
            .events([store::events::announcement_changed(self.random.uuid(now), &view.announcement, &[])])
            .answer(encode(&view)?);
        let entry = with_rows(entry, &asker.portal, &view.announcement);
        let made = settled(self.journal.append_one(entry, asker.deadline).await?)?;
        self.written();
        Ok(made)
    }

    /// Changes an announcement.
    ///
    /// # Errors
    /// Wrong fields, `version_conflict`, `NOT_FOUND`.
    pub async fn update_announcement(
        &self,
        asker: &Asker,
        key: RequestKey,
        id: AnnouncementId,
        etag: Option<i64>,
        change: AnnouncementChange,
    ) -> Result<AnnouncementView, Error> {
        let answer = self.ask_announcement(asker, key, id, AnnouncementCommand { etag, change: Some(change) }).await?;
        let mut view: AnnouncementView = decode(&answer)?;
        view.dismissed = self.announcement(asker, id).await.is_ok_and(|now| now.dismissed);
        Ok(view)
    }

    /// Removes an announcement.
    ///
    /// # Errors
    /// `version_conflict`, `NOT_FOUND`.
    pub async fn delete_announcement(&self, asker: &Asker, key: RequestKey, id: AnnouncementId, etag: Option<i64>) -> Result<(), Error> {
        if self.answered::<()>(asker, &key).await?.is_some() {
            return Ok(());
        }
        self.ask_announcement(asker, key, id, AnnouncementCommand { etag, change: None }).await.map(|_| ())
    }

    async fn ask_announcement(
        &self,
        asker: &Asker,
        key: RequestKey,
        id: AnnouncementId,
        command: AnnouncementCommand,
    ) -> Result<Vec<u8>, Error> {
        let asked = Asked { portal: asker.portal.clone(), id, actor: asker.name.clone(), request: Some(key) };
        let answer = self.announcements.ask(asked, command, asker.deadline).await?;
        self.written();
        Ok(answer)
    }

    /// Hides an announcement for the asker.
    ///
    /// # Errors
    /// `Unauthenticated` for guests, `NOT_FOUND`.
    pub async fn dismiss_announcement(&self, asker: &Asker, key: RequestKey, id: AnnouncementId) -> Result<(), Error> {
        let person = PersonId::new(asker.person()?.id);
        self.announcement(asker, id).await?;
        let now = self.now();
        let entry = Entry::new(asker.portal.clone(), asker.name.clone(), now)
            .request(Some(key))
            .write(Write::Dismiss(asker.portal.clone(), id, person, now))
            .answer(encode(&())?);
        settled(self.journal.append_one(entry, asker.deadline).await?)
    }
}
