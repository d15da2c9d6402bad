//! The chassis with a toy service on real PostgreSQL and NATS, in one program.

mod actors;
mod background;
mod blobs;
mod catalog;
mod common;
mod copies;
mod events;
mod fairness;
mod guard;
mod journal;
mod lease;
mod life;
mod metrics;
mod outage;
mod peers;
mod reconcile;
mod scan;
