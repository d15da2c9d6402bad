//! The service's own configuration.

use portico_chassis::config::{ConfigError, ServiceConfig};
use serde::Deserialize;

/// Keys of the tickets service, beside those that every service reads.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Config {
    /// Address of a clamd, `host:port`, that looks at every file before it can be downloaded (`PORTICO_SCANNER`). Without it a file is
    /// searched for the EICAR test string.
    pub scanner: Option<String>,
}

impl ServiceConfig for Config {
    const KEYS: &'static [&'static str] = &["scanner"];
    const REQUIRED: &'static [&'static str] = &["database_url", "nats_url", "blobs"];

    fn check(&self) -> Result<(), ConfigError> {
        let is_address = |text: &String| text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if self.scanner.as_ref().is_none_or(is_address) { Ok(()) } else { Err(ConfigError::Bad("`scanner`: expected host:port".into())) }
    }
}
