//! Each service's copy of the portals' settings documents, refreshed from identity each second and kept over restarts.
//!
//! Identity owns the document; a service reads its own part of it into a type of its own, once a version. Before identity commits a change
//! it asks the readers whether they can live with it ([`service`]).

mod check;
mod service;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use portico_proto::identity::v1::ListSettingsRequest;
use portico_proto::identity::v1::portals_service_client::PortalsServiceClient;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::deadline::Deadline;
use crate::error::{Error, FieldError};
use crate::ids::PortalId;
use crate::peers::{self, PeerChannel, Peers};
use crate::run::{Boot, Phase, Readiness};

pub use check::Check;
pub use service::{PERMISSIONS, service};

/// How often identity is asked: a change is effective everywhere within two seconds.
const POLL: Duration = Duration::from_secs(1);

/// How long identity may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A portal that identity did not know is not asked for again within this time, whoever wants it.
const MISS: Duration = Duration::from_secs(1);
/// Unknown portals that are remembered; beyond this all are forgotten.
const MISSES: usize = 10_000;

/// A service's part of the settings document.
pub trait FromDocument: Sized + Send + Sync + 'static {
    /// Reads it; members that are absent or unreadable get the defaults of the product.
    fn from_document(document: &serde_json::Value) -> Self;

    /// What this service can't live with: members that it reads and could not use. Pure; identity asks before it commits a change.
    fn problems(document: &serde_json::Value) -> Vec<FieldError>;
}

/// One portal's settings as this service uses them.
#[derive(Debug)]
pub struct PortalSettings<T> {
    /// From one sequence over all portals.
    pub version: i64,
    /// The portal's title.
    pub title: String,
    /// The service's part.
    pub part: T,
}

/// The copies. Cheap to clone.
pub struct Settings<T> {
    portals: Arc<RwLock<HashMap<PortalId, Arc<PortalSettings<T>>>>>,
    client: PortalsServiceClient<PeerChannel>,
    pool: Option<PgPool>,
    /// Held while identity is asked, so that many who miss ask once.
    polled: Arc<Mutex<Polled>>,
    /// Portals that identity did not know, and when it was asked.
    missed: Arc<RwLock<HashMap<PortalId, Instant>>>,
}

/// How far identity's feed was read.
#[derive(Default)]
struct Polled {
    /// When the last poll that went well began.
    at: Option<Instant>,
    /// The version of the last item, also of one that could not be read.
    version: i64,
}

impl<T> Clone for Settings<T> {
    fn clone(&self) -> Self {
        Self {
            portals: self.portals.clone(),
            client: self.client.clone(),
            pool: self.pool.clone(),
            polled: self.polled.clone(),
            missed: self.missed.clone(),
        }
    }
}

struct Row {
    portal: PortalId,
    version: i64,
    title: String,
    document: serde_json::Value,
}

impl<T: FromDocument> Settings<T> {
    /// Loads what the database has and begins to follow identity; without a database the copies live in memory.
    pub async fn follow<C>(boot: &Boot<C>, db: Option<&Db>, peers: &Peers) -> anyhow::Result<Self> {
        let settings = Self {
            portals: Arc::default(),
            client: PortalsServiceClient::new(peers.channel("identity")?),
            pool: db.map(|db| db.system().clone()),
            polled: Arc::default(),
            missed: Arc::default(),
        };
        settings.load().await?;
        // Copies of before are good enough to begin with; a replica without any waits for identity.
        if settings.is_empty() {
            boot.readiness.expect("settings");
        }
        let (follower, readiness) = (settings.clone(), boot.readiness.clone());
        boot.tasks.spawn_vital(Phase::Serve, "settings", move |stop| follower.run(readiness, stop));
        Ok(settings)
    }

