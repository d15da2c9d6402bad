//! What is decided about deliveries, preferences and inbound mail: pure and synchronous.

pub mod backoff;
pub mod delivery;
pub mod file_name;
pub mod inbound;
pub mod kind;
pub mod loops;
pub mod preference;
pub mod quote;
pub mod reply_address;
pub mod sender;
pub mod text;
