//! The service's own configuration: there is none beside what every service is told.

/// What `start` takes.
pub type Config = portico_chassis::config::NoConfig;
