//! Black-box tests of the tickets service: the gRPC client, real PostgreSQL, and identity as its neighbour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

mod common;

mod catalog;
mod deadlines;
mod files;
mod follow_ups;
mod guests;
mod imports;
mod inbound;
mod input;
mod permissions;
mod quotas;
mod render;
mod requests;
mod satisfaction;
mod search;
mod story;
mod timers;
mod visibility;
