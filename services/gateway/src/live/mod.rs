//! Live updates over server-sent events: small notes such as "ticket DEMO-42 is at version 7", each to its audience only.
//!
//! - [`hub`]: who listens and what they missed; fed by the journals of tickets and notifier.
//! - [`note`]: events as notes with their audience, pure.
//! - [`stream`]: one connection: comments that keep it alive, its end with its session.

pub mod hub;
pub mod note;
pub mod stream;

pub use hub::Hub;
