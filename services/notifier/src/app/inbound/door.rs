//! Takes a raw message in: signature, size, once per Message-ID.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;

use super::PREFIX;
use crate::app::digest::{is_signed, sha256};
use crate::app::{App, message};
use crate::domain::inbound::{RAW_KEPT, is_timely};
use crate::store::inbound::{self, Mail, NewMail};

/// The largest message, in bytes.
pub const MAX_BYTES: usize = 50_000_000;
/// How long a secret is believed.
const SECRET_KEPT: Duration = Duration::from_secs(60);
/// How long the absence of a portal is believed.
const ABSENCE_KEPT: Duration = Duration::from_secs(5);
/// Portals remembered at once.
const PORTALS: usize = 10_000;

/// The inbound door's secrets, as of at most a minute ago. Cheap to clone; never printed.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<HashMap<PortalId, Known>>>);

/// A secret, or that there is none, and since when that is known.
type Known = (Option<String>, Instant);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    fn get(&self, portal: &PortalId) -> Option<Option<String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (secret, at) = known.get(portal)?;
        let kept = if secret.is_some() { SECRET_KEPT } else { ABSENCE_KEPT };
        (at.elapsed() < kept).then(|| secret.clone())
    }

    fn put(&self, portal: &PortalId, secret: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PORTALS {
            known.clear();
        }
        known.insert(portal.clone(), (secret, Instant::now()));
    }
}

/// A message at the door.
#[derive(Debug)]
pub struct SignedMail {
    /// Whose door, as the caller wrote it.
    pub portal: String,
    /// RFC 5322.
    pub raw: Bytes,
    /// Unix seconds in decimal.
    pub timestamp: String,
    /// `sha256=` and hex.
    pub signature: String,
}

impl App {
    /// Checks the signature, stores the message, and answers its Message-ID. The same Message-ID again changes nothing.
    pub async fn ingest_mail(&self, given: SignedMail, deadline: Deadline) -> Result<String, Error> {
        if given.raw.len() > MAX_BYTES {
            return Err(Error::TooLarge { field: "body".into() });
        }
        let portal = self.check_signature(&given).await?;
        if given.raw.is_empty() {
            return Err(Error::Malformed { field: "body".into(), message: "The message is empty.".into() });
        }
        let message_id = self.message_id(&given.raw);
        let mut conn = self.db.read(&portal, deadline).await?;
        if inbound::exists(&mut conn, &portal, &message_id).await? {
            return Ok(message_id);
        }
        drop(conn);
        let now = self.clock.now();
        let id = self.random.uuid(now);
        let blob = format!("{PREFIX}/{id}");
        let size = i64::try_from(given.raw.len()).unwrap_or(i64::MAX);
        self.blobs.put(&blob, stream::iter([Ok::<_, Error>(given.raw)]), MAX_BYTES as u64).await?;
        let mut conn = self.db.read(&portal, deadline).await?;
        let mail = NewMail { id, portal: &portal, message_id: &message_id, blob: &blob, size, raw_until: now + RAW_KEPT };
        if !inbound::insert(&mut conn, &mail, now).await? {
            // Somebody else brought the same message at the same time. What is left behind is swept with the orphans.
            self.blobs.delete(&blob).await?;
        }
        self.wakes.inbound.notify_one();
        Ok(message_id)
    }

    /// What became of a message.
    pub async fn inbound_mail(&self, portal: &PortalId, message_id: &str, deadline: Deadline) -> Result<Mail, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let id = crate::domain::inbound::bare_message_id(message_id);
        inbound::get(&mut conn, portal, id).await?.ok_or(Error::NOT_FOUND)
    }

    /// A wrong signature, an old one and a portal that does not exist are not told apart.
    async fn check_signature(&self, mail: &SignedMail) -> Result<PortalId, Error> {
        let refused = || Error::Unauthenticated { code: "bad_signature".into() };
        let timely = mail.timestamp.parse::<i64>().is_ok_and(|timestamp| is_timely(timestamp, self.clock.now()));
        if !timely {
            return Err(refused());
        }
        let portal: PortalId = mail.portal.parse().map_err(|_| refused())?;
        let secret = self.inbound_secret(&portal).await?.ok_or_else(refused)?;
        let (raw, timestamp, signature) = (mail.raw.clone(), mail.timestamp.clone(), mail.signature.clone());
        let signed =
            tokio::task::spawn_blocking(move || is_signed(&secret, &timestamp, &raw, &signature)).await.map_err(Error::internal)?;
        if signed { Ok(portal) } else { Err(refused()) }
    }

    async fn inbound_secret(&self, portal: &PortalId) -> Result<Option<String>, Error> {
        if let Some(known) = self.secrets.get(portal) {
            return Ok(known);
        }
        let secret = match self.clients.inbound_secret(portal).await {
            Ok(secret) => Some(secret).filter(|secret| !secret.is_empty()),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        self.secrets.put(portal, secret.clone());
        Ok(secret)
    }

    /// The message's own id, or one made from its content.
    fn message_id(&self, raw: &[u8]) -> String {
        let own = message::read_head(raw, &self.frame.mail_domain).ok().and_then(|head| head.message_id);
        own.unwrap_or_else(|| format!("{}@content", hex::encode(sha256(raw))))
    }
}
