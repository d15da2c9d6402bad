//! What the service does: use cases and actors.

pub mod announcement;
mod announcement_entity;
pub mod article;
mod article_entity;
pub mod asker;
mod attachment;
pub mod clients;
pub mod comment;
mod housekeeping;
pub mod import;
mod index;
pub mod person;
pub mod search;
mod search_doc;
pub mod settings;
pub mod topic;
mod view_count;

use std::sync::Arc;

use portico_chassis::auth::Keys;
use portico_chassis::blobs::{Blobs, UPLOADS, unusable};
use portico_chassis::clock::Clock;
use portico_chassis::db::{Db, PortalConn};
use portico_chassis::entity::Directory;
use portico_chassis::error::{Error, FieldError};
use portico_chassis::foundation::Foundation;
use portico_chassis::journal::{Journal, Outcome, Replay, RequestKey, replay};
use portico_chassis::page::Pager;
use portico_chassis::random::Random;
use portico_chassis::run::Boot;
use portico_chassis::settings::Settings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio::sync::Notify;

use self::announcement_entity::AnnouncementAggregate;
use self::article_entity::ArticleAggregate;
use self::asker::Asker;
use self::clients::{CommunityClient, IdentityClient};
use self::index::IndexHandle;
use self::settings::Part;
use self::view_count::ViewCounter;
use crate::config::Config;
use crate::domain::problem::Problem;
use crate::store::writes::Write;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Knowledge(Arc<Inner>);

/// What the use cases work with.
pub struct Inner {
    db: Db,
    journal: Journal<Write>,
    pager: Pager,
    clock: Clock,
    random: Random,
    keys: Keys,
    blobs: Blobs,
    settings: Settings<Part>,
    articles: Directory<ArticleAggregate>,
    announcements: Directory<AnnouncementAggregate>,
    index: IndexHandle,
    views: ViewCounter,
    community: CommunityClient,
    identity: IdentityClient,
    topic_wake: Arc<Notify>,
}

impl std::ops::Deref for Knowledge {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Knowledge {
    /// Puts the use cases together and starts their actors.
    ///
    /// # Errors
    /// When the configuration can't be used.
    pub async fn start(boot: &Boot<Config>, foundation: &Foundation<Write>) -> anyhow::Result<Self> {
        let (db, journal) = (foundation.db.clone(), foundation.journal.clone());
        let settings = Settings::<Part>::follow(boot, Some(&db), &foundation.peers).await?;
        let blobs = Blobs::open(&boot.common)?;
        let tools = Tools { db: db.clone(), clock: boot.clock.clone(), random: boot.random.clone() };
        let articles = Directory::new(ArticleAggregate(tools.clone()), db.clone(), journal.clone(), boot.tasks.clone());
        let announcements = Directory::new(AnnouncementAggregate(tools), db.clone(), journal.clone(), boot.tasks.clone());
        let knowledge = Self(Arc::new(Inner {
            index: IndexHandle::start(boot, &db, settings.clone()),
            views: ViewCounter::start(boot, &db),
            community: CommunityClient::new(&foundation.peers)?,
            identity: IdentityClient::new(&foundation.peers)?,
            pager: foundation.pager.clone(),
            clock: boot.clock.clone(),
            random: boot.random.clone(),
            keys: boot.keys.clone(),
            db,
            journal,
            blobs,
            settings,
            topic_wake: Arc::default(),
            articles,
            announcements,
        }));
        housekeeping::start(boot, &knowledge);
        topic::start(boot, &knowledge);
        person::start(boot, &knowledge);
        Ok(knowledge)
    }
}

impl Inner {
    /// Now, as exactly as the database keeps it.
    fn now(&self) -> OffsetDateTime {
        exact(self.clock.now())
    }

    async fn read(&self, asker: &Asker) -> Result<PortalConn, Error> {
        self.db.read(&asker.portal, asker.deadline).await
    }

    /// The stored answer to this request, if it was answered before.
    async fn answered<T: DeserializeOwned>(&self, asker: &Asker, key: &RequestKey) -> Result<Option<T>, Error> {
        let mut conn = self.read(asker).await?;
        match replay(&mut conn, &asker.portal, key).await? {
            Replay::New => Ok(None),
            Replay::Answered(bytes) => decode(&bytes).map(Some),
        }
    }

    /// The portal's settings; the product's defaults while identity does not answer.
    async fn settings(&self, asker: &Asker) -> Result<Part, Error> {
        match self.settings.get(&asker.portal).await {
            Ok(known) => Ok(known.part),
            Err(Error::NotFound { code }) => Err(Error::NotFound { code }),
            Err(_) => Ok(Part::default()),
        }
    }

    /// Topics were marked: the keeper fetches them.
    pub fn topics_marked(&self) {
        self.topic_wake.notify_one();
    }

    /// Tells the index that there is something new.
    fn written(&self) {
        self.index.wake();
    }
}

/// What aggregates decide with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

/// Without what the database would cut off.
fn exact(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.nanosecond() / 1000 * 1000).unwrap_or(at)
}

/// All wrong fields as one refusal.
fn refused(problems: Vec<Problem>) -> Error {
    let fields = problems.into_iter().map(|problem| FieldError::new(problem.field, problem.code, problem.message));
    Error::Invalid(fields.collect())
}

fn encode(answer: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(answer).map_err(Error::internal)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(Error::internal)
}

/// The answer of an entry that nobody else can hold.
fn settled<T: DeserializeOwned>(outcome: Outcome) -> Result<T, Error> {
    match outcome {
        Outcome::Committed(committed) => decode(&committed.answer),
        Outcome::Replayed(answer) => decode(&answer),
        Outcome::KeyReused => Err(Error::KeyReused),
        Outcome::VersionConflict => Err(Error::version_conflict()),
        Outcome::ClaimTaken { space: UPLOADS } => Err(unusable()),
        Outcome::ClaimTaken { space } => Err(Error::conflict("already_exists", format!("This {space} is taken."))),
    }
}
