//! Everything that is stored: the database's rows and the search index.

pub mod announcement;
pub mod article;
pub mod attachment;
pub mod comment;
pub mod events;
pub mod feedback;
pub mod index;
pub mod person;
pub mod replica;
pub mod search_doc;
pub mod views;
pub mod writes;

/// This service's tables, made after the chassis'.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
