//! What pages show: plain data and templates. Nothing here knows a service, a request or a clock; `super::map` makes these from the contracts' messages.

pub mod article;
pub mod community;
pub mod form;
pub mod home;
pub mod layout;
pub mod me;
pub mod news;
pub mod request;
pub mod search;
pub mod ticket;
pub mod ui;
pub mod way_in;
