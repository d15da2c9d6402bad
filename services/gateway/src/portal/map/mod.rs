//! From the contracts' messages to what pages show: pure functions.

pub mod article;
pub mod news;
pub mod person;
pub mod ticket;
pub mod timeline;
pub mod topic;
