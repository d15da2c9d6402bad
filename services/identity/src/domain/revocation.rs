//! What makes access tokens void before they end.

use super::ids::{PersonId, SessionId};

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// All tokens of a session.
    Session(SessionId),
    /// Tokens of a person below a generation.
    Generation(PersonId, i64),
}

/// A page of the feed.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Where the next page begins.
    pub next: i64,
    /// In order, each with its portal.
    pub rows: Vec<(String, Revoked)>,
}
