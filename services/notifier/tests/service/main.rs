//! The notifier as a black box, in one program: events in, mail and bell marks out.

mod bell;
mod claims;
mod closed;
mod inbound;
mod kit;
mod mail;
mod preference;
mod store;
