//! Everything that is stored: the database's rows and the search index.

pub mod index;
