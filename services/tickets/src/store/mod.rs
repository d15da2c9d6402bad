//! All SQL of the service.

pub mod attachment;
pub mod catalog;
pub mod collaborator;
pub mod columns;
pub mod events;
pub mod filter;
pub mod hit;
pub mod import;
pub mod item;
pub mod link;
pub mod list;
mod names;
pub mod person;
mod search;
pub mod seen;
pub mod ticket;
pub mod ticket_write;
pub mod words;
pub mod writes;

/// The service's migrations.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
