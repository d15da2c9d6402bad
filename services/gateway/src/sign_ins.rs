//! Turns the secret in a browser's cookie into an access token, and believes it for four seconds; while identity is away, until the token ends.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chassis::auth::{Person, Tokens};
use chassis::error::Error;
use lru::LruCache;
use portico_proto::identity::v1 as identity;
use sha2::{Digest, Sha256};
use tonic::Request;

use crate::clients::Clients;

/// Browser sessions that are remembered in this replica.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();
/// A token is replaced this long before it ends, so that no call starts with one that is about to.
const EARLY: Duration = Duration::from_secs(60);
/// How long a secret is believed without asking: another replica may have replaced it (S19), which no feed tells. Less than the five seconds
/// within which the end of a session is felt everywhere.
const BELIEVED: Duration = Duration::from_secs(4);
/// Portals that are remembered of one secret.
const PORTALS: usize = 32;
/// How long "not signed in here" is believed. A sign-in changes the secret, so it never waits for this.
const NOBODY: Duration = Duration::from_secs(10);

/// A token and whom it stands for.
#[derive(Clone)]
pub struct SignedIn {
    /// The access token.
    pub token: String,
    /// Whom it stands for.
    pub person: Person,
}

#[derive(Clone)]
struct Known {
    token: Option<String>,
    fresh_until: Instant,
}

/// The memory of resolved cookies, by the hash of the secret; a secret that was replaced is forgotten in all portals at once.
pub struct SignIns {
    known: Mutex<LruCache<[u8; 32], HashMap<String, Known>>>,
}

impl Default for SignIns {
    fn default() -> Self {
        Self { known: Mutex::new(LruCache::new(REMEMBERED)) }
    }
}

impl SignIns {
    /// Who is signed in with this secret in this portal; `None` for nobody.
    ///
    /// # Errors
    /// When identity does not answer and no token is left that still holds.
    pub async fn resolve(
        &self,
        clients: &Clients,
        tokens: &Tokens,
        request: Request<identity::ResolveSessionRequest>,
    ) -> Result<Option<SignedIn>, Error> {
        let (key, portal) = (key(&request.get_ref().secret), request.get_ref().portal.clone());
        let known = self.known(&key, &portal);
        let held = match &known {
            Some(Known { token: Some(token), .. }) => tokens.person(token).ok().map(|person| SignedIn { token: token.clone(), person }),
            _ => None,
        };
        if let Some(known) = &known
            && Instant::now() < known.fresh_until
            && (known.token.is_none() || held.is_some())
        {
            return Ok(held);
        }
        match clients.sessions().resolve_session(request).await {
            Ok(answer) => self.keep(key, portal, tokens, answer.into_inner()),
            Err(status) => match Error::from_status(&status) {
                Error::Unauthenticated { .. } | Error::NotFound { .. } => {
                    self.put(key, portal, Known { token: None, fresh_until: Instant::now() + NOBODY });
                    Ok(None)
                }
                // While identity is away a token holds until it ends.
                error if error.is_transient() && held.is_some() => Ok(held),
                error => Err(error),
            },
        }
    }

    fn keep(&self, key: [u8; 32], portal: String, tokens: &Tokens, answer: identity::ResolvedSession) -> Result<Option<SignedIn>, Error> {
        // Revoked between identity's answer and now: nobody.
        let Ok(person) = tokens.person(&answer.access_token) else { return Ok(None) };
        let life = Duration::from_secs(u64::try_from(answer.expires_in).unwrap_or(0));
        let fresh_until = Instant::now() + life.saturating_sub(EARLY).min(BELIEVED);
        self.put(key, portal, Known { token: Some(answer.access_token.clone()), fresh_until });
        Ok(Some(SignedIn { token: answer.access_token, person }))
    }

    fn known(&self, key: &[u8; 32], portal: &str) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(key)?.get(portal).cloned()
    }

    fn put(&self, key: [u8; 32], portal: String, known: Known) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let portals = all.get_or_insert_mut(key, HashMap::new);
        if portals.len() >= PORTALS {
            portals.clear();
        }
        portals.insert(portal, known);
    }

    /// Asks identity again next time, in every portal: after a sign-in or sign-out, a new password or a change of one's own facts.
    pub fn forget(&self, secret: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).pop(&key(secret));
    }
}

fn key(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_replaced_is_forgotten_in_every_portal_s19() {
        let all = SignIns::default();
        let known = || Known { token: Some("t".into()), fresh_until: Instant::now() + BELIEVED };
        for portal in ["demo", "other"] {
            all.put(key("old"), portal.into(), known());
        }
        all.put(key("another"), "demo".into(), known());
        all.forget("old");
        assert!(all.known(&key("old"), "demo").is_none() && all.known(&key("old"), "other").is_none());
        assert!(all.known(&key("another"), "demo").is_some());
    }

    #[test]
    fn one_secret_cannot_fill_the_memory_with_names_of_portals() {
        let all = SignIns::default();
        for at in 0..100 {
            all.put(key("one"), format!("p{at}"), Known { token: None, fresh_until: Instant::now() });
        }
        assert!(all.known.lock().unwrap().get(&key("one")).unwrap().len() <= PORTALS);
    }
}
