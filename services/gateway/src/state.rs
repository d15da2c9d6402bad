//! What every handler can reach.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use chassis::auth::{Keys, Tokens};
use chassis::blobs::Blobs;
use chassis::clock::Clock;
use chassis::config::Secret;
use chassis::error::Error;
use chassis::fair::{Share, Shares};
use chassis::foundation::connect_nats;
use chassis::peers::{self, Peers};
use chassis::random::Random;
use chassis::run::{Boot, Phase};
use chassis::telemetry;
use ring::hmac;

use crate::admission::Admission;
use crate::clients::Clients;
use crate::config::Config;
use crate::limits::{Bucket, Kind, Limits, Rate};
use crate::live::Hub;
use crate::measures::Measures;
use crate::portals::Portals;
use crate::session::SessionKeys;
use crate::sign_ins::SignIns;
use crate::source::Network;

/// Files that are taken in at once: each holds two parts of 5 MiB in memory at most.
const UPLOADS: usize = 32;
/// How long a file waits for its turn.
const UPLOAD_TURN: Duration = Duration::from_secs(10);

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    clients: Clients,
    tokens: Tokens,
    clock: Clock,
    random: Random,
    config: Config,
    public_url: String,
    origins: Vec<String>,
    proxies: Vec<Network>,
    session_keys: SessionKeys,
    source_key: hmac::Key,
    operator_token: Option<Secret>,
    development: bool,
    limit_factor: u32,
    portals: Portals,
    sign_ins: SignIns,
    limits: Limits,
    admission: Admission,
    uploading: Shares,
    in_progress: Mutex<HashSet<String>>,
    measures: Measures,
    hub: Hub,
    blobs: Blobs,
    keys: Keys,
}

/// A request with an Idempotency-Key that is being worked on; dropping it lets the key be used again.
pub struct InProgress {
    state: AppState,
    key: String,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.state.0.in_progress.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl AppState {
    /// Puts the gateway together: channels to the peers, keys, and the tasks that keep copies fresh.
    ///
    /// # Errors
    /// Names the configuration key that does not fit.
    pub async fn new(boot: &Boot<Config>) -> anyhow::Result<Self> {
        let channels = Peers::new(boot)?;
        let clients = Clients::new(&channels)?;
        peers::follow_revocations(boot, &channels)?;
        let hub = Hub::new(boot.config.max_live_streams, boot.tasks.stopping(Phase::Serve));
        hub.follow(boot, &channels, &connect_nats(boot).await?)?;
        let portals = Portals::default();
        portals.follow(boot, &clients);
        let secret = boot.common.secret()?;
        let previous = boot.config.previous_secrets()?;
        let secrets = std::iter::once(secret.expose().as_bytes()).chain(previous.iter().map(String::as_bytes));
        let public_url = boot.common.public_url.trim_end_matches('/').to_owned();
        let state = Self(Arc::new(Inner {
            session_keys: SessionKeys::new(secrets).context("configuration key `previous_secret_files`")?,
            source_key: hmac::Key::new(hmac::HMAC_SHA256, format!("portico source 1 {}", secret.expose()).as_bytes()),
            origins: boot.config.our_origins(&public_url)?,
            proxies: boot.config.proxies()?,
            operator_token: boot.common.operator_token()?,
            development: boot.common.development,
            limit_factor: u32::try_from(boot.common.limit_factor.max(1)).unwrap_or(u32::MAX),
            admission: Admission::new(boot.config.max_in_flight),
            uploading: Shares::new(UPLOADS),
            tokens: boot.tokens.clone(),
            clock: boot.clock.clone(),
            random: boot.random.clone(),
            config: boot.config.clone(),
            sign_ins: SignIns::default(),
            limits: Limits::default(),
            in_progress: Mutex::default(),
            measures: Measures::new(&public_url),
            blobs: Blobs::open(&boot.common)?,
            keys: boot.keys.clone(),
            hub,
            clients,
            portals,
            public_url,
        }));
        state.show();
        Ok(state)
    }

    /// Shows in the metrics how much is worked on, how much may be at each gate, and how many streams are open.
    fn show(&self) {
        let (inner, hub) = (Arc::downgrade(&self.0), self.0.hub.clone());
        telemetry::mailbox("http", self.0.config.max_in_flight, move || inner.upgrade().map_or(0, |inner| inner.admission.now()));
        for (name, gate) in self.0.admission.gates() {
            let gate = gate.clone();
            telemetry::places(name, move || gate.at_once());
        }
        telemetry::mailbox("live", self.0.config.max_live_streams, move || hub.listeners());
    }

    /// The other services.
    pub fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// Verifies access tokens and knows what was revoked.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Chassis time.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Randomness.
    pub fn random(&self) -> &Random {
        &self.0.random
    }

    /// The gateway's configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The base of links, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.0.public_url
    }

