//! What identity knows and decides: pure and synchronous. Time and randomness are arguments.

pub mod captcha;
pub mod email;
pub mod event;
pub mod ids;
pub mod invitation;
pub mod link;
pub mod merge;
pub mod organization;
pub mod password;
pub mod person;
pub mod portal;
pub mod profile;
pub mod revocation;
pub mod schema;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod text;
pub mod throttle;
