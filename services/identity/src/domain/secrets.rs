//! One-time tokens and the like are derived, never stored: HMAC-SHA256 under identity's key.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Identity's root key. Each use derives under a label of its own, so that no token is good for two purposes.
#[derive(Clone)]
pub struct Secrets([u8; 32]);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets([hidden])")
    }
}

impl Secrets {
    /// From the root secret of the installation.
    pub fn new(root: &[u8]) -> Self {
        Self(mac(root, b"portico identity", &[]))
    }

    /// 32 bytes that only the holder of the key can tell, for a label and the parts it is about.
    pub fn derive(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.0, label.as_bytes(), parts)
    }

    /// A text for a URL or cookie: 43 characters.
    pub fn token(&self, label: &str, parts: &[&[u8]]) -> String {
        URL_SAFE_NO_PAD.encode(self.derive(label, parts))
    }

    /// A text that carries `id` and `sequence` and proves that identity made it.
    pub fn seal(&self, label: &str, portal: &str, id: Uuid, sequence: i64) -> String {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(&sequence.to_be_bytes());
        let tag = self.derive(label, &[portal.as_bytes(), &bytes]);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Secrets::seal`] made for the same label and portal; `None` for anything else.
    pub fn open(&self, label: &str, portal: &str, sealed: &str) -> Option<(Uuid, i64)> {
        if sealed.len() > 100 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok().filter(|bytes| bytes.len() == 56)?;
        let (body, tag) = bytes.split_at(24);
        let expected = self.derive(label, &[portal.as_bytes(), body]);
        if !bool::from(expected.ct_eq(tag)) {
            return None;
        }
        let (id, sequence) = body.split_at(16);
        Some((Uuid::from_slice(id).ok()?, i64::from_be_bytes(sequence.try_into().ok()?)))
    }
}

/// Parts are joined with their lengths, so that no two lists of parts give the same bytes.
fn mac(key: &[u8], label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of every length; the alternative is unreachable.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in std::iter::once(&label).chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// What is stored of a token: its hash.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(b"a root secret of at least 32 bytes length")
    }

    #[test]
    fn labels_and_parts_separate_what_is_derived() {
        let s = secrets();
        assert_ne!(s.token("a", &[b"x"]), s.token("b", &[b"x"]));
        assert_ne!(s.token("a", &[b"xy", b"z"]), s.token("a", &[b"x", b"yz"]));
        assert_ne!(s.token("a", &[b"x"]), Secrets::new(b"another root secret of that length, 32+").token("a", &[b"x"]));
        assert_eq!(s.token("a", &[b"x"]).len(), 43);
    }

    #[test]
    fn a_sealed_text_opens_for_its_label_and_portal_only() {
        let s = secrets();
        let id = Uuid::from_u128(7);
        let sealed = s.seal("cookie", "demo", id, 3);
        assert_eq!(s.open("cookie", "demo", &sealed), Some((id, 3)));
        assert_eq!(s.open("refresh", "demo", &sealed), None);
        assert_eq!(s.open("cookie", "other", &sealed), None);
        for bad in ["", " ", &sealed.to_uppercase(), &sealed[1..], &format!("{sealed}A")] {
            assert_eq!(s.open("cookie", "demo", bad), None, "{bad}");
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        assert_eq!(format!("{:?}", secrets()), "Secrets([hidden])");
    }
}
