//! Use cases. Each change is a [`Command`]: it is decided on fresh rows, committed by the journal with the answer, and decided again when
//! somebody else was faster. Identity's commands touch several aggregates at once (a person with links, an invitation, a session), so no
//! entity actor holds state: the journal's versions and claims order them (README, "How a change is made").

pub mod account;
pub mod captcha;
pub mod clients;
pub mod draft;
pub mod hasher;
pub mod import;
pub mod intake;
pub mod invitation;
pub mod link;
pub mod login;
pub mod organization;
pub mod password;
pub mod person;
pub mod portal;
pub mod render;
pub mod renewal;
pub mod revocation;
pub mod session;

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::auth::Tokens;
use portico_chassis::clock::Clock;
use portico_chassis::db::Db;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::{Journal, Outcome, Replay, RequestKey, replay};
use portico_chassis::random::Random;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

use crate::domain::ids::PersonId;
use crate::domain::portal::Portal;
use crate::domain::secrets::Secrets;
use crate::store::{self, Write};
use clients::Clients;
use draft::Draft;
use hasher::Hasher;

/// How often a command is decided anew when somebody else was faster.
const TRIES: usize = 12;

/// Everything that use cases work with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// Pools.
    pub db: Db,
    /// Appends entries.
    pub journal: Journal<Write>,
    /// Chassis time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Derives tokens.
    pub secrets: Secrets,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Signs access tokens.
    pub tokens: Tokens,
    /// Other services.
    pub clients: Clients,
    /// A development start: the demo's password is allowed in an import.
    pub development: bool,
    /// How much wider limits per person are than the settings say.
    pub limit_factor: i64,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Who asks for what, in which portal.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Where.
    pub portal: PortalId,
    /// Who, as journal rows name them.
    pub actor: String,
    /// The idempotency key.
    pub request: RequestKey,
    /// Until when.
    pub deadline: Deadline,
}

/// A change of state.
#[async_trait]
pub trait Command: Send + Sync {
    /// What the caller is told, and told again for the same request.
    type Answer: Serialize + DeserializeOwned + Send;

    /// Reads what it needs and writes down in `draft` what is to be committed. Called again on fresh rows after a conflict.
    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Self::Answer, Error>;
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// An [`Ask`] for a request that came in. What is stored of the request is a keyed hash: it may hold a password.
    pub fn ask(&self, context: &Context, portal: PortalId, mut request: RequestKey) -> Ask {
        request.fingerprint = self.secrets.derive("request", &[&request.fingerprint]);
        Ask { portal, actor: context.caller.actor(), request, deadline: context.deadline }
    }

    /// An [`Ask`] of the system's own.
    pub fn own_ask(portal: PortalId, request: RequestKey) -> Ask {
        Ask { portal, actor: "system".to_owned(), request, deadline: Deadline::background() }
    }

    /// The answer that the same request got before, if it was answered.
    pub async fn answered<A: DeserializeOwned>(&self, ask: &Ask) -> Result<Option<A>, Error> {
        let mut conn = self.db.read(&ask.portal, ask.deadline).await?;
        match replay(&mut conn, &ask.portal, &ask.request).await? {
            Replay::Answered(bytes) => Ok(Some(decode(&bytes)?)),
            Replay::New => Ok(None),
        }
    }

    /// Has a command committed, once for its request id.
    pub async fn run<C: Command>(&self, ask: &Ask, command: &C) -> Result<C::Answer, Error> {
        for _ in 0..TRIES {
            let mut conn = self.db.read(&ask.portal, ask.deadline).await?;
            if let Replay::Answered(bytes) = replay(&mut conn, &ask.portal, &ask.request).await? {
                return decode(&bytes);
            }
            let mut draft = Draft::new(self, ask.portal.clone(), &ask.actor);
            let answer = match command.decide(self, &mut conn, &mut draft).await {
                Ok(answer) => answer,
                // The same request may have been answered since it was looked up; then this refusal speaks of its own effect.
                Err(refusal) => match replay(&mut conn, &ask.portal, &ask.request).await? {
                    Replay::Answered(bytes) => return decode(&bytes),
                    Replay::New => return Err(refusal),
                },
            };
            drop(conn);
            let bytes = serde_json::to_vec(&answer).map_err(Error::internal)?;
            let (entry, voided) = draft.finish();
            let entry = entry.request(Some(ask.request.clone())).answer(bytes);
            match self.journal.append_one(entry, ask.deadline).await? {
                Outcome::Committed(_) => {
                    self.honour(&ask.portal, &voided);
                    return Ok(answer);
                }
                Outcome::Replayed(bytes) => return decode(&bytes),
                Outcome::KeyReused => return Err(Error::KeyReused),
                Outcome::VersionConflict | Outcome::ClaimTaken { .. } => {}
            }
        }
        Err(Error::Unavailable("too many changes of the same thing at once"))
    }

    /// The portal of a request; `NOT_FOUND` when there is none of that name.
    pub async fn portal(&self, conn: &mut PgConnection, slug: &PortalId) -> Result<Portal, Error> {
        store::portal::find(conn, slug.as_str()).await?.ok_or(Error::NOT_FOUND)
    }
}

fn decode<A: DeserializeOwned>(bytes: &[u8]) -> Result<A, Error> {
    serde_json::from_slice(bytes).map_err(Error::internal)
}

/// The signed-in person's id.
pub fn caller_id(context: &Context) -> Result<PersonId, Error> {
    Ok(PersonId::new(context.caller.person()?.id))
}

/// The version that an etag names must be the present one.
pub fn check_etag(etag: &str, version: i64) -> Result<(), Error> {
    if etag.is_empty() || etag == self::etag(version) { Ok(()) } else { Err(Error::version_conflict()) }
}

/// The etag of a version.
pub fn etag(version: i64) -> String {
    format!("v{version}")
}
