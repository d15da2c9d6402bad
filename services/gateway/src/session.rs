//! The cookie of a browser session: one opaque, sealed value that names the browser session and carries identity's secret for it.
//!
//! The gateway keeps no table of sessions. The value is encrypted and authenticated with the gateway's key, so any replica can open it after any
//! restart; what it means (who is signed in, in which portal, and whether that still holds) only identity knows. The id changes with every sign-in
//! and sign-out (S19), and the form token is bound to the id, so a token from before a sign-in is worth nothing after it.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chassis::random::Random;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

/// The cookie's name. The prefix makes browsers refuse it from other hosts and without `Secure`.
pub const COOKIE: &str = "__Host-portico";
/// Keeps identity's device token for a year: it exempts a person's known devices from the lock of their account.
pub const DEVICE_COOKIE: &str = "__Host-portico-device";
/// How long a browser keeps the session cookie, in seconds; identity ends sessions earlier.
const COOKIE_AGE: u32 = 30 * 24 * 3600;
const DEVICE_AGE: u32 = 365 * 24 * 3600;
const NONCE: usize = 12;
const ID: usize = 32;
const VERSION: u8 = 1;
/// No secret of identity's is longer; a longer cookie was not made here.
const MAX_COOKIE: usize = 2048;

/// The keys made from the gateway's configured secrets: the first seals, all open, so that a key can be replaced without ending sessions.
pub struct SessionKeys {
    keys: Vec<(LessSafeKey, hmac::Key)>,
}

/// The secret cannot be made into keys.
#[derive(Debug, thiserror::Error)]
#[error("session_keys: at least one secret of 32 or more bytes is needed")]
pub struct BadKey;

impl SessionKeys {
    /// Derives the sealing and the form-token key from each secret.
    ///
    /// # Errors
    /// [`BadKey`] without a secret, or when one is shorter than 32 bytes.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, BadKey> {
        let keys = secrets.into_iter().map(derive).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(BadKey) } else { Ok(Self { keys }) }
    }
}

fn derive(secret: &[u8]) -> Result<(LessSafeKey, hmac::Key), BadKey> {
    if secret.len() < 32 {
        return Err(BadKey);
    }
    let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let sealing = hmac::sign(&root, b"portico gateway cookie 1");
    let forms = hmac::sign(&root, b"portico gateway csrf 1");
    let sealing = UnboundKey::new(&AES_256_GCM, sealing.as_ref()).map_err(|_| BadKey)?;
    Ok((LessSafeKey::new(sealing), hmac::Key::new(hmac::HMAC_SHA256, forms.as_ref())))
}

/// A browser session. A visitor who never signed in has one too, so that the sign-in form is protected.
#[derive(Clone, PartialEq, Eq)]
pub struct Browser {
    id: [u8; ID],
    secret: Option<String>,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Browser")
    }
}

impl Browser {
    /// A new browser session that is signed in nowhere.
    pub fn new(random: &Random) -> Self {
        Self { id: random.bytes(), secret: None }
    }

    /// The browser session of a request; `None` when there is no cookie or it was not made here.
    pub fn from_headers(headers: &HeaderMap, keys: &SessionKeys) -> Option<Self> {
        open(cookie(headers, COOKIE)?, keys)
    }

    /// Identity's secret of this browser session; `None` before the first sign-in.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// The browser session after a sign-in: a new id and identity's new secret.
    pub fn signed_in(secret: String, random: &Random) -> Self {
        Self { id: random.bytes(), secret: Some(secret) }
    }

    /// The same sign-ins under a new id: after a sign-out of one portal, a new password and the like.
    pub fn renewed(&self, random: &Random) -> Self {
        Self { id: random.bytes(), secret: self.secret.clone() }
    }

    /// The `Set-Cookie` header of this browser session.
    pub fn set_cookie(&self, keys: &SessionKeys, random: &Random) -> Option<HeaderValue> {
        let value = seal(self, keys, random)?;
        HeaderValue::from_str(&format!("{COOKIE}={value}; Path=/; Max-Age={COOKIE_AGE}; Secure; HttpOnly; SameSite=Lax")).ok()
    }

    /// A form token: bound to the id, different each time so that compression can't betray it.
    pub fn csrf_token(&self, keys: &SessionKeys, random: &Random) -> String {
        let Some((_, key)) = keys.keys.first() else { return String::new() };
        let salt: [u8; 16] = random.bytes();
        let tag = hmac::sign(key, &self.csrf_message(&salt));
        URL_SAFE_NO_PAD.encode([salt.as_slice(), tag.as_ref()].concat())
    }

    /// Whether a form token was made for this browser session.
    pub fn accepts_csrf(&self, token: &str, keys: &SessionKeys) -> bool {
        let Ok(raw) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((salt, tag)) = raw.split_at_checked(16) else { return false };
        let Ok(salt) = <[u8; 16]>::try_from(salt) else { return false };
        keys.keys.iter().any(|(_, key)| hmac::verify(key, &self.csrf_message(&salt), tag).is_ok())
    }

