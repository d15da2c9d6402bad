//! The notifier's own configuration.

use std::path::PathBuf;

use portico_chassis::config::ServiceConfig;
use serde::Deserialize;

/// What the notifier is told beside [`portico_chassis::config::Common`].
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// The relay that takes our mail: `smtp://host:port`, `smtps://host:port` for TLS from the first byte; `?tls=required` or
    /// `?tls=opportunistic` for STARTTLS on `smtp://` (default: none). Never with a user or password in it.
    pub smtp_url: String,
    /// The user at the relay; with `smtp_password_file`.
    #[serde(default)]
    pub smtp_username: Option<String>,
    /// File with the password at the relay.
    #[serde(default)]
    pub smtp_password_file: Option<PathBuf>,
    /// PEM file with a certificate authority that is trusted besides the public ones.
    #[serde(default)]
    pub smtp_ca_file: Option<PathBuf>,
    /// The right part of our Message-IDs; a domain that is ours. Default `portico.test`.
    #[serde(default = "default_mail_domain")]
    pub mail_domain: String,
    /// Messages with an effect that one address may send to one portal in an hour; more is quarantined (S62). Default 60, times
    /// `limit_factor`.
    #[serde(default = "default_hourly")]
    pub inbound_per_sender_per_hour: u32,
}

impl ServiceConfig for Config {
    const KEYS: &'static [&'static str] =
        &["smtp_url", "smtp_username", "smtp_password_file", "smtp_ca_file", "mail_domain", "inbound_per_sender_per_hour"];
}

fn default_mail_domain() -> String {
    "portico.test".to_owned()
}

fn default_hourly() -> u32 {
    60
}
