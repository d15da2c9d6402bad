//! A service as a process: wrong configuration, signals, a vital task that breaks (F31, I17). The child is this test binary itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Count, MIGRATOR};
use portico_chassis::config::NoConfig;
use portico_chassis::foundation::Foundation;
use portico_chassis::run::{self, Boot, Phase, Running};
use portico_chassis::testing::Stage;
use portico_chassis::{events, grpc, operations};

/// Set for the child: what it is to do besides serving.
const CHILD: &str = "PORTICO_TEST_CHILD";

async fn start(boot: Boot<NoConfig>) -> anyhow::Result<Running> {
    let foundation: Foundation<Count> = Foundation::lay(&boot, &MIGRATOR).await?;
    let server = grpc::Server::new(events::PERMISSIONS).add(events::service("tickets", &foundation.db));
    let (grpc, operations) = (server.serve(&boot).await?, operations::serve(&boot).await?);
    match std::env::var(CHILD).unwrap().as_str() {
        "panic" => boot.tasks.spawn_vital(Phase::Serve, "patient", |_| async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            panic!("the test asked for it");
        }),
        "talk" => boot.tasks.spawn(Phase::Intake, "talk", |stop| async move {
            while !stop.is_cancelled() {
                tracing::debug!(target: "talk", "talks");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }),
        "hang" => boot.tasks.spawn(Phase::Intake, "stuck", |_| std::future::pending()),
        _ => {}
    }
    Ok(Running { grpc: Some(grpc), http: None, operations: Some(operations), tasks: boot.tasks, readiness: boot.readiness })
}

/// No test of its own: the main function of the child.
#[test]
fn child() {
    if std::env::var(CHILD).is_err() {
        return;
    }
    let code = format!("{:?}", run::main("tickets", start));
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    std::process::exit(digits.parse().unwrap());
}

struct Configured {
    stage: Stage,
    variables: Vec<(&'static str, String)>,
}

impl Configured {
    async fn new() -> Self {
        let mut stage = Stage::new().await;
        let url = stage.database("tickets").await;
        let nats = std::env::var("PORTICO_TEST_NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:54222".into());
        let variables = vec![
            ("PORTICO_DATABASE_URL", url.expose().to_owned()),
            ("PORTICO_NATS_URL", nats),
            ("PORTICO_NATS_PREFIX", format!("{}_", stage.name)),
            ("PORTICO_KEYS_DIR", stage.path("keys").display().to_string()),
            ("PORTICO_SECRET_FILE", stage.path("secret").display().to_string()),
            ("PORTICO_DRAIN_SECONDS", "0".into()),
        ];
        Self { stage, variables }
    }

    /// The child with these variables in place of the good ones.
    fn spawn(&self, does: &str, other: &[(&str, &str)]) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PORTICO_")) {
            command.env_remove(name);
        }
        command
            .args(["--exact", "life::child", "--nocapture"])
            .env(CHILD, does)
            .envs(self.variables.iter().cloned())
            .envs(other.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Waits for the line that says that the service runs; the rest is read so that nobody blocks.
fn started(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("\"started\"")), "it never started");
    std::thread::spawn(move || lines.for_each(drop));
}

fn terminate(child: &Child) {
    send(child, "-TERM");
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_process_in_order_and_in_time_whatever_hangs() {
    let configured = Configured::new().await;
    for (does, longest) in [("serve", 10), ("hang", 29)] {
        let mut child = configured.spawn(does, &[]);
        started(&mut child);
        let told = Instant::now();
        terminate(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{does}");
        assert!(told.elapsed() < Duration::from_secs(longest), "{does} took {:?}", told.elapsed());
    }
    configured.stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vital_task_that_panics_ends_the_process_so_that_it_is_started_again() {
    let configured = Configured::new().await;
    let mut child = configured.spawn("panic", &[]);
    started(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(70));
    configured.stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_ends_the_start_at_once_and_is_named_but_not_shown() {
    let configured = Configured::new().await;
    for (variable, value, key) in [
        ("PORTICO_DATABASE_URL", "hunter2", "database_url"),
        ("PORTICO_DATABASE_CONNECTIONS", "0", "database_connections"),
        ("PORTICO_NATS_URL", "::hunter2", "nats_url"),
        ("PORTICO_NATS_PREFIX", "hunter2.>", "nats_prefix"),
        ("PORTICO_PEERS__IDENTITY", "hunter2", "peers.identity"),
        ("PORTICO_PEERS__IDENTITY", " , ", "peers.identity"),
        ("PORTICO_KEYS_DIR", "/nowhere", "keys_dir"),
        ("PORTICO_SECRET_FILE", "/nowhere", "secret_file"),
        ("PORTICO_OPERATOR_TOKEN_FILE", "/nowhere", "operator_token_file"),
        ("PORTICO_BLOBS", "hunter2", "blobs"),
        ("PORTICO_PUBLIC_URL", "hunter2", "public_url"),
        ("PORTICO_LOG", "a=b=hunter2", "log"),
        ("PORTICO_OTLP_ENDPOINT", "hunter2", "otlp_endpoint"),
        ("PORTICO_DRAIN_SECONDS", "11", "drain_seconds"),
        ("PORTICO_LIMIT_FACTOR", "0", "limit_factor"),
        ("PORTICO_REPLICA", " ", "replica"),
        ("PORTICO_GRPC_LISTEN", "hunter2", "grpc_listen"),
        ("PORTICO_DATABSE_URL", "hunter2", "databse_url"),
    ] {
        let begun = Instant::now();
        let mut child = configured.spawn("serve", &[(variable, value)]);
        let code = child.wait().unwrap().code();
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert_eq!(code, Some(1), "{variable}: {complaint}");
        // It takes less than two seconds; the rest is for a busy machine.
        assert!(begun.elapsed() < Duration::from_secs(10), "{variable} took {:?}", begun.elapsed());
        assert!(complaint.contains(key) && !complaint.contains("hunter2"), "{variable}: {complaint}");
    }
    configured.stage.clear().await;
}

/// The lines of a log up to one with this text.
fn up_to(lines: &mut impl Iterator<Item = String>, text: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for line in lines {
        seen.push(line);
        if seen.last().is_some_and(|line| line.contains(text)) {
            return seen;
        }
    }
    panic!("no line with {text} in {seen:?}")
}

/// K30: SIGHUP reads the log's filter again; one that is none changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_logs_filter_changes_while_the_service_runs() {
    let configured = Configured::new().await;
    let file = configured.stage.path("portico.toml");
    let filter = |text: &str| std::fs::write(&file, format!("log = \"{text}\"\n")).unwrap();
    filter("info");
    let mut child = configured.spawn("talk", &[("PORTICO_CONFIG", file.to_str().unwrap())]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let talks = |lines: &[String]| lines.iter().any(|line| line.contains("\"talks\""));
    assert!(!talks(&up_to(&mut lines, "\"started\"")));
    for (text, answer) in [("info,talk=debug", "was read again"), ("a=b=hunter2", "stays as it was")] {
        filter(text);
        send(&child, "-HUP");
        let said = up_to(&mut lines, answer);
        assert!(!said.iter().any(|line| line.contains("hunter2")), "{said:?}");
        up_to(&mut lines, "\"talks\"");
    }
    filter("info");
    send(&child, "-HUP");
    up_to(&mut lines, "was read again");
    terminate(&child);
    assert!(!talks(&up_to(&mut lines, "\"stopping\"")), "silent again");
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    configured.stage.clear().await;
}
