//! What the gateway is told, beside what every service is told.

use std::net::SocketAddr;
use std::path::PathBuf;

use chassis::config::{ConfigError, ServiceConfig};
use serde::Deserialize;

use crate::source::Network;

/// The gateway's own configuration. The session cookie is sealed with keys derived from `secret_file`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// Where the public port listens. Default `127.0.0.1:8080`.
    #[serde(default = "default_listen")]
    pub http_listen: SocketAddr,
    /// Whether standard input is the public port's listening socket, bound by whoever started this process (systemd: `StandardInput=socket`);
    /// then `http_listen` is not used. Such a port stays taken while the gateway is started again, and connections wait meanwhile. Default false.
    #[serde(default)]
    pub http_listener_on_stdin: bool,
    /// Proxies whose `X-Forwarded-For` is believed: addresses and networks, separated by commas. Default none.
    #[serde(default)]
    pub trusted_proxies: String,
    /// Further origins that pages are served from, beside that of `public_url`: `https://help.acme.example`, separated by commas. Default none.
    #[serde(default)]
    pub origins: String,
    /// Requests that are in work or wait for it at the same time; beyond it new ones get 503. Default 1024. How many of them are worked on at
    /// once is learnt (`admission.rs`).
    #[serde(default = "default_in_flight")]
    pub max_in_flight: usize,
    /// Live streams that are open at the same time. Default 20000.
    #[serde(default = "default_streams")]
    pub max_live_streams: usize,
    /// Largest upload in bytes, whatever a portal's settings say. Default 25 MiB (26,214,400).
    #[serde(default = "default_upload")]
    pub max_upload_bytes: u64,
    /// Files with earlier texts of `secret_file`, separated by commas: cookies sealed with them still open. Default none.
    #[serde(default)]
    pub previous_secret_files: String,
}

impl ServiceConfig for Config {
    const KEYS: &'static [&'static str] = &[
        "http_listen",
        "http_listener_on_stdin",
        "trusted_proxies",
        "origins",
        "max_in_flight",
        "max_live_streams",
        "max_upload_bytes",
        "previous_secret_files",
    ];
    const REQUIRED: &'static [&'static str] = &["nats_url", "blobs"];
}

impl Config {
    /// The proxies that are believed.
    ///
    /// # Errors
    /// Names the key when a part is no address or network.
    pub fn proxies(&self) -> Result<Vec<Network>, ConfigError> {
        parts(&self.trusted_proxies)
            .map(|part| part.parse().map_err(|_| ConfigError::Bad("`trusted_proxies`: expected addresses or networks".into())))
            .collect()
    }

    /// All origins that are ours: that of the public URL first.
    ///
    /// # Errors
    /// Names the key when a part is no http(s) origin.
    pub fn our_origins(&self, public_url: &str) -> Result<Vec<String>, ConfigError> {
        let first = origin(public_url).ok_or_else(|| ConfigError::Bad("`public_url`: expected an http or https URL".into()))?;
        let mut origins = vec![first];
        for part in parts(&self.origins) {
            origins.push(origin(part).ok_or_else(|| ConfigError::Bad("`origins`: expected http or https origins".into()))?);
        }
        Ok(origins)
    }

    /// The earlier secrets.
    ///
    /// # Errors
    /// Names the file that cannot be read.
    pub fn previous_secrets(&self) -> Result<Vec<String>, ConfigError> {
        parts(&self.previous_secret_files)
            .map(|file| {
                let path = PathBuf::from(file);
                std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(|source| ConfigError::Unreadable {
                    key: "previous_secret_files",
                    file: path.display().to_string(),
                    source,
                })
            })
            .collect()
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Scheme, host and port as a browser writes them in `Origin`.
fn origin(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_in_flight() -> usize {
    1024
}

fn default_streams() -> usize {
    20_000
}

fn default_upload() -> u64 {
    26_214_400
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        serde_json::from_str("{}").unwrap()
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let config = Config { origins: "https://Help.Acme.example/, http://a.test:81".into(), ..config() };
        let origins = config.our_origins("https://support.example.com:443/x").unwrap();
        assert_eq!(origins, ["https://support.example.com", "https://help.acme.example", "http://a.test:81"]);
        assert!(Config { origins: "file:///x".into(), ..config }.our_origins("https://a.test").is_err());
    }

    #[test]
    fn a_wrong_proxy_is_refused_at_the_start() {
        assert_eq!(Config { trusted_proxies: "10.0.0.0/8, ::1".into(), ..config() }.proxies().unwrap().len(), 2);
        let error = Config { trusted_proxies: "proxy".into(), ..config() }.proxies().unwrap_err();
        assert!(error.to_string().contains("trusted_proxies"));
    }
}
