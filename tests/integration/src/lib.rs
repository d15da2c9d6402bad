//! The World: Portico as real processes with real PostgreSQL, NATS and mail, and the people who use it over HTTP.
//!
//! A test makes a portal of its own in a stack that all tests share (`PORTICO_TEST_STACK`, which `./test` sets), so tests run side by side. A test
//! that kills things brings up a stack of its own. Of the services it knows the public HTTP surface, the processes, and what the invariants look up
//! in databases and at the broker.

// A test that cannot go on says why and stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::disallowed_methods)]

pub mod broker;
pub mod captcha;
pub mod cells;
pub mod client;
pub mod cluster;
pub mod collector;
pub mod configuration;
pub mod handles;
pub mod history;
pub mod invariants;
pub mod live;
pub mod load;
pub mod mail;
pub mod meters;
pub mod page;
pub mod plan;
pub mod portal;
pub mod prometheus;
pub mod proxy;
pub mod sink;
pub mod stack;
pub mod wait;

/// The services that have a database and are asked over gRPC.
pub const BACKENDS: [&str; 5] = ["identity", "tickets", "knowledge", "community", "notifier"];
/// Every service.
pub const SERVICES: [&str; 6] = ["identity", "tickets", "knowledge", "community", "notifier", "gateway"];

pub use client::{Answer, Client};
pub use collector::Collector;
pub use mail::Mail;
pub use page::Browser;
pub use portal::Portal;
pub use prometheus::Prometheus;
pub use stack::{World, WorldOptions};
