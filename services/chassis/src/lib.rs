//! How every Portico service stands. No business word is in here.
//!
//! | module | what it gives |
//! | --- | --- |
//! | [`run`] | the life of a process: [`run::main`], [`run::Boot`], shutdown in order |
//! | [`config`] | one documented struct a service, from file and environment |
//! | [`db`] | pools by role, row-level security, migrations |
//! | [`journal`] | state, events, timers and answers commit together |
//! | [`entity`] | one actor an aggregate: decide, append, answer after the commit |
//! | [`relay`], [`inbox`] | events out to NATS and in from it, healed over gRPC |
//! | [`keeper`] | copies of other services' facts |
//! | [`timers`] | durable timers |
//! | [`grpc`], [`peers`] | servers with a permission for each method; clients that say who asks |
//! | [`auth`] | keys, tokens, callers, revocation |
//! | [`chore`] | work that one replica does again and again |
//! | [`scan`] | quarantine and the malware scanner |
//! | [`fair`] | shares and turns, so that one portal does not starve the others |
//! | [`telemetry`], [`operations`] | logs, traces, metrics, and the port that shows them |
//! | [`error`] | the one closed error enum |
//! | [`failpoint`] | moments at which a test may have the process end |
//! | `next_version` | the same build in the part of the version after it, for a test |
//!
//! To add a service: a crate with the four rooms `api`, `app`, `domain`, `store`; a `start` that opens [`db::Db`], migrates, starts a
//! [`journal::Journal`], serves with [`grpc::Server`]; a `main` of one line. `services/community` is the smallest to read.

pub mod auth;
pub mod blobs;
pub mod chore;
pub mod clock;
pub mod config;
pub mod db;
pub mod deadline;
mod drift;
pub mod entity;
pub mod error;
pub mod events;
pub mod failpoint;
pub mod fair;
pub mod foundation;
mod gauges;
pub mod grpc;
pub mod ids;
pub mod inbox;
pub mod journal;
pub mod keeper;
pub mod lease;
pub mod markdown;
#[cfg(feature = "failpoints")]
mod next_version;
pub mod operations;
pub mod page;
pub mod peers;
pub mod random;
pub mod relay;
pub mod retention;
pub mod run;
mod sampler;
pub mod scan;
pub mod settings;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timers;

extern crate self as portico_chassis;

#[doc(hidden)]
pub use {serde, sqlx, uuid};
