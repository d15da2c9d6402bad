//! Who asks: keys, signed tokens, callers and revocation.
//!
//! The gateway turns a session into a token that identity signed (Ed25519, at most [`token::LIFE`]); every service verifies it and
//! decides itself what the caller may see. Services sign their calls to each other with keys of their own.

mod caller;
mod keys;
mod revocation;
pub mod role;
mod token;

pub use caller::{Caller, Organization, Person};
pub use keys::{KeyError, Keys, Verified};
pub use revocation::Revocations;
pub use role::{Role, Visibility};
pub use token::{LIFE, SERVICE_TOKEN_LIFE, TokenError, Tokens};
