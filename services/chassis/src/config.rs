//! Configuration: one documented struct a service, from a file and the environment, checked before anything starts.
//!
//! `PORTICO_CONFIG` may name a TOML file; `PORTICO_<KEY>` variables win over it, with `__` between the levels of a nested key. An unknown
//! key, a bad value or a missing secret ends the start with the key's name and never with a secret's text (F31).

mod check;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// The most that `drain_seconds` may be.
pub const LONGEST_DRAIN: u64 = 10;

/// Why the configuration can't be used. The text names the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that nobody reads: most often a typing error.
    #[error("unknown configuration key `{0}`")]
    Unknown(String),
    /// A value that does not fit, or a missing one.
    #[error("configuration key {0}")]
    Bad(String),
    /// A file that a key names and that can't be read.
    #[error("configuration key `{key}`: cannot read {file}: {source}")]
    Unreadable {
        /// The key.
        key: &'static str,
        /// The file it names.
        file: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A value that must not be printed: `Debug` shows `[secret]`.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Look twice at where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What every service is told. All addresses may be IPv4 or IPv6.
#[derive(Clone, Debug, Deserialize)]
pub struct Common {
    /// Where gRPC listens. Default `127.0.0.1:0`, any free port.
    #[serde(default = "any_port")]
    pub grpc_listen: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` listen. Default `127.0.0.1:0`.
    #[serde(default = "any_port")]
    pub operations_listen: SocketAddr,
    /// PostgreSQL: `postgres://role:password@host/database`. Required but for the gateway.
    pub database_url: Option<Secret>,
    /// Connections for requests and background work, beside five of the replica's own (README.md, Time-outs). 4 to 1000, default 12.
    #[serde(default = "default_connections")]
    pub database_connections: u32,
    /// The broker: `nats://host:4222` or, for TLS, `tls://user:password@host:4222`; several separated by commas, with one user for all.
    pub nats_url: Option<Secret>,
    /// Put before every stream and subject, so that installations can share a broker. Default empty.
    #[serde(default)]
    pub nats_prefix: String,
    /// On how many of the broker's servers each event lies, when this service makes its stream: 1, 3 or 5. Default 1.
    #[serde(default = "one")]
    pub nats_replicas: u64,
    /// The other services: `PORTICO_PEERS__IDENTITY=http://host:port`, several replicas separated by commas, or one name that stands for all.
    #[serde(default)]
    pub peers: BTreeMap<String, String>,
    /// Folder with `<service>.key` and `public/<service>.pub`.
    pub keys_dir: PathBuf,
    /// File with at least 32 characters of secret; keys for cursors and the like are derived from it. The same for all replicas of a service.
    pub secret_file: PathBuf,
    /// File with the operator's token; without it no call of the operator is believed.
    pub operator_token_file: Option<PathBuf>,
    /// Blob store: `file:///path` or `s3://bucket/prefix`.
    pub blobs: Option<String>,
    /// How the bucket of `blobs` is reached: `PORTICO_S3__ENDPOINT` and so on.
    #[serde(default)]
    pub s3: S3,
    /// The base of links in mails and pages, without a slash at the end: `https://support.example.com`.
    #[serde(default = "default_public_url")]
    pub public_url: String,
    /// Log filter, as of tracing's `EnvFilter`. Default `info`. In the file that `PORTICO_CONFIG` names it may change while the process runs:
    /// SIGHUP reads it again.
    #[serde(default = "default_log")]
    pub log: String,
    /// `json` (default) or `pretty`.
    #[serde(default)]
    pub log_format: LogFormat,
    /// OTLP/gRPC collector for traces, `http://host:4317`; without it none are sent. Default: `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[serde(default = "otlp_endpoint")]
    pub otlp_endpoint: Option<String>,
    /// Seconds between "not ready" and the end of accepting, so that balancers notice. 0 to 10, default 5.
    #[serde(default = "default_drain")]
    pub drain_seconds: u64,
    /// The name of this replica in leases and logs. Default: host name and process id.
    #[serde(default = "default_replica")]
    pub replica: String,
    /// Development start: the portal list at `/`, gRPC reflection. Never in production.
    #[serde(default, deserialize_with = "boolean")]
    pub development: bool,
    /// What is wider on a development machine: the factor on limits per source and per person. Default 1.
    #[serde(default = "one")]
    pub limit_factor: u64,
}

/// An S3 bucket or what speaks its language. Without keys the standard AWS variables, files and roles are used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// `https://host:port`; default: Amazon's of the region.
    pub endpoint: Option<String>,
    /// Default `us-east-1`.
    pub region: Option<String>,
    /// The name of the key. With it, `secret_access_key` is required.
    pub access_key_id: Option<Secret>,
    /// The key.
    pub secret_access_key: Option<Secret>,
    /// Belongs to a key that ends soon.
    pub session_token: Option<Secret>,
    /// Whether an endpoint may be `http://`; for tests and for a mesh that encrypts. Default false.
    #[serde(deserialize_with = "boolean")]
    pub allow_http: bool,
    /// `https://bucket.host/…` in place of `https://host/bucket/…`. Default false.
    #[serde(deserialize_with = "boolean")]
    pub virtual_hosted_style: bool,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Pretty,
}

