//! Page tokens: opaque, authenticated, bound to the caller and the filter that made them (S40).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::config::Secret;
use crate::error::Error;

/// Rows of a page when the caller does not say.
pub const DEFAULT_SIZE: i32 = 25;
/// Rows of a page at most.
pub const LARGEST_SIZE: i32 = 100;
/// Bytes of the authentication code.
const CODE: usize = 16;

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Oldest first.
    Oldest,
    /// Newest first.
    Newest,
}

impl First {
    /// As the contracts say it.
    pub fn of(newest_first: bool) -> Self {
        if newest_first { Self::Newest } else { Self::Oldest }
    }

    /// For the scope of a token: it is good for its own order only.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oldest => "oldest first",
            Self::Newest => "newest first",
        }
    }
}

/// A page as somebody asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Which end comes first.
    pub first: First,
    /// Rows wanted; 0 when nobody says.
    pub size: i32,
    /// Where it begins; empty for the first page.
    pub token: &'a str,
}

/// Makes and reads page tokens. All replicas of a service share the secret.
#[derive(Clone)]
pub struct Pager {
    key: [u8; 32],
}

impl Pager {
    /// Derives its key from the service's root secret.
    pub fn new(secret: &Secret) -> Self {
        Self { key: derive(secret, "page tokens") }
    }

    /// A token for `cursor`, good only with the same `scope`: portal, caller, method, filter and sort.
    pub fn token(&self, scope: &[&str], cursor: &impl Serialize) -> Result<String, Error> {
        let mut bytes = serde_json::to_vec(cursor).map_err(Error::internal)?;
        let code = self.code(scope, &bytes);
        bytes.extend_from_slice(&code[..CODE]);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The cursor in a token; `None` for an empty one, `Malformed` for one that was not made for this scope.
    pub fn cursor<T: DeserializeOwned>(&self, scope: &[&str], token: &str) -> Result<Option<T>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        let malformed = || Error::Malformed { field: "cursor".into(), message: "The cursor is not valid for this list.".into() };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed())?;
        let split = bytes.len().checked_sub(CODE).ok_or_else(malformed)?;
        let (payload, code) = bytes.split_at(split);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&self.code(scope, payload)[..CODE], code)) {
            return Err(malformed());
        }
        serde_json::from_slice(payload).map(Some).map_err(|_| malformed())
    }

    fn code(&self, scope: &[&str], payload: &[u8]) -> [u8; 32] {
        let mut mac = mac(&self.key);
        for part in scope {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(payload);
        mac.finalize().into_bytes().into()
    }
}

/// The wanted page size within its bounds; 422 when it is outside.
pub fn size(wanted: i32) -> Result<i64, Error> {
    match wanted {
        0 => Ok(i64::from(DEFAULT_SIZE)),
        1..=LARGEST_SIZE => Ok(i64::from(wanted)),
        _ => Err(Error::invalid("limit", "out_of_range", format!("The limit must be from 1 to {LARGEST_SIZE}."))),
    }
}

/// A key for one purpose out of a service's root secret.
pub fn derive(secret: &Secret, purpose: &str) -> [u8; 32] {
    let mut mac = mac(secret.expose().as_bytes());
    mac.update(b"portico ");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

#[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pager() -> Pager {
        Pager::new(&Secret::new("a secret of at least thirty-two characters"))
    }

    #[test]
    fn a_token_gives_back_its_cursor() {
        let token = pager().token(&["demo", "alice"], &(7, "x".to_owned())).unwrap();
        assert_eq!(pager().cursor::<(i64, String)>(&["demo", "alice"], &token), Ok(Some((7, "x".into()))));
        assert_eq!(pager().cursor::<(i64, String)>(&["demo", "alice"], ""), Ok(None));
    }

    #[test]
    fn a_tampered_or_foreign_token_is_malformed() {
        let token = pager().token(&["demo", "alice"], &7).unwrap();
        for (scope, token) in [
            (["demo", "bob"], token.clone()),
            (["demoa", "lice"], token.clone()),
            (["demo", "alice"], format!("A{token}")),
            (["demo", "alice"], "!".into()),
        ] {
            assert_eq!(pager().cursor::<i64>(&scope, &token).unwrap_err().http_status(), 400);
        }
    }
}