    /// Origins that are ours.
    pub fn origins(&self) -> &[String] {
        &self.0.origins
    }

    /// Proxies whose forwarding headers are believed.
    pub fn proxies(&self) -> &[Network] {
        &self.0.proxies
    }

    /// Seals and opens cookies.
    pub fn session_keys(&self) -> &SessionKeys {
        &self.0.session_keys
    }

    /// Whether this is a development start.
    pub fn development(&self) -> bool {
        self.0.development
    }

    /// The operator's token, when one is configured.
    pub fn operator_token(&self) -> Option<&Secret> {
        self.0.operator_token.as_ref()
    }

    /// What is shown of requests.
    pub fn measures(&self) -> &Measures {
        &self.0.measures
    }

    /// Live updates.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The blob store.
    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    /// The gateway's keys: sign upload tickets.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Copies of the portals' settings.
    pub fn portals(&self) -> &Portals {
        &self.0.portals
    }

    /// The memory of resolved cookies.
    pub fn sign_ins(&self) -> &SignIns {
        &self.0.sign_ins
    }

    /// Token buckets per source.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Who is let in.
    pub fn admission(&self) -> &Admission {
        &self.0.admission
    }

    /// Waits for a place among the files that are taken in. Sources share them, so that one whose lines are slow does not keep the others out.
    ///
    /// # Errors
    /// 503 when none becomes free in time.
    pub async fn upload_place(&self, source: IpAddr) -> Result<Share, Error> {
        let source = crate::source::key(source).to_string();
        let place = async {
            loop {
                match self.0.uploading.take(&source) {
                    Some(place) => return place,
                    None => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(UPLOAD_TURN, place).await.map_err(|_| Error::Overloaded { retry_after: Duration::from_secs(5) })
    }

    /// A source as the services see it: the same for the same address, and no way back to it.
    pub fn source_hash(&self, source: IpAddr) -> String {
        let tag = hmac::sign(&self.0.source_key, crate::source::key(source).to_string().as_bytes());
        hex::encode(tag.as_ref().split_at(16).0)
    }

    /// Takes a token of a bucket, as the portal's settings say at this moment.
    ///
    /// # Errors
    /// 429 when it is empty.
    pub fn take(&self, portal: Option<&str>, kind: Kind, bucket: Bucket) -> Result<(), Error> {
        let known = portal.and_then(|slug| self.0.portals.get(slug));
        let rate = known.as_ref().map_or(kind.default_rate(), |portal| portal.limit(kind));
        let rate = Rate { count: rate.count.saturating_mul(self.0.limit_factor), ..rate };
        // Names of portals that do not exist share one set of buckets, or guessing names would fill the memory.
        self.0.limits.take(known.as_ref().map_or("", |portal| portal.slug.as_str()), kind, bucket, rate)
    }

    /// Notes that a request with this key is being worked on.
    ///
    /// # Errors
    /// 409 `in_progress` while the first one still runs here; another replica's is settled by the service's own record.
    pub fn begin(&self, key: &str) -> Result<InProgress, Error> {
        let mut running = self.0.in_progress.lock().unwrap_or_else(PoisonError::into_inner);
        if !running.insert(key.to_owned()) {
            return Err(Error::conflict("in_progress", "A request with this Idempotency-Key is still being worked on."));
        }
        Ok(InProgress { state: self.clone(), key: key.to_owned() })
    }
}
