//! What is true in a community, without time, randomness or storage: all three come in as arguments.

pub mod address;
pub mod attachment;
pub mod copy;
pub mod forum;
pub mod ids;
pub mod listing;
pub mod moderation;
pub mod person;
pub mod post;
pub mod refusal;
pub mod tag;
pub mod text;
pub mod topic;
pub mod view;
pub mod writing;
