//! The service's own configuration.

use portico_chassis::config::ServiceConfig;
use serde::Deserialize;

/// Keys of the community service, beside those that every service reads.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Config {
    /// Address of a clamd, `host:port`, that looks at every file before it can be downloaded (`PORTICO_SCANNER`). Without it a file is
    /// searched for the EICAR test string.
    pub scanner: Option<String>,
}

impl ServiceConfig for Config {
    const KEYS: &'static [&'static str] = &["scanner"];
    const REQUIRED: &'static [&'static str] = &["database_url", "nats_url", "blobs"];
}
