//! What the community does: one function a use case. Reads go to the store, commands to the actor of their topic.

pub mod asker;
pub mod attachment;
pub mod clients;
pub mod copy;
pub mod entity;
pub mod forum;
pub mod housekeeping;
pub mod import;
pub mod moderation;
mod pace;
pub mod person;
pub mod policy;
pub mod post;
mod refusal;
pub mod render;
pub mod search;
pub mod topic;
pub mod views;

use std::sync::Arc;

use portico_chassis::auth::Keys;
use portico_chassis::blobs::Blobs;
use portico_chassis::clock::Clock;
use portico_chassis::db::{Db, PortalConn};
use portico_chassis::entity::Directory;
use portico_chassis::error::Error;
use portico_chassis::journal::Journal;
use portico_chassis::random::Random;
use portico_chassis::settings::Settings;

use crate::domain::ids::{PersonId, TopicId};
use crate::domain::view::{TopicHead, TopicView};
use crate::store;
use crate::store::writes::Write;
use asker::Asker;
use clients::Identity;
use entity::TopicAggregate;
use policy::Policy;
use views::Views;

/// The community's use cases. Cheap to clone.
#[derive(Clone)]
pub struct Community(Arc<Parts>);

/// What the use cases work with.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Commits.
    pub journal: Journal<Write>,
    /// The actors of topics.
    pub topics: Directory<TopicAggregate>,
    /// Counts views.
    pub views: Views,
    /// Who people are.
    pub identity: Identity,
    /// Copies of the portals' settings.
    pub settings: Settings<Policy>,
    /// Files.
    pub blobs: Blobs,
    /// Reads upload tickets.
    pub keys: Keys,
    /// Chassis time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// How much wider limits per person and address are on a development machine.
    pub limit_factor: u64,
}

impl std::ops::Deref for Community {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Community {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// A portal without a community has none for anybody but its staff (CM-12, IA-18).
    async fn admit(&self, asker: &Asker) -> Result<(), Error> {
        let settings = self.settings.get(&asker.portal).await?;
        if settings.part.is_open || asker.reader.staff() { Ok(()) } else { Err(Error::NOT_FOUND) }
    }

    /// A connection for one who asks and is admitted. A use case takes one and hands it around: two would starve each other.
    async fn enter(&self, asker: &Asker) -> Result<PortalConn, Error> {
        self.admit(asker).await?;
        self.db.read(&asker.portal, asker.deadline).await
    }

    /// The head of a topic that the asker may see.
    async fn visible_head(&self, conn: &mut PortalConn, asker: &Asker, id: TopicId) -> Result<TopicHead, Error> {
        let head = store::topic::head(conn, &asker.portal, id).await?;
        head.filter(|head| head.is_visible_to(&asker.reader)).ok_or(Error::NOT_FOUND)
    }

    /// The page of a topic that the asker may see.
    async fn visible_page(&self, conn: &mut PortalConn, asker: &Asker, id: TopicId) -> Result<TopicView, Error> {
        let reader: Option<PersonId> = asker.reader.person();
        let page = store::topic::page(conn, &asker.portal, id, reader).await?;
        page.filter(|page| page.head.is_visible_to(&asker.reader)).ok_or(Error::NOT_FOUND)
    }
}
