//! Events of other services, applied in order, once, with their effect.
//!
//! One cursor a producer moves in the same transaction as the effect. What the broker lost is fetched over gRPC; with the broker down
//! everything still works, a few seconds later.
//!
//! - [`order`]: which events are next; [`pace`]: when the producer is asked; [`suspect`]: which event is to blame. All pure.
//! - [`source`]: what the broker delivers and what the producer is asked for.
//! - [`apply`]: cursor and effect in one transaction; poison is parked.
//! - [`reconcile`]: goes on when the producer's journal is not the one that was read before.
//! - [`parked`]: what could not be applied, and how it is tried again.
//! - [`service`]: both for an operator.
//! - [`meters`]: what an inbox shows of itself.
//! - [`tail`]: the same without a database, for the gateway.

mod apply;
mod meters;
pub mod order;
pub mod pace;
mod parked;
mod reconcile;
mod run;
mod service;
mod source;
pub mod suspect;
mod tail;

pub use apply::Consumer;
pub use run::start;
pub use service::{Inboxes, service};
/// The connection of the transaction in which events take effect: what an `api/inbox.rs` hands on to its app.
pub use sqlx::PgConnection as Connection;
pub use tail::{Tail, follow};
