//! Identity as a black box: through its gRPC clients, with PostgreSQL and NATS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

mod access;
mod agreement;
mod captcha;
mod getting_in;
mod invitations;
mod kit;
mod links;
mod newcomers;
mod organizations;
mod passwords;
mod people;
mod portals;
mod readers;
mod repeated;
mod sessions;
mod sweep;
mod throttle;