    fn is_empty(&self) -> bool {
        self.portals.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The settings of a portal; on a miss identity is asked once. `NOT_FOUND` when there is no such portal, or when there was none within
    /// the last second.
    pub async fn get(&self, portal: &PortalId) -> Result<Arc<PortalSettings<T>>, Error> {
        if let Some(known) = self.known(portal) {
            return Ok(known);
        }
        let asked = Instant::now();
        if self.missed.read().unwrap_or_else(PoisonError::into_inner).get(portal).is_some_and(|at| asked.duration_since(*at) < MISS) {
            return Err(Error::NOT_FOUND);
        }
        self.poll().await?;
        self.known(portal).ok_or_else(|| {
            let mut missed = self.missed.write().unwrap_or_else(PoisonError::into_inner);
            if missed.len() >= MISSES {
                missed.clear();
            }
            missed.insert(portal.clone(), asked);
            Error::NOT_FOUND
        })
    }

    /// The settings of a portal, if they are here.
    pub fn known(&self, portal: &PortalId) -> Option<Arc<PortalSettings<T>>> {
        self.portals.read().unwrap_or_else(PoisonError::into_inner).get(portal).cloned()
    }

    async fn load(&self) -> Result<(), Error> {
        let Some(pool) = &self.pool else { return Ok(()) };
        let rows: Vec<(PortalId, i64, String, serde_json::Value)> =
            sqlx::query_as("SELECT portal, version, title, document FROM portal_settings").fetch_all(pool).await?;
        for (portal, version, title, document) in rows {
            self.remember(&Row { portal, version, title, document });
        }
        Ok(())
    }

    async fn run(self, readiness: Readiness, stop: CancellationToken) {
        let mut tick = tokio::time::interval(POLL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            match self.poll().await {
                Ok(()) => readiness.set("settings", Ok(())),
                Err(error) => tracing::debug!(%error, "identity did not tell the settings"),
            }
        }
    }

    /// Asks for everything that is newer than the newest known.
    async fn poll(&self) -> Result<(), Error> {
        let wanted = Instant::now();
        let mut polled = self.polled.lock().await;
        if polled.at.is_some_and(|at| at >= wanted) {
            // Somebody else's poll, begun after the wish, answers it too.
            return Ok(());
        }
        let began = Instant::now();
        let newest = self.portals.read().unwrap_or_else(PoisonError::into_inner).values().map(|known| known.version).max().unwrap_or(0);
        polled.version = polled.version.max(newest);
        while let Some(last) = self.page(polled.version).await? {
            if last == polled.version {
                break;
            }
            polled.version = last;
        }
        polled.at = Some(began);
        Ok(())
    }

    /// Takes over one page; returns the version of its last item, `None` when there was none. An item that can't be read is left out: the
    /// portal keeps the settings that it had, and the others do not wait for it.
    async fn page(&self, after_version: i64) -> Result<Option<i64>, Error> {
        let request = peers::own(ListSettingsRequest { portal: String::new(), after_version }, Deadline::within(PATIENCE))?;
        let answer = self.client.clone().list_settings(request).await.map_err(|status| Error::from_status(&status))?.into_inner();
        if answer.settings.iter().any(|item| item.version <= after_version) {
            self.forget().await?;
        }
        let last = answer.settings.iter().map(|item| item.version).max();
        for item in answer.settings {
            let (portal, document) = match (item.portal.parse(), serde_json::from_str(&item.settings_json)) {
                (Ok(portal), Ok(document)) => (portal, document),
                _ => {
                    tracing::error!(
                        portal = item.portal,
                        version = item.version,
                        "a portal's settings can't be read; it keeps those it had"
                    );
                    continue;
                }
            };
            let row = Row { portal, version: item.version, title: item.title, document };
            self.keep(&row).await?;
            self.remember(&row);
        }
        Ok(last)
    }

    /// Identity's database was restored: what is known here may be newer than what holds.
    async fn forget(&self) -> Result<(), Error> {
        tracing::warn!("identity's settings are older than the copies here; all of them are taken over again");
        if let Some(pool) = &self.pool {
            sqlx::query("DELETE FROM portal_settings").execute(pool).await?;
        }
        self.portals.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    async fn keep(&self, row: &Row) -> Result<(), Error> {
        let Some(pool) = &self.pool else { return Ok(()) };
        sqlx::query(
            "INSERT INTO portal_settings (portal, version, title, document) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (portal) DO UPDATE SET version = excluded.version, title = excluded.title, document = excluded.document \
             WHERE portal_settings.version < excluded.version",
        )
        .bind(row.portal.as_str())
        .bind(row.version)
        .bind(&row.title)
        .bind(&row.document)
        .execute(pool)
        .await?;
        Ok(())
    }

    fn remember(&self, row: &Row) {
        let settings = PortalSettings { version: row.version, title: row.title.clone(), part: T::from_document(&row.document) };
        let mut portals = self.portals.write().unwrap_or_else(PoisonError::into_inner);
        if portals.get(&row.portal).is_none_or(|known| known.version < settings.version) {
            portals.insert(row.portal.clone(), Arc::new(settings));
        }
    }
}
