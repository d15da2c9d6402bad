//! What the service decides, without a database, a network or a clock.

pub mod announcement;
pub mod article;
pub mod attachment;
pub mod audience;
pub mod comment;
pub mod ids;
pub mod import;
pub mod problem;
pub mod search;
pub mod text;
