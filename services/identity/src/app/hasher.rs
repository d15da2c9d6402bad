//! Argon2id on a bounded pool, so that log-ins never starve the rest (S16).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use tokio::sync::Semaphore;

use crate::domain::password::Password;

/// Memory in KiB, passes and lanes: OWASP's first choice (S16). About 33 ms of a core.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a salt.
const SALT: usize = 16;
/// Hashes that may wait: at 30 a second and core about two seconds of work on one core; more is shed.
const WAITING: usize = 64;

/// Hashes and checks passwords. Cheap to clone; clones share the pool.
#[derive(Clone)]
pub struct Hasher {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Checked for accounts that do not exist, so that these take as long (S04).
    decoy: Arc<str>,
}

/// What checking a password came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is another one, or there is none.
    Wrong,
    /// It is right.
    Right,
    /// It is right, and its hash is weaker than what is made today.
    RightButOld,
}

/// One who waits, counted for as long as it lives.
struct Waiter(Arc<AtomicUsize>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Hasher {
    /// A pool of as many places as the machine has cores, without one that the rest of the service keeps.
    pub fn new() -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = hash("no password has this hash", &[7; SALT])?;
        Ok(Self { places: Arc::new(Semaphore::new((cores - 1).max(1))), waiting: Arc::default(), decoy: decoy.into() })
    }

    /// The PHC string of a new password.
    pub async fn hash(&self, password: &Password, salt: [u8; SALT], deadline: Deadline) -> Result<String, Error> {
        let text = password.expose().to_owned();
        self.work(deadline, move || hash(&text, &salt)).await?
    }

    /// Checks a password against a stored hash. Without one the work is the same and the answer is `Wrong`.
    pub async fn check(&self, password: &Password, stored: Option<&str>, deadline: Deadline) -> Result<Checked, Error> {
        let exists = stored.is_some();
        let (text, stored) = (password.expose().to_owned(), stored.unwrap_or(&self.decoy).to_owned());
        let checked = self.work(deadline, move || check(&text, &stored)).await??;
        Ok(if exists { checked } else { Checked::Wrong })
    }

    async fn work<T: Send + 'static>(&self, deadline: Deadline, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let waiter = Waiter(self.waiting.clone());
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING {
            return Err(Error::Overloaded { retry_after: Duration::from_secs(2) });
        }
        let place = deadline.bound(self.places.clone().acquire_owned()).await?.map_err(|_| Error::Unavailable("shutting down"))?;
        let worked = tokio::task::spawn_blocking(move || {
            let _held = (place, waiter);
            work()
        });
        worked.await.map_err(Error::internal)
    }
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Error::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str, salt: &[u8]) -> Result<String, Error> {
    Ok(argon2()?.hash_password_with_salt(password.as_bytes(), salt).map_err(Error::internal)?.to_string())
}

fn check(password: &str, stored: &str) -> Result<Checked, Error> {
    let parsed = PasswordHash::new(stored).map_err(|_| Error::internal("a stored password hash is unreadable"))?;
    if argon2()?.verify_password(password.as_bytes(), &parsed).is_err() {
        return Ok(Checked::Wrong);
    }
    let params = Params::try_from(&parsed).map_err(Error::internal)?;
    let strong = parsed.algorithm.as_str() == "argon2id" && params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES;
    Ok(if strong { Checked::Right } else { Checked::RightButOld })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::presented(text).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_checked_against_its_hash_and_never_readable_from_it() {
        let hasher = Hasher::new().unwrap();
        let stored = hasher.hash(&password("quietly seven geese"), [3; 16], Deadline::default()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(!stored.contains("geese"));
        let check = |text: &'static str, stored: Option<String>| {
            let hasher = hasher.clone();
            async move { hasher.check(&password(text), stored.as_deref(), Deadline::default()).await.unwrap() }
        };
        assert_eq!(check("quietly seven geese", Some(stored.clone())).await, Checked::Right);
        assert_eq!(check("quietly seven Geese", Some(stored)).await, Checked::Wrong);
        assert_eq!(check("no password has this hash", None).await, Checked::Wrong);
    }

    #[tokio::test]
    async fn a_weaker_hash_is_told_so_that_it_is_renewed() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let stored = weak.hash_password_with_salt(b"quietly seven geese", &[1; 16]).unwrap().to_string();
        let checked = Hasher::new().unwrap().check(&password("quietly seven geese"), Some(&stored), Deadline::default()).await.unwrap();
        assert_eq!(checked, Checked::RightButOld);
    }
}
