//! A service that is told something wrong ends at once, names the key and prints no secret (F31). One wrong value at a time, each program itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::timeout;

use crate::stack::programs;

/// No wrong value may take longer to be refused.
const AT_ONCE: Duration = Duration::from_secs(2);
/// What must appear nowhere: it is part of every value that may be a secret.
const SECRET: &str = "hunter2";

const BACKENDS: &[&str] = &crate::BACKENDS;
const ALL: &[&str] = &crate::SERVICES;

/// A wrong value, or none where the key is missing, and the services that it is wrong for.
type Case = (&'static [&'static str], &'static str, Option<&'static str>);

const CASES: &[Case] = &[
    (ALL, "log", Some("portico=hunter2=verbose")),
    (ALL, "log_format", Some("hunter2")),
    (ALL, "otlp_endpoint", Some("hunter2:4317")),
    (ALL, "public_url", Some("support.example.com/hunter2")),
    (ALL, "public_url", Some("https://support.example.com/")),
    (ALL, "peers.identity", Some("hunter2")),
    (ALL, "peers.tickets", Some(" , ")),
    (ALL, "nats_url", Some("http://user:hunter2@[")),
    (ALL, "nats_url", None),
    (ALL, "nats_prefix", Some("a.hunter2")),
    (ALL, "nats_replicas", Some("2")),
    (ALL, "drain_seconds", Some("3600")),
    (ALL, "drain_seconds", Some("hunter2")),
    (ALL, "limit_factor", Some("0")),
    (ALL, "development", Some("hunter2")),
    (ALL, "replica", Some(" ")),
    (ALL, "keys_dir", Some("/nowhere/keys")),
    (ALL, "keys_dir", None),
    (ALL, "secret_file", Some("/nowhere/secret")),
    (ALL, "secret_file", None),
    (ALL, "operator_token_file", Some("/nowhere/token")),
    (ALL, "operations_listen", Some("hunter2")),
    (ALL, "databse_url", Some("postgres://tickets:hunter2@127.0.0.1/tickets")),
    (BACKENDS, "grpc_listen", Some("127.0.0.1")),
    (BACKENDS, "database_url", Some("mysql://tickets:hunter2@127.0.0.1:notaport/tickets")),
    (BACKENDS, "database_url", None),
    (BACKENDS, "database_connections", Some("0")),
    (BACKENDS, "database_connections", Some("many")),
    (&["tickets", "knowledge", "community", "notifier", "gateway"], "blobs", Some("ftp://user:hunter2@host/files")),
    (&["tickets", "knowledge", "community", "notifier", "gateway"], "blobs", None),
    (&["tickets", "gateway"], "s3.secret", Some("hunter2")),
    (&["tickets"], "scanner", Some("hunter2")),
    (&["knowledge"], "index_dir", None),
    (&["notifier"], "smtp_url", Some("smtp://user:hunter2@127.0.0.1:25")),
    (&["notifier"], "smtp_url", None),
    (&["notifier"], "smtp_username", Some("hunter2")),
    (&["notifier"], "smtp_ca_file", Some("/nowhere/ca.pem")),
    (&["notifier"], "mail_domain", Some("hunter2 @")),
    (&["gateway"], "http_listen", Some("hunter2")),
    (&["gateway"], "http_listener_on_stdin", Some("true")),
    (&["gateway"], "trusted_proxies", Some("10.0.0.0/8, hunter2")),
    (&["gateway"], "origins", Some("file:///hunter2")),
    (&["gateway"], "max_in_flight", Some("-1")),
    (&["gateway"], "previous_secret_files", Some("/nowhere/old")),
];

/// What every service is told when all is well, but that database and broker are nowhere: whoever asks them first waits.
fn right(folder: &Path, service: &str) -> BTreeMap<String, String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut given: BTreeMap<String, String> = [
        ("nats_url", "nats://127.0.0.1:1".to_owned()),
        ("blobs", format!("file://{}", path("blobs"))),
        ("keys_dir", path("keys")),
        ("secret_file", path("secret")),
        ("operator_token_file", path("secret")),
        ("public_url", "http://127.0.0.1:8080".to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    if service != "gateway" {
        given.insert("database_url".into(), format!("postgres://{service}:{SECRET}@127.0.0.1:1/{service}"));
    }
    match service {
        "gateway" => given.insert("http_listen".into(), "127.0.0.1:0".into()),
        "knowledge" => given.insert("index_dir".into(), path("index")),
        "notifier" => given.insert("smtp_url".into(), "smtp://127.0.0.1:1".into()),
        _ => None,
    };
    for peer in BACKENDS.iter().filter(|peer| **peer != service) {
        given.insert(format!("peers.{peer}"), "http://127.0.0.1:1".into());
    }
    given
}

/// Starts a service and returns its exit code with everything that it said; none when it was still there after two seconds.
async fn start(service: &str, given: &BTreeMap<String, String>) -> Option<(i32, String)> {
    let variables = given.iter().map(|(key, value)| (format!("PORTICO_{}", key.to_uppercase().replace('.', "__")), value));
    let mut command = Command::new(programs().join(format!("portico-{service}")));
    command.env_clear().envs(variables).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = timeout(AT_ONCE, command.spawn().unwrap().wait_with_output()).await.ok()?.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.code().unwrap_or(-1), said))
}

/// Keys and a secret, as every service is given them.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    portico_chassis::auth::Keys::write_missing(&folder.path().join("keys"), ALL).unwrap();
    std::fs::write(folder.path().join("secret"), format!("{SECRET}-{}", "x".repeat(40))).unwrap();
    folder
}

/// Starts services with each wrong value; what went otherwise than it should, and how many were started.
pub async fn wrong_starts() -> (Vec<String>, usize) {
    let folder = folder();
    let (mut wrong, mut all) = (Vec::new(), 0);
    for (services, key, value) in CASES {
        for service in *services {
            let mut given = right(folder.path(), service);
            if *key == format!("peers.{service}") {
                continue;
            }
            match value {
                Some(value) => given.insert((*key).to_owned(), (*value).to_owned()),
                None => given.remove(*key),
            };
            let begun = Instant::now();
            let told = start(service, &given).await;
            all += 1;
            let shown = format!("{service} with {key} = {value:?}: {told:?} after {:?}", begun.elapsed());
            match told {
                None => wrong.push(format!("goes on: {shown}")),
                Some((code, _)) if code != 1 => wrong.push(format!("another exit code: {shown}")),
                Some((_, said)) if !said.contains(key) => wrong.push(format!("does not name the key: {shown}")),
                Some((_, said)) if said.contains(SECRET) => wrong.push(format!("prints a secret: {shown}")),
                Some(_) => {}
            }
        }
    }
    (wrong, all)
}

/// Starts every service with right values and no database: whoever ends was not refused for a wrong value's sake.
pub async fn ended_with_right_values() -> Vec<String> {
    let folder = folder();
    let mut ended = Vec::new();
    for service in ALL {
        let told = start(service, &right(folder.path(), service)).await;
        ended.extend(told.map(|told| format!("{service}: {told:?}")));
    }
    ended
}