    fn csrf_message(&self, salt: &[u8; 16]) -> Vec<u8> {
        [self.id.as_slice(), salt.as_slice()].concat()
    }
}

/// The value of a cookie, when the browser sent it once.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(candidate, _)| *candidate == name)
        .map(|(_, value)| value)
}

/// The `Set-Cookie` header that keeps a device token.
pub fn set_device_cookie(token: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{DEVICE_COOKIE}={token}; Path=/; Max-Age={DEVICE_AGE}; Secure; HttpOnly; SameSite=Lax")).ok()
}

fn seal(browser: &Browser, keys: &SessionKeys, random: &Random) -> Option<String> {
    let (key, _) = keys.keys.first()?;
    let nonce: [u8; NONCE] = random.bytes();
    let mut sealed = [browser.id.as_slice(), browser.secret.as_deref().unwrap_or_default().as_bytes()].concat();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated()), &mut sealed).ok()?;
    Some(URL_SAFE_NO_PAD.encode([[VERSION].as_slice(), nonce.as_slice(), sealed.as_slice()].concat()))
}

fn open(value: &str, keys: &SessionKeys) -> Option<Browser> {
    if value.len() > MAX_COOKIE {
        return None;
    }
    let raw = URL_SAFE_NO_PAD.decode(value).ok()?;
    let (version, rest) = raw.split_first()?;
    let (nonce, sealed) = rest.split_at_checked(NONCE)?;
    if *version != VERSION {
        return None;
    }
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    keys.keys.iter().find_map(|(key, _)| {
        let mut buffer = sealed.to_vec();
        let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(associated()), &mut buffer).ok()?;
        let (id, secret) = plain.split_at_checked(ID)?;
        let secret = String::from_utf8(secret.to_vec()).ok()?;
        Some(Browser { id: id.try_into().ok()?, secret: Some(secret).filter(|secret| !secret.is_empty()) })
    })
}

/// Binds a sealed value to its use, so that another value sealed with the same key can't pass for a cookie.
fn associated() -> &'static [u8] {
    COOKIE.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SessionKeys {
        SessionKeys::new([[7u8; 32].as_slice()]).unwrap()
    }

    fn sent(browser: &Browser, keys: &SessionKeys) -> HeaderMap {
        let set = browser.set_cookie(keys, &Random::seeded(1)).unwrap();
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {pair}; c=d").parse().unwrap())])
    }

    #[test]
    fn a_sealed_cookie_opens_with_its_key_and_with_the_one_before() {
        let browser = Browser::signed_in("secret".into(), &Random::seeded(3));
        let headers = sent(&browser, &keys());
        assert_eq!(Browser::from_headers(&headers, &keys()), Some(browser.clone()));
        let rotated = SessionKeys::new([[8u8; 32].as_slice(), [7u8; 32].as_slice()]).unwrap();
        assert_eq!(Browser::from_headers(&headers, &rotated), Some(browser));
        let other = SessionKeys::new([[8u8; 32].as_slice()]).unwrap();
        assert_eq!(Browser::from_headers(&headers, &other), None);
    }

    #[test]
    fn any_changed_bit_of_the_cookie_makes_it_nobody_s() {
        let random = Random::seeded(3);
        let value = seal(&Browser::signed_in("secret".into(), &random), &keys(), &random).unwrap();
        let raw = URL_SAFE_NO_PAD.decode(&value).unwrap();
        for at in 0..raw.len() {
            let mut bent = raw.clone();
            bent[at] ^= 1;
            assert_eq!(open(&URL_SAFE_NO_PAD.encode(bent), &keys()), None, "byte {at} could be changed");
        }
    }

    #[test]
    fn the_cookie_is_only_for_this_host_and_never_for_scripts_s20() {
        let browser = Browser::new(&Random::seeded(1));
        let set = browser.set_cookie(&keys(), &Random::seeded(1)).unwrap();
        let set = set.to_str().unwrap();
        for attribute in ["__Host-portico=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(set.contains(attribute), "{attribute} is missing");
        }
        assert!(!set.contains("Domain"));
        let value = set.split_once('=').unwrap().1.split(';').next().unwrap().to_owned();
        assert!(!format!("{browser:?}").contains(&value));
    }

    #[test]
    fn a_form_token_is_good_for_its_browser_session_only_and_dies_at_sign_in_s19() {
        let random = Random::seeded(5);
        let before = Browser::new(&random);
        let token = before.csrf_token(&keys(), &random);
        assert!(before.accepts_csrf(&token, &keys()));
        assert_ne!(token, before.csrf_token(&keys(), &random));
        let after = Browser::signed_in("secret".into(), &random);
        assert!(!after.accepts_csrf(&token, &keys()));
        assert!(!after.renewed(&random).accepts_csrf(&after.csrf_token(&keys(), &random), &keys()));
        for bad in ["", "AAAA", "not base64 !", &token[1..]] {
            assert!(!before.accepts_csrf(bad, &keys()), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(SessionKeys::new([b"short".as_slice()]).is_err());
        assert!(SessionKeys::new([]).is_err());
    }
}
