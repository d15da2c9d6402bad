//! A real Prometheus that looks at a stack, and promtool. Both come from the folder `PORTICO_TEST_PROMETHEUS`, which `./test` sets, or from the path.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::stack::World;
use crate::wait;

/// Prometheus, running; ended when it is dropped.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    address: String,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Looks at every service of a stack every two seconds, as job `portico-<service>`, and evaluates these rules every second.
    pub async fn watch(world: &World, rules: &str) -> Self {
        portico_chassis::run::install_tls();
        let folder = tempfile::Builder::new().prefix("portico-prometheus-").tempdir().expect("a folder");
        // Faster than in earnest: the test is over before the rules' own interval is.
        let quick = rules.replace("interval: 30s", "interval: 1s");
        std::fs::write(folder.path().join("rules.yml"), quick).expect("the rules are written");
        let configuration = folder.path().join("prometheus.yml");
        std::fs::write(&configuration, configuration_for(world)).expect("the configuration is written");
        let address = free_address();
        let process = Command::new(program("prometheus"))
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus starts (Debian package `prometheus`)");
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let prometheus = Self { process, address, http, _folder: folder };
        wait::until("Prometheus to be ready", async || {
            let ready = prometheus.http.get(prometheus.url("/-/ready")).send().await;
            ready.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        prometheus
    }

    /// The values that an expression has now, without those that are no numbers.
    pub async fn values(&self, expression: &str) -> Vec<f64> {
        let found = self.ask("/api/v1/query", &[("query", expression)]).await;
        let samples = found["result"].as_array().cloned().unwrap_or_default();
        let values = samples.iter().filter_map(|sample| sample["value"][1].as_str()?.parse::<f64>().ok());
        values.filter(|value| value.is_finite()).collect()
    }

    /// All rules, as Prometheus tells them: `name`, `query`, `health`, `lastError`, …
    pub async fn rules(&self) -> Vec<Value> {
        let groups = self.ask("/api/v1/rules", &[]).await;
        groups["groups"].as_array().into_iter().flatten().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect()
    }

    /// The names of all metrics that were seen.
    pub async fn names(&self) -> BTreeSet<String> {
        let names = self.ask("/api/v1/label/__name__/values", &[]).await;
        names.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let answer = self.http.get(self.url(path)).query(query).send().await.expect("Prometheus answers");
        let text = answer.text().await.expect("the answer is read");
        let body: Value = serde_json::from_str(&text).expect("the answer is JSON");
        assert_eq!(body["status"], "success", "{path} {query:?}: {text}");
        body["data"].clone()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It is gone already when it can't be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs promtool in a folder, with `input` as its standard input.
pub fn promtool(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut tool = Command::new(program("promtool"));
    tool.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = tool.spawn().expect("promtool starts (Debian package `prometheus`)");
    let mut stdin = process.stdin.take().expect("a standard input");
    let input = input.to_owned();
    // Aside: it may write before it has read all.
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = process.wait_with_output().expect("promtool ends");
    // It may end without reading all when the beginning is wrong.
    let _ = writing.join().expect("no panic while writing");
    output
}

fn program(name: &str) -> PathBuf {
    std::env::var_os("PORTICO_TEST_PROMETHEUS").map_or_else(|| PathBuf::from(name), |folder| Path::new(&folder).join(name))
}

fn configuration_for(world: &World) -> String {
    let mut text =
        "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n".to_owned();
    let status = world.status();
    for (service, url) in status["operations"].as_object().expect("the status has operations") {
        let target = url.as_str().and_then(|url| url.strip_prefix("http://")).expect("an address");
        text.push_str(&format!("  - {{job_name: portico-{service}, static_configs: [{{targets: [\"{target}\"]}}]}}\n"));
    }
    text
}

/// An address that is free at this moment.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}
