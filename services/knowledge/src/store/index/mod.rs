//! The search index: one tantivy folder a replica, all portals in it.
//!
//! Every word is stored with its portal before it, so that a portal's words, their rarity, their corrections and their
//! completions are its own. The score is our own (`domain::search::tuning`); tantivy keeps the postings.

mod expand;
mod facts;
mod filter;
mod gather;
mod near;
mod schema;
mod search;
mod segment;
mod stats;
mod words;
mod writer;

pub use search::{Found, Hit, KindHits, Wanted};
pub use words::stem;
pub use writer::{Checkpoint, IndexReading, IndexWriting};