/// The keys of [`Common`]; a test compares them with the struct.
const COMMON_KEYS: &[&str] = &[
    "grpc_listen",
    "operations_listen",
    "database_url",
    "database_connections",
    "nats_url",
    "nats_prefix",
    "nats_replicas",
    "peers",
    "keys_dir",
    "secret_file",
    "operator_token_file",
    "blobs",
    "s3",
    "public_url",
    "log",
    "log_format",
    "otlp_endpoint",
    "drain_seconds",
    "replica",
    "development",
    "limit_factor",
];

/// A service's own configuration, beside [`Common`].
pub trait ServiceConfig: DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static {
    /// The top-level keys that it reads.
    const KEYS: &'static [&'static str];
    /// The keys of [`Common`] that may be absent elsewhere and that this service can't do without.
    const REQUIRED: &'static [&'static str] = &["database_url", "nats_url"];

    /// Checks its own values before anything starts. Reads files, asks nobody.
    ///
    /// # Errors
    /// Names the key and never a secret's text.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// A service without keys of its own.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NoConfig {}

impl ServiceConfig for NoConfig {
    const KEYS: &'static [&'static str] = &[];
}

/// Reads and checks the configuration of the process.
pub fn load<C: ServiceConfig>() -> Result<(Common, C), ConfigError> {
    let mut figment = Figment::new();
    if let Some(file) = std::env::var_os("PORTICO_CONFIG") {
        let path = PathBuf::from(file);
        std::fs::metadata(&path).map_err(|source| ConfigError::Unreadable { key: "config", file: path.display().to_string(), source })?;
        figment = figment.merge(Toml::file_exact(path));
    }
    let figment = figment.merge(Env::prefixed("PORTICO_").ignore(&["config"]).filter(|key| !key.starts_with("test_")).split("__"));
    // What is there is read first: a file that can't be parsed has no keys at all, and that is not what is wrong with it.
    let read = from_figment(figment.clone())?;
    match C::REQUIRED.iter().find(|key| !figment.contains(key)) {
        Some(missing) => Err(ConfigError::Bad(format!("`{missing}` is missing"))),
        None => Ok(read),
    }
}

fn from_figment<C: ServiceConfig>(figment: Figment) -> Result<(Common, C), ConfigError> {
    let bad = |error: figment::Error| ConfigError::Bad(describe(&error));
    let given: BTreeMap<String, figment::value::Value> = figment.extract().map_err(bad)?;
    if let Some(unknown) = given.keys().find(|key| !COMMON_KEYS.contains(&key.as_str()) && !C::KEYS.contains(&key.as_str())) {
        return Err(ConfigError::Unknown(unknown.clone()));
    }
    Ok((figment.extract().map_err(bad)?, figment.extract().map_err(bad)?))
}

/// Names the key and the kind of mistake, never the value: it may be a secret.
fn describe(error: &figment::Error) -> String {
    use figment::error::Kind;
    let key = if error.path.is_empty() { String::new() } else { format!("`{}`: ", error.path.join(".")) };
    let what = match &error.kind {
        Kind::MissingField(field) => format!("`{field}` is missing"),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("expected {expected}"),
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        _ => "the value does not fit".to_owned(),
    };
    format!("{key}{what}")
}

