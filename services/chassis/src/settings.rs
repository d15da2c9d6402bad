//! Each service's copy of the portals' settings documents, refreshed from identity each second and kept over restarts.
//!
//! Identity owns the document; a service reads its own part of it into a type of its own, once a version. Before identity commits a change
//! it asks the readers whether they can live with it ([`service`]).

mod check;
mod service;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use portico_proto::identity::v1::ListSettingsRequest;
use portico_proto::identity::v1::portals_service_client::PortalsServiceClient;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::deadline::Deadline;
use crate::error::{Error, FieldError};
use crate::ids::PortalId;
use crate::peers::{self, PeerChannel, Peers};
use crate::run::{Boot, Phase};

pub use check::Check;
pub use service::{PERMISSIONS, service};

/// How often identity is asked: a change is effective everywhere within two seconds.
const POLL: Duration = Duration::from_secs(1);

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
}

impl<T> Clone for Settings<T> {
    fn clone(&self) -> Self {
        Self { portals: self.portals.clone(), client: self.client.clone(), pool: self.pool.clone() }
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
        };
        settings.load().await?;
        let follower = settings.clone();
        boot.tasks.spawn(Phase::Serve, "settings", move |stop| follower.run(stop));
        Ok(settings)
    }

    /// The settings of a portal; on a miss identity is asked once. `NOT_FOUND` when there is no such portal.
    pub async fn get(&self, portal: &PortalId) -> Result<Arc<PortalSettings<T>>, Error> {
        if let Some(known) = self.known(portal) {
            return Ok(known);
        }
        self.poll().await?;
        self.known(portal).ok_or(Error::NOT_FOUND)
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

    async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(POLL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.poll().await {
                tracing::debug!(%error, "identity did not tell the settings");
            }
        }
    }

    /// Asks for what is newer than the newest known.
    async fn poll(&self) -> Result<(), Error> {
        let after_version =
            self.portals.read().unwrap_or_else(PoisonError::into_inner).values().map(|known| known.version).max().unwrap_or(0);
        let request = peers::own(ListSettingsRequest { portal: String::new(), after_version }, Deadline::within(Duration::from_secs(2)))?;
        let answer = self.client.clone().list_settings(request).await.map_err(|status| Error::from_status(&status))?.into_inner();
        if answer.settings.iter().any(|item| item.version <= after_version) {
            self.forget().await?;
        }
        for item in answer.settings {
            let row = Row {
                portal: item.portal.parse().map_err(|_| Error::internal("settings of no portal"))?,
                version: item.version,
                title: item.title,
                document: serde_json::from_str(&item.settings_json).map_err(Error::internal)?,
            };
            self.keep(&row).await?;
            self.remember(&row);
        }
        Ok(())
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
