//! Identity's own configuration, beside what every service is told.

use portico_chassis::config::ServiceConfig;
use serde::Deserialize;

/// Identity needs nothing of its own: its keys are derived from `secret_file`, and what differs between portals is in their settings.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Config {}

impl ServiceConfig for Config {
    const KEYS: &'static [&'static str] = &[];
}
