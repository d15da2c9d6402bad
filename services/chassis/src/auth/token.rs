//! Access tokens and service tokens: PASETO v4.public with JSON inside.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::caller::Person;
use super::keys::Keys;
use super::revocation::Revocations;
use crate::clock::Clock;

/// How long an access token lives.
pub const LIFE: Duration = Duration::minutes(5);
/// How long a service believes another service's token.
pub const SERVICE_TOKEN_LIFE: Duration = Duration::minutes(2);
/// How far two machines' clocks may be apart.
const LEEWAY: Duration = Duration::seconds(60);
/// Verified tokens that are remembered, so that a busy session costs one signature check a replica.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

const ACCESS: &str = "portico access token";
const SERVICE: &str = "portico service token";
/// Only identity vouches for people.
const ACCESS_ISSUER: &str = "identity";

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours, or tampered with.
    #[error("the token is not valid")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// The session ended, or the person's rights changed since.
    #[error("the token was revoked")]
    Revoked,
}

#[derive(Serialize, Deserialize)]
struct AccessClaims {
    #[serde(flatten)]
    person: Person,
    /// Unix seconds.
    exp: i64,
}

#[derive(Serialize, Deserialize)]
struct ServiceClaims {
    exp: i64,
    /// The services that it is for: no other believes it, so that nobody who gets one can speak with it elsewhere.
    aud: Vec<String>,
}

/// Service tokens that were signed, by audience, each with the time until which it is used.
type Signed = HashMap<String, (OffsetDateTime, String)>;

/// Signs and verifies tokens. Cheap to clone; clones share the memory of verified tokens.
#[derive(Clone)]
pub struct Tokens {
    keys: Keys,
    clock: Clock,
    revocations: Revocations,
    verified: Arc<Mutex<LruCache<[u8; 32], Arc<AccessClaims>>>>,
    own: Arc<Mutex<Signed>>,
}

impl Tokens {
    /// Uses this service's keys; `revocations` is fed by the poller.
    pub fn new(keys: Keys, clock: Clock, revocations: Revocations) -> Self {
        Self { keys, clock, revocations, verified: Arc::new(Mutex::new(LruCache::new(REMEMBERED))), own: Arc::default() }
    }

    /// Signs an access token for [`LIFE`]. Worth something only when identity does it.
    pub fn issue(&self, person: &Person) -> Result<(String, Duration), TokenError> {
        let claims = AccessClaims { person: person.clone(), exp: (self.clock.now() + LIFE).unix_timestamp() };
        let message = serde_json::to_vec(&claims).map_err(|_| TokenError::Invalid)?;
        Ok((self.keys.sign(ACCESS, &message).map_err(|_| TokenError::Invalid)?, LIFE))
    }

