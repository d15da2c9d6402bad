//! Mail that comes in: the door takes it, the worker decides, agents settle claims.

mod claim;
mod door;
mod files;
mod work;

pub use claim::Agent;
pub use door::{MAX_BYTES, Secrets, SignedMail};
pub use work::start;

pub use crate::store::inbound::Mail as Seen;

/// Raw messages in the blob store.
pub const PREFIX: &str = "notifier/inbound";
