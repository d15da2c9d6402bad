//! The gateway's copy of each portal's settings: whether a portal exists, its limits, its features. Refreshed each second from identity.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chassis::deadline::Deadline;
use chassis::error::Error;
use chassis::peers;
use chassis::run::{Boot, Phase};
use portico_proto::identity::v1 as identity;
use serde_json::Value;

use crate::clients::Clients;
use crate::limits::{Kind, Rate};

/// What the gateway keeps of one portal.
#[derive(Debug, Clone)]
pub struct Portal {
    /// The slug.
    pub slug: String,
    /// Display name.
    pub title: String,
    /// Version of the settings document.
    pub version: i64,
    /// The settings document, as `P/settings` answers it.
    pub settings: Value,
}

impl Portal {
    /// A limit of this portal; what the product ships while the setting is not there.
    pub fn limit(&self, kind: Kind) -> Rate {
        let set = self.settings.pointer(&format!("/limits/{}", kind.setting())).and_then(Value::as_u64);
        let shipped = kind.default_rate();
        Rate { count: set.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(shipped.count), ..shipped }
    }
}

/// All portals by slug.
#[derive(Clone, Default)]
pub struct Portals(Arc<RwLock<HashMap<String, Arc<Portal>>>>);

impl Portals {
    /// The copy of one portal.
    pub fn get(&self, slug: &str) -> Option<Arc<Portal>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(slug).cloned()
    }

    /// All portals, by slug.
    pub fn all(&self) -> Vec<Arc<Portal>> {
        let mut all: Vec<_> = self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by(|a, b| a.slug.cmp(&b.slug));
        all
    }

    fn put(&self, settings: identity::Settings) {
        let document = serde_json::from_str(&settings.settings_json).unwrap_or_else(|error| {
            tracing::error!(portal = settings.portal, %error, "identity sent settings that are no JSON");
            Value::Null
        });
        let portal = Portal { slug: settings.portal.clone(), title: settings.title, version: settings.version, settings: document };
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.get(&settings.portal).is_none_or(|known| known.version < portal.version) {
            all.insert(settings.portal, Arc::new(portal));
        }
    }

    /// Takes over what changed after `version`, page by page; answers the version reached.
    pub async fn refresh(&self, clients: &Clients, mut version: i64) -> Result<i64, Error> {
        loop {
            let request = identity::ListSettingsRequest { portal: String::new(), after_version: version };
            let request = peers::own(request, Deadline::within(Duration::from_secs(3)))?;
            let answer = clients.portals().list_settings(request).await.map_err(|status| Error::from_status(&status))?.into_inner();
            let Some(last) = answer.settings.iter().map(|settings| settings.version).max() else { return Ok(version) };
            if answer.settings.iter().any(|settings| settings.version <= version) {
                // Identity's database was restored: what is known here may be newer than what holds.
                self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
            }
            answer.settings.into_iter().for_each(|settings| self.put(settings));
            version = last;
        }
    }

    /// Keeps the copy fresh for as long as the process serves. Ready after the first answer.
    pub fn follow<C>(&self, boot: &Boot<C>, clients: &Clients) {
        let (portals, clients, readiness) = (self.clone(), clients.clone(), boot.readiness.clone());
        readiness.expect("settings");
        boot.tasks.spawn(Phase::Serve, "settings", move |stop| async move {
            let mut version = 0;
            let mut tick = tokio::time::interval(Duration::from_secs(1));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = tick.tick() => {}
                    () = stop.cancelled() => return,
                }
                match portals.refresh(&clients, version).await {
                    Ok(reached) => {
                        version = reached;
                        readiness.set("settings", Ok(()));
                    }
                    Err(error) => tracing::debug!(%error, "identity did not tell its settings"),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(version: i64, json: &str) -> identity::Settings {
        identity::Settings { portal: "demo".into(), version, title: "Demo".into(), settings_json: json.into(), etag: String::new() }
    }

    #[test]
    fn an_older_copy_never_replaces_a_newer_one() {
        let portals = Portals::default();
        portals.put(settings(2, r#"{"limits": {"requests_per_minute_per_source": 7}}"#));
        portals.put(settings(1, "{}"));
        let demo = portals.get("demo").unwrap();
        assert_eq!((demo.version, demo.limit(Kind::Requests).count), (2, 7));
        assert_eq!(demo.limit(Kind::Uploads), Kind::Uploads.default_rate());
        assert!(portals.get("other").is_none());
    }
}
