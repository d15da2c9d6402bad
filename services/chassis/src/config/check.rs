//! What a value must be like, looked at before anything starts: a wrong one ends the start at once, with its key and without its text.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tonic::transport::Endpoint;
use tracing_subscriber::EnvFilter;

use super::{Common, ConfigError, LONGEST_DRAIN};
use crate::auth::Keys;

/// Fewer connections and background work starves requests.
const FEWEST_CONNECTIONS: u32 = 4;
/// More than any PostgreSQL is asked for by one replica.
const MOST_CONNECTIONS: u32 = 1000;

impl Common {
    /// Checks every value that was given; `service` is whose private key must be there. Reads files, asks nobody.
    pub fn check(&self, service: &str) -> Result<(), ConfigError> {
        self.check_texts()?;
        self.check_numbers()?;
        self.check_addresses()?;
        self.secret()?;
        self.operator_token()?;
        Keys::read(&self.keys_dir, service).map_err(|error| bad("keys_dir", &error.to_string()))?;
        Ok(())
    }

    fn check_texts(&self) -> Result<(), ConfigError> {
        EnvFilter::try_new(&self.log).map_err(|_| bad("log", "expected a filter such as `info,portico_chassis=debug`"))?;
        expect(!self.replica.trim().is_empty(), "replica", "expected a name")?;
        let subject = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        expect(self.nats_prefix.chars().all(subject), "nats_prefix", "expected letters, digits, `_` and `-`")?;
        let known = |url: &String| url.starts_with("file:///") || url.strip_prefix("s3://").is_some_and(|place| !place.is_empty());
        expect(self.blobs.as_ref().is_none_or(known), "blobs", "expected file:///path or s3://bucket/prefix")
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let connections = FEWEST_CONNECTIONS..=MOST_CONNECTIONS;
        expect(connections.contains(&self.database_connections), "database_connections", "expected 4 to 1000")?;
        expect([1, 3, 5].contains(&self.nats_replicas), "nats_replicas", "expected 1, 3 or 5")?;
        expect(self.limit_factor >= 1, "limit_factor", "expected 1 or more")?;
        expect(self.drain_seconds <= LONGEST_DRAIN, "drain_seconds", "expected 0 to 10: the shutdown takes less than 30 seconds")
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.database_url {
            PgConnectOptions::from_str(url.expose()).map_err(|_| bad("database_url", "expected postgres://role:password@host/database"))?;
        }
        if let Some(url) = &self.nats_url {
            let parsed = url.expose().split(',').all(|server| async_nats::ServerAddr::from_str(server.trim()).is_ok());
            expect(parsed, "nats_url", "expected nats://host:port")?;
        }
        if let Some(endpoint) = &self.otlp_endpoint {
            expect(is_http(endpoint), "otlp_endpoint", "expected http://host:port")?;
        }
        expect(
            is_http(&self.public_url) && !self.public_url.ends_with('/'),
            "public_url",
            "expected https://host without a slash at the end",
        )?;
        for (name, addresses) in &self.peers {
            let mut given = addresses.split(',').map(str::trim).filter(|address| !address.is_empty()).peekable();
            let fits = given.peek().is_some() && given.all(|address| is_http(address) && Endpoint::from_shared(address.to_owned()).is_ok());
            expect(fits, &format!("peers.{name}"), "expected http://host:port, several separated by commas")?;
        }
        Ok(())
    }
}

fn is_http(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn expect(holds: bool, key: &str, what: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(bad(key, what)) }
}

fn bad(key: &str, what: &str) -> ConfigError {
    ConfigError::Bad(format!("`{key}`: {what}"))
}
