//! The notifier's own configuration.

use std::path::PathBuf;

use portico_chassis::config::{ConfigError, ServiceConfig};
use serde::Deserialize;

/// What the notifier is told beside [`portico_chassis::config::Common`].
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// The smarthost that takes our mail: `smtp://host:port`, `smtps://host:port` for TLS from the first byte; `?tls=required` or
    /// `?tls=opportunistic` for STARTTLS on `smtp://` (default: none). Never with a user or password in it.
    pub smtp_url: String,
    /// The user at the smarthost; with `smtp_password_file`.
    #[serde(default)]
    pub smtp_username: Option<String>,
    /// File with the password at the smarthost.
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
    const REQUIRED: &'static [&'static str] = &["database_url", "nats_url", "blobs"];

    fn check(&self) -> Result<(), ConfigError> {
        if let Some(file) = &self.smtp_ca_file {
            let unreadable = |source| ConfigError::Unreadable { key: "smtp_ca_file", file: file.display().to_string(), source };
            std::fs::File::open(file).map_err(unreadable)?;
        }
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
        if !self.mail_domain.is_empty() && self.mail_domain.chars().all(is_letter) {
            Ok(())
        } else {
            Err(ConfigError::Bad("`mail_domain`: expected a domain".into()))
        }
    }
}

fn default_mail_domain() -> String {
    "portico.test".to_owned()
}

fn default_hourly() -> u32 {
    60
}
