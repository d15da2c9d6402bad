//! The World: Portico as real processes with real PostgreSQL, NATS and mail, and the people who use it over HTTP.
//!
//! A test makes a portal of its own in a stack that all tests share (`PORTICO_TEST_STACK`, which `./test` sets), so tests run side by side. A test
//! that kills things brings up a stack of its own. Nothing here knows a service's code: only the names of the public HTTP surface.

// A test that cannot go on says why and stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::disallowed_methods)]

pub mod captcha;
pub mod client;
pub mod collector;
pub mod invariants;
pub mod live;
pub mod load;
pub mod mail;
pub mod page;
pub mod portal;
pub mod stack;
pub mod wait;

pub use client::{Answer, Client};
pub use collector::Collector;
pub use mail::Mail;
pub use page::Browser;
pub use portal::Portal;
pub use stack::{World, WorldOptions};
