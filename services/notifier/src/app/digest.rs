//! Everything that is derived by a hash: ids, Message-IDs, reply tokens, signatures.

use hmac::{Hmac, Mac};
use portico_chassis::config::Secret;
use portico_chassis::ids::PortalId;
use portico_chassis::page::derive;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::delivery::{Channel, DeliveryId};
use crate::domain::reply_address::base32;

type HmacSha256 = Hmac<Sha256>;

/// Bytes of MAC in a reply address: 160 bits.
const TOKEN_BYTES: usize = 20;

/// The delivery of an event to a recipient over a channel: always the same id.
pub fn delivery_id(event: Uuid, recipient: &str, channel: Channel) -> DeliveryId {
    let mut hash = Sha256::new();
    hash.update(b"portico delivery\0");
    hash.update(event.as_bytes());
    hash.update(channel.name().as_bytes());
    hash.update([0]);
    hash.update(recipient.as_bytes());
    DeliveryId::new(named_uuid(&hash.finalize()))
}

/// A UUID (version 8, "custom") from the first bytes of a hash.
pub fn named_uuid(hash: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Makes and checks the tokens of reply addresses, and the ids that conversations hang on. Never printed.
#[derive(Clone)]
pub struct MailKey([u8; 32]);

impl std::fmt::Debug for MailKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailKey")
    }
}

impl MailKey {
    /// Derives the key from the service's root secret.
    pub fn derive(root: &Secret) -> Self {
        Self(derive(root, "mail"))
    }

    /// The token by which `person` answers on `ticket`.
    pub fn reply_token(&self, portal: &PortalId, ticket: &str, person: &str) -> String {
        let tag = mac(&self.0, &[b"reply", portal.as_str().as_bytes(), ticket.as_bytes(), person.as_bytes()]);
        base32(&tag[..TOKEN_BYTES])
    }

    /// Whether `token` is the one of this ticket and person.
    pub fn is_reply_token(&self, token: &str, portal: &PortalId, ticket: &str, person: &str) -> bool {
        self.reply_token(portal, ticket, person).as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// The left part of the id that all mails of a conversation refer to.
    pub fn thread_id(&self, portal: &PortalId, root: &str) -> String {
        base32(&mac(&self.0, &[b"thread", portal.as_str().as_bytes(), root.as_bytes()])[..TOKEN_BYTES])
    }
}

/// Whether `signature` is `sha256=` and the hex of HMAC-SHA256(secret, timestamp + "." + body), compared in constant time.
pub fn is_signed(secret: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
    let Some(given) = signature.strip_prefix("sha256=").and_then(|text| hex::decode(text).ok()) else { return false };
    let Ok(mut hmac) = HmacSha256::new_from_slice(secret.as_bytes()) else { return false };
    hmac.update(timestamp.as_bytes());
    hmac.update(b".");
    hmac.update(body);
    hmac.verify_slice(&given).is_ok()
}

/// HMAC over parts, each with its length before it, so that no two lists of parts look alike.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length: the error can't occur, and an all-zero tag would only make a token that is never accepted twice.
    let Ok(mut hmac) = HmacSha256::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        hmac.update(&(part.len() as u64).to_be_bytes());
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portal(slug: &str) -> PortalId {
        slug.parse().unwrap()
    }

    #[test]
    fn one_event_recipient_and_channel_is_one_delivery() {
        let event = Uuid::from_u128(7);
        let id = delivery_id(event, "alice", Channel::Mail);
        assert_eq!(id, delivery_id(event, "alice", Channel::Mail));
        assert_ne!(id, delivery_id(event, "alice", Channel::Bell));
        assert_ne!(id, delivery_id(event, "bob", Channel::Mail));
        assert_ne!(id, delivery_id(Uuid::from_u128(8), "alice", Channel::Mail));
    }

    #[test]
    fn a_reply_token_holds_for_one_portal_ticket_and_reader() {
        let key = MailKey::derive(&Secret::new("a secret of at least thirty-two bytes"));
        let token = key.reply_token(&portal("demo"), "t1", "p1");
        assert_eq!(token.len(), crate::domain::reply_address::TOKEN_CHARS);
        assert!(key.is_reply_token(&token, &portal("demo"), "t1", "p1"));
        assert!(!key.is_reply_token(&token, &portal("other"), "t1", "p1"));
        assert!(!key.is_reply_token(&token, &portal("demo"), "t2", "p1"));
        assert!(!key.is_reply_token(&token, &portal("demo"), "t1", "p2"));
        assert!(!key.is_reply_token(&token, &portal("demo"), "t1p", "1"));
        assert!(!MailKey::derive(&Secret::new("another")).is_reply_token(&token, &portal("demo"), "t1", "p1"));
    }

    #[test]
    fn the_webhook_signature_is_checked_over_timestamp_and_body() {
        // printf '1790000000.hello' | openssl dgst -sha256 -hmac s3cret
        let mut hmac = HmacSha256::new_from_slice(b"s3cret").unwrap();
        hmac.update(b"1790000000.hello");
        let signature = format!("sha256={}", hex::encode(hmac.finalize().into_bytes()));
        assert!(is_signed("s3cret", "1790000000", b"hello", &signature));
        assert!(!is_signed("s3cret", "1790000001", b"hello", &signature));
        assert!(!is_signed("s3cret", "1790000000", b"hello!", &signature));
        assert!(!is_signed("other", "1790000000", b"hello", &signature));
        for bad in ["", "sha256=", "sha256=zz", "sha1=00", &signature[..20]] {
            assert!(!is_signed("s3cret", "1790000000", b"hello", bad));
        }
    }
}
