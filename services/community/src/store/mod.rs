//! All SQL of the community. Reads go straight to the tables; every change is a [`writes::Write`] inside a journal entry.

mod attach;
pub mod codes;
pub mod copy;
pub mod events;
pub mod forum;
pub mod head;
pub mod housekeeping;
pub mod listing;
pub mod notice;
pub mod pace;
mod people;
pub mod person;
pub mod post;
pub mod report;
mod rows;
pub mod scan;
pub mod search;
mod text;
pub mod topic;
pub mod view_count;
pub mod writes;

use sqlx::migrate::Migrator;

/// The schema.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
