//! The journal: state, events, timers and answers commit together.
//!
//! A service decides, describes the result as an [`Entry`], and appends it. One writer a replica takes all entries that wait, commits
//! them in one transaction and answers each: the caller hears of success after the commit and never before. Entries that lose a
//! version, a claim or a request id are left out whole; strangers in the same batch commit (docs/ARCHITECTURE.md, walk one, step 6).
//!
//! - [`admit`]: which entries of a batch may commit, as a pure function.
//! - [`fill`]: who is in the next batch, pure.
//! - [`append`]: the SQL of one batch.
//! - [`writer`]: the actor with the mailbox.
//! - [`settle`]: whether a commit took place whose answer got lost.

pub mod admit;
mod append;
mod batch;
mod entry;
mod fill;
mod replay;
mod settle;
mod writer;

pub use entry::{AggregateRef, Claim, Entry, Finish, NewEvent, RequestKey, TimerChange};
pub use replay::{Replay, replay};
pub use writer::{Journal, JournalSignals, Writes};

use uuid::Uuid;

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is on disk.
    Committed(Committed),
    /// The same request was answered before; this is that answer.
    Replayed(Vec<u8>),
    /// The request id was used for another request.
    KeyReused,
    /// An aggregate is no longer at the expected version: load it and decide again.
    VersionConflict,
    /// Somebody else has what the entry claims.
    ClaimTaken {
        /// The space of the claim that was lost, such as `email`.
        space: &'static str,
    },
}

/// An entry that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The answer that was stored with the request id, if any.
    pub answer: Vec<u8>,
    /// The number that was drawn, if one was asked for.
    pub number: Option<i64>,
    /// Event ids in order, with the versions they brought their aggregates to.
    pub events: Vec<(Uuid, i64)>,
}
