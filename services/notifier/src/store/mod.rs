//! All SQL of the notifier.

pub mod delivery;
pub mod events;
pub mod inbound;
pub mod notification;
pub mod preference;
pub mod reply_address;
