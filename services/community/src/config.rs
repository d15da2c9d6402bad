//! The service's own configuration.

use portico_chassis::config::ServiceConfig;
use serde::Deserialize;

/// What `start` takes: there is nothing of its own beside what every service is told.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Config {}

impl ServiceConfig for Config {
    const KEYS: &'static [&'static str] = &[];
    const REQUIRED: &'static [&'static str] = &["database_url", "nats_url", "blobs"];
}
