//! The way to the smarthost, the SMTP server that takes our mail: what `smtp_url` and its companions say.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use url::Url;

use crate::config::Config;

/// Longest silence of the smarthost within one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// One way to the smarthost, with its own small pool.
pub type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Makes transports: one for each destination domain, so that a slow one uses up its own connections only.
#[derive(Clone)]
pub struct Smarthost {
    host: String,
    port: u16,
    tls: TlsMode,
    parameters: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TlsMode {
    None,
    Opportunistic,
    Required,
    Wrapper,
}

impl Smarthost {
    /// Reads the configuration; the error names the key and holds no secret.
    pub fn from_config(config: &Config) -> anyhow::Result<Self> {
        let (host, port, tls) = parse(&config.smtp_url)?;
        let parameters = if tls == TlsMode::None { None } else { Some(parameters(&host, config.smtp_ca_file.as_deref())?) };
        let credentials = match (&config.smtp_username, &config.smtp_password_file) {
            (Some(user), Some(file)) => {
                let password = std::fs::read_to_string(file)
                    .with_context(|| format!("configuration key `smtp_password_file`: cannot read {}", file.display()))?;
                Some(Credentials::new(user.clone(), password.trim().to_owned()))
            }
            (None, None) => None,
            _ => bail!("configuration keys `smtp_username` and `smtp_password_file` go together"),
        };
        Ok(Self { host, port, tls, parameters, credentials, hello: config.mail_domain.clone() })
    }

    /// A transport with at most `connections` connections.
    pub fn transport(&self, connections: u32) -> Transport {
        let tls = match (self.tls, &self.parameters) {
            (TlsMode::Opportunistic, Some(parameters)) => Tls::Opportunistic(parameters.clone()),
            (TlsMode::Required, Some(parameters)) => Tls::Required(parameters.clone()),
            (TlsMode::Wrapper, Some(parameters)) => Tls::Wrapper(parameters.clone()),
            _ => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(self.host.clone())
            .port(self.port)
            .tls(tls)
            .timeout(Some(COMMAND_TIMEOUT))
            .hello_name(lettre::transport::smtp::extension::ClientId::Domain(self.hello.clone()))
            .pool_config(PoolConfig::new().min_idle(0).max_size(connections).idle_timeout(IDLE));
        if let Some(credentials) = &self.credentials {
            builder = builder.credentials(credentials.clone());
        }
        builder.build()
    }
}

fn parse(text: &str) -> anyhow::Result<(String, u16, TlsMode)> {
    let url = Url::parse(text).map_err(|_| anyhow::anyhow!("configuration key `smtp_url`: expected smtp://host:port"))?;
    if !url.username().is_empty() || url.password().is_some() {
        bail!("configuration key `smtp_url`: expected no user in it; use `smtp_username` and `smtp_password_file`");
    }
    let host = url.host_str().filter(|host| !host.is_empty()).context("configuration key `smtp_url`: expected a host")?;
    let mut tls = match url.scheme() {
        "smtp" => TlsMode::None,
        "smtps" => TlsMode::Wrapper,
        _ => bail!("configuration key `smtp_url`: expected smtp:// or smtps://"),
    };
    for (key, value) in url.query_pairs() {
        tls = match (key.as_ref(), value.as_ref(), tls) {
            ("tls", "required", TlsMode::None) => TlsMode::Required,
            ("tls", "opportunistic", TlsMode::None) => TlsMode::Opportunistic,
            _ => bail!("configuration key `smtp_url`: expected only tls=required or tls=opportunistic behind the question mark"),
        };
    }
    let default = if tls == TlsMode::Wrapper { 465 } else { 25 };
    Ok((host.trim_matches(['[', ']']).to_owned(), url.port().unwrap_or(default), tls))
}

fn parameters(host: &str, authority: Option<&Path>) -> anyhow::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = authority {
        let pem = std::fs::read(file).with_context(|| format!("configuration key `smtp_ca_file`: cannot read {}", file.display()))?;
        let certificate =
            Certificate::from_pem(&pem).map_err(|_| anyhow::anyhow!("configuration key `smtp_ca_file`: expected a PEM certificate"))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().context("TLS for the smarthost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_says_host_port_and_encryption() {
        for (url, host, port, tls) in [
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, TlsMode::None),
            ("smtp://mail.acme.test", "mail.acme.test", 25, TlsMode::None),
            ("smtp://mail.acme.test:587?tls=required", "mail.acme.test", 587, TlsMode::Required),
            ("smtp://mail.acme.test?tls=opportunistic", "mail.acme.test", 25, TlsMode::Opportunistic),
            ("smtps://mail.acme.test", "mail.acme.test", 465, TlsMode::Wrapper),
            ("smtp://[::1]:25", "::1", 25, TlsMode::None),
        ] {
            assert_eq!(parse(url).unwrap(), (host.to_owned(), port, tls), "{url}");
        }
    }

    #[test]
    fn a_wrong_url_names_the_key_and_shows_no_secret() {
        for url in ["", "mail:25", "http://x", "smtp://user:hunter2@x", "smtp://x?tls=maybe", "smtps://x?tls=required"] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains("smtp_url") && !error.contains("hunter2"), "{error}");
        }
    }
}