    /// The person that an access token stands for, now.
    pub fn person(&self, token: &str) -> Result<Person, TokenError> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let remembered = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        let claims = match remembered {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.verify_access(token)?);
                self.verified.lock().unwrap_or_else(PoisonError::into_inner).put(digest, claims.clone());
                claims
            }
        };
        if self.clock.now().unix_timestamp() >= claims.exp {
            return Err(TokenError::Expired);
        }
        if self.revocations.is_revoked(&claims.person) {
            return Err(TokenError::Revoked);
        }
        Ok(claims.person.clone())
    }

    fn verify_access(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let verified = self.keys.verify(ACCESS, token).map_err(|_| TokenError::Invalid)?;
        if verified.issuer != ACCESS_ISSUER {
            return Err(TokenError::Invalid);
        }
        serde_json::from_slice(&verified.message).map_err(|_| TokenError::Invalid)
    }

    /// A token that tells `audience` which service this is; made anew when half of its life is over.
    pub fn service_token(&self, audience: &str) -> Result<String, TokenError> {
        let now = self.clock.now();
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((fresh_until, token)) = own.get(audience)
            && now < *fresh_until
        {
            return Ok(token.clone());
        }
        let token = self.sign_service(vec![audience.to_owned()])?;
        own.insert(audience.to_owned(), (now + SERVICE_TOKEN_LIFE / 2, token.clone()));
        Ok(token)
    }

    /// A token for several services at once.
    #[cfg(feature = "testing")]
    pub fn service_token_for(&self, audiences: &[&str]) -> Result<String, TokenError> {
        self.sign_service(audiences.iter().map(|audience| (*audience).to_owned()).collect())
    }

    fn sign_service(&self, aud: Vec<String>) -> Result<String, TokenError> {
        let claims = ServiceClaims { exp: (self.clock.now() + SERVICE_TOKEN_LIFE).unix_timestamp(), aud };
        let message = serde_json::to_vec(&claims).map_err(|_| TokenError::Invalid)?;
        self.keys.sign(SERVICE, &message).map_err(|_| TokenError::Invalid)
    }

    /// This replica's time.
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// The service that a service token for this one stands for.
    pub fn service(&self, token: &str) -> Result<String, TokenError> {
        let verified = self.keys.verify(SERVICE, token).map_err(|_| TokenError::Invalid)?;
        let claims: ServiceClaims = serde_json::from_slice(&verified.message).map_err(|_| TokenError::Invalid)?;
        if !claims.aud.iter().any(|audience| audience == self.keys.name()) {
            return Err(TokenError::Invalid);
        }
        if self.clock.now() >= OffsetDateTime::from_unix_timestamp(claims.exp).map_err(|_| TokenError::Invalid)? + LEEWAY {
            return Err(TokenError::Expired);
        }
        Ok(verified.issuer)
    }

    /// The revocations that this verifier honours.
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Role, Visibility};

    fn stage() -> (tempfile::TempDir, Clock, Tokens, Tokens) {
        let dir = tempfile::tempdir().unwrap();
        Keys::write_missing(dir.path(), &["identity", "tickets"]).unwrap();
        let clock = Clock::standing(OffsetDateTime::UNIX_EPOCH + Duration::days(20_000));
        let tokens = |name| Tokens::new(Keys::read(dir.path(), name).unwrap(), clock.clone(), Revocations::default());
        let (identity, tickets) = (tokens("identity"), tokens("tickets"));
        (dir, clock, identity, tickets)
    }

    fn alice() -> Person {
        Person {
            portal: "demo".parse().unwrap(),
            id: uuid::Uuid::from_u128(1),
            session: uuid::Uuid::from_u128(2),
            generation: 3,
            role: Role::Customer,
            organization: None,
            visibility: Visibility::Own,
            name: "Alice".into(),
            email: "alice@acme.test".into(),
            locale: "en".into(),
            time_zone: "UTC".into(),
            internal: true,
            version: 1,
            api_token: false,
        }
    }

    #[test]
    fn a_token_lives_five_minutes() {
        let (_dir, clock, identity, tickets) = stage();
        let (token, life) = identity.issue(&alice()).unwrap();
        assert_eq!(tickets.person(&token), Ok(alice()));
        clock.advance(life);
        assert_eq!(tickets.person(&token), Err(TokenError::Expired));
    }

    #[test]
    fn only_identity_vouches_for_people() {
        let (_dir, _clock, identity, tickets) = stage();
        let (forged, _) = tickets.issue(&alice()).unwrap();
        assert_eq!(identity.person(&forged), Err(TokenError::Invalid));
        let service = tickets.service_token("identity").unwrap();
        assert_eq!(identity.person(&service), Err(TokenError::Invalid));
        assert_eq!(identity.service(&service).as_deref(), Ok("tickets"));
    }

    #[test]
    fn a_service_token_is_worth_nothing_at_another_service() {
        let (_dir, clock, identity, tickets) = stage();
        let to_tickets = identity.service_token("tickets").unwrap();
        assert_eq!(tickets.service(&to_tickets).as_deref(), Ok("identity"));
        // Tickets tries to pass on what it was given.
        assert_eq!(identity.service(&to_tickets), Err(TokenError::Invalid));
        assert_ne!(identity.service_token("notifier").unwrap(), to_tickets);
        assert_eq!(identity.service_token("tickets").unwrap(), to_tickets, "one signature serves for a while");
        clock.advance(SERVICE_TOKEN_LIFE);
        assert_ne!(identity.service_token("tickets").unwrap(), to_tickets);
    }

    #[test]
    fn a_revoked_token_is_void_at_once_also_when_it_was_remembered() {
        let (_dir, _clock, identity, tickets) = stage();
        let (token, _) = identity.issue(&alice()).unwrap();
        assert!(tickets.person(&token).is_ok());
        tickets.revocations().raise_generation(&alice().portal, alice().id, 4);
        assert_eq!(tickets.person(&token), Err(TokenError::Revoked));
        let (newer, _) = identity.issue(&Person { generation: 4, ..alice() }).unwrap();
        assert!(tickets.person(&newer).is_ok());
        tickets.revocations().end_session(alice().session);
        assert_eq!(tickets.person(&newer), Err(TokenError::Revoked));
    }
}