impl Common {
    /// The root secret, from which keys are derived by label.
    pub fn secret(&self) -> Result<Secret, ConfigError> {
        let secret = read(&self.secret_file, "secret_file")?;
        if secret.expose().len() < 32 { Err(ConfigError::Bad("`secret_file`: expected at least 32 characters".into())) } else { Ok(secret) }
    }

    /// The operator's token, if there is one.
    pub fn operator_token(&self) -> Result<Option<Secret>, ConfigError> {
        self.operator_token_file.as_ref().map(|file| read(file, "operator_token_file")).transpose()
    }

    /// A key that must be there for this service.
    pub fn require<'a, T>(value: &'a Option<T>, key: &str) -> Result<&'a T, ConfigError> {
        value.as_ref().ok_or_else(|| ConfigError::Bad(format!("`{key}` is missing")))
    }
}

fn read(file: &std::path::Path, key: &'static str) -> Result<Secret, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { key, file: file.display().to_string(), source })?;
    Ok(Secret(text.trim().to_owned()))
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn default_connections() -> u32 {
    12
}

fn default_public_url() -> String {
    "http://127.0.0.1:8080".to_owned()
}

fn default_log() -> String {
    "info".to_owned()
}

/// The variable that every program with OpenTelemetry reads.
fn otlp_endpoint() -> Option<String> {
    std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty())
}

fn default_drain() -> u64 {
    5
}

fn one() -> u64 {
    1
}

fn default_replica() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "local" } else { host.trim() };
    format!("{host}-{}", std::process::id())
}

/// `true` and `false`, also as `1` and `0`, which is how people write them in an environment.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Bool(bool),
        Number(u8),
    }
    match Form::deserialize(deserializer)? {
        Form::Bool(value) => Ok(value),
        Form::Number(value) => Ok(value != 0),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use figment::providers::Serialized;

    fn given(pairs: &[(&str, serde_json::Value)]) -> Figment {
        let mut figment =
            Figment::new().merge(Serialized::default("keys_dir", "/keys")).merge(Serialized::default("secret_file", "/secret"));
        for (key, value) in pairs {
            figment = figment.merge(Serialized::default(key, value.clone()));
        }
        figment
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = from_figment::<NoConfig>(given(&[("databse_url", "x".into())])).unwrap_err();
        assert_eq!(error.to_string(), "unknown configuration key `databse_url`");
    }

    #[test]
    fn a_bad_value_is_named_but_not_shown() {
        let error = from_figment::<NoConfig>(given(&[("grpc_listen", "hunter2".into())])).unwrap_err();
        assert!(error.to_string().contains("grpc_listen") && !error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let (common, _) = from_figment::<NoConfig>(given(&[("database_url", "postgres://u:hunter2@h/d".into())])).unwrap();
        assert!(!format!("{common:?}").contains("hunter2"));
        assert_eq!(common.database_url.unwrap().expose(), "postgres://u:hunter2@h/d");
    }

    #[test]
    fn a_buckets_keys_are_read_and_never_printed() {
        let s3 = serde_json::json!({"endpoint": "http://127.0.0.1:9000", "access_key_id": "AKIA1", "secret_access_key": "hunter2", "allow_http": 1});
        let (common, _) = from_figment::<NoConfig>(given(&[("s3", s3)])).unwrap();
        assert!(common.s3.allow_http && !common.s3.virtual_hosted_style);
        let printed = format!("{common:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("AKIA1"), "{printed}");
        let error = from_figment::<NoConfig>(given(&[("s3", serde_json::json!({"secret": "hunter2"}))])).unwrap_err().to_string();
        assert!(error.contains("s3") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn every_common_key_is_listed() {
        let (common, _) = from_figment::<NoConfig>(given(&[])).unwrap();
        let printed = format!("{common:#?}");
        let fields = printed.lines().filter_map(|line| {
            let (field, _) = line.strip_prefix("    ")?.split_once(": ")?;
            (!field.starts_with(' ')).then_some(field)
        });
        assert_eq!(fields.collect::<BTreeSet<_>>(), COMMON_KEYS.iter().copied().collect::<BTreeSet<_>>());
    }
}
