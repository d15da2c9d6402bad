//! What the service decides, without a database, a network or a clock.

pub mod search;
