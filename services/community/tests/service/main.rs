//! Black-box tests of the community service: the real service with real PostgreSQL and NATS, through its gRPC client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

mod files;
mod forums;
mod imports;
mod kit;
mod lists;
mod mails;
mod people;
mod permissions;
mod replicas;
mod search;
mod topics;
mod upkeep;
