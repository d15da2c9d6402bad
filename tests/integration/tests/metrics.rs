//! How Portico is seen from outside: metrics, alerts, dashboard (K26, K27, K28, K29, K31). Needs Prometheus: `./test metrics` installs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use portico_integration_tests::load::Crowd;
use portico_integration_tests::plan::Plan;
use portico_integration_tests::prometheus::promtool;
use portico_integration_tests::{BACKENDS, Prometheus, World, wait};
use reqwest::Method;
use serde_json::Value;

/// Series of a service (a histogram is one), after whatever ran on this stack before: room for each route with each of its answers, far
/// fewer than one for each request, person or ticket would make.
const MOST_SERIES: usize = 1_200;
/// Series that a second round may add: answers that only a busy moment brings. A round has over a hundred requests.
const MOST_NEW: usize = 7;
/// Selectors that match only when something fails.
const ONLY_FAILURES: [&str; 2] = ["error_type!=\"\"", "\"5..\""];

/// Who shows what.
fn expected() -> Vec<(&'static str, Vec<&'static str>)> {
    let all = [&["gateway"][..], &BACKENDS].concat();
    let followers = all.clone();
    vec![
        ("http_server_request_duration_seconds_count", vec!["gateway"]),
        ("rpc_server_call_duration_seconds_count", BACKENDS.to_vec()),
        ("portico_ready", all.clone()),
        ("portico_shed_total", all.clone()),
        ("portico_mailbox_depth", all.clone()),
        ("portico_mailbox_capacity", all.clone()),
        ("process_cpu_seconds_total", all.clone()),
        ("process_resident_memory_bytes", all.clone()),
        ("process_open_fds", all.clone()),
        ("process_start_time_seconds", all),
        ("portico_db_connections", BACKENDS.to_vec()),
        ("portico_relay_backlog", BACKENDS.to_vec()),
        ("portico_relay_age_seconds", BACKENDS.to_vec()),
        ("portico_broker_drift", BACKENDS.to_vec()),
        ("portico_inbox_lag", followers.clone()),
        ("portico_inbox_healed_total", followers.clone()),
        ("portico_inbox_duplicates_total", followers),
        ("portico_inbox_parked", BACKENDS.to_vec()),
        ("portico_inbox_stopped", BACKENDS.to_vec()),
        ("portico_timer_overdue_seconds", BACKENDS.to_vec()),
        ("portico_timer_lateness_seconds_count", vec!["tickets"]),
        ("portico_keeper_age_seconds", vec!["tickets", "knowledge", "community"]),
        ("portico_notifier_delay_seconds_count", vec!["notifier"]),
        ("portico_notifier_oldest_due_seconds", vec!["notifier"]),
        ("portico_notifier_oldest_pending_seconds", vec!["notifier"]),
        ("portico_notifier_deliveries_total", vec!["notifier"]),
        ("portico_notifier_unknown_notices_total", vec!["notifier"]),
    ]
}

/// K26, K27, K29: what the services show is clean, whole, bounded and without ids; each query of the dashboard and each rule finds something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_is_sound_and_bounded_and_fills_dashboard_and_rules() {
    let world = World::shared().await;
    let rules = read("deploy/monitoring/alerts.yaml");
    let prometheus = Prometheus::watch(&world, &rules).await;
    // The same plan twice: what the second round does the first one has done.
    let plan = Plan::from_env();
    let mut portals = vec![round(&world, plan).await];
    wait::until("timers of the first round to have been seen", async || {
        let fired = prometheus.values("sum(portico_timer_lateness_seconds_count) > 0").await;
        (!fired.is_empty()).then_some(())
    })
    .await;
    let before = series(&world).await;
    portals.push(round(&world, plan).await);
    let after = series(&world).await;
    let new: Vec<&String> = after.difference(&before).collect();
    assert!(new.len() <= MOST_NEW, "a second portal brought {} new series: {new:#?}", new.len());
    let ids = [portals[0].as_str(), portals[1].as_str(), "@", "MADEUP"];
    let told: Vec<&String> = after.iter().filter(|one| ids.iter().any(|id| one.contains(id)) || has_uuid(one)).collect();
    assert!(told.is_empty(), "labels tell who or what: {told:#?}");

    let texts = texts(&world).await;
    for (service, text) in &texts {
        let checked = promtool(&root(), &["check", "metrics"], text);
        let said = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
        assert!(checked.status.success() && said.trim().is_empty(), "{service}: {said}");
        let series = series_in(text).len();
        assert!(series <= MOST_SERIES, "{service} shows {series} series");
    }
    for (name, services) in expected() {
        for service in services {
            let shows = texts[service].lines().any(|line| line.split(['{', ' ']).next() == Some(name));
            assert!(shows, "{service} does not show {name}");
        }
    }
    every_metric_is_described(&texts);
    rules_find_something(&prometheus, &rules).await;
    for (panel, query) in queries(&serde_json::from_str(&read("deploy/monitoring/dashboard.json")).unwrap()) {
        let expression = query.replace("$job", "portico-.*").replace("$__rate_interval", "5m");
        wait::until(&format!("\"{panel}\" to have data: {expression}"), async || {
            (!prometheus.values(&expression).await.is_empty()).then_some(())
        })
        .await;
    }
}

/// What a service shows of its own has a row in the runbooks ("What there is to look at"), where a name may be cut to how it ends.
fn every_metric_is_described(texts: &BTreeMap<String, String>) {
    let runbooks = read("docs/RUNBOOKS.md");
    let mut described = BTreeSet::new();
    for row in runbooks.lines().filter(|line| line.starts_with("| `")) {
        let named: Vec<&str> = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        described.extend(named.iter().map(|name| match name.strip_prefix('_') {
            Some(_) => format!("{}{name}", named[0].trim_end_matches("_depth")),
            None => (*name).to_owned(),
        }));
    }
    let types = texts.values().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let undescribed: BTreeSet<&str> = types
        .filter(|name| name.starts_with("portico_") || name.starts_with("process_"))
        .filter(|name| !described.contains(*name))
        .collect();
    assert!(undescribed.is_empty(), "docs/RUNBOOKS.md says nothing of {undescribed:?}");
}

/// Some seconds of everything that people do, in a portal of their own, and what nobody does; returns the portal's name.
async fn round(world: &World, plan: Plan) -> String {
    let crowd = Crowd::gather(world, plan).await;
    crowd.during(20, tokio::time::sleep(Duration::from_secs(8))).await;
    let slug = &crowd.camps[0].slug;
    let guest = world.guest(slug);
    guest.send(guest.request(Method::from_bytes(b"MADEUP").unwrap(), "tickets")).await;
    guest.get("/MADEUP/path").await;
    slug.clone()
}

/// Every rule is evaluated without an error, and every metric and selector in it exists.
async fn rules_find_something(prometheus: &Prometheus, text: &str) {
    let rules = wait::until("all rules to be evaluated", async || {
        let rules = prometheus.rules().await;
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    })
    .await;
    assert!(rules.len() > 40, "{} rules", rules.len());
    for rule in &rules {
        assert_eq!((rule["health"].as_str(), rule["lastError"].as_str().unwrap_or_default()), (Some("ok"), ""), "{rule:#}");
    }
    let names = prometheus.names().await;
    let used =
        words(text).filter(|word| word.starts_with("portico_") || word.ends_with("_seconds_count") || word.ends_with("_seconds_bucket"));
    let unknown: BTreeSet<&str> = used.filter(|word| !names.contains(*word)).collect();
    assert!(unknown.is_empty(), "nobody shows {unknown:?}");
    for selector in selectors(text) {
        if !ONLY_FAILURES.iter().any(|failure| selector.contains(failure)) {
            let count = format!("count({selector})");
            wait::until(&format!("{selector} to match something"), async || (!prometheus.values(&count).await.is_empty()).then_some(()))
                .await;
        }
    }
}

/// K28, K31: each alert has a severity, a summary and a section in the runbooks; each fires and keeps silent in a test of promtool's.
#[test]
fn every_alert_is_tried_and_leads_to_its_runbook() {
    let folder = root().join("deploy/monitoring");
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]] {
        let output = promtool(&folder, &arguments, "");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
    let (rules, tests, runbooks) =
        (read("deploy/monitoring/alerts.yaml"), read("deploy/monitoring/alerts_test.yaml"), read("docs/RUNBOOKS.md"));
    let mut alerts = 0;
    for block in rules.split("- alert: ").skip(1) {
        let name = block.lines().next().unwrap().trim();
        alerts += 1;
        assert!(["critical", "warning"].iter().any(|severity| block.contains(&format!("severity: {severity}"))), "{name}");
        assert!(block.contains("summary: "), "{name}");
        assert!(block.contains(&format!("runbook_url: docs/RUNBOOKS.md#{}\n", name.to_lowercase())), "{name}");
        let section = runbooks.split(&format!("### {name}\n")).nth(1).unwrap_or_else(|| panic!("docs/RUNBOOKS.md has no section {name}"));
        let section = section.split("\n### ").next().unwrap();
        assert!(["**Means:**", "**Look at:**", "**Do:**"].iter().all(|part| section.contains(part)), "{name}");
        assert!(tests.contains(&format!("alertname: {name}\n        exp_alerts:\n          - exp_labels:")), "{name} is seen to fire");
        assert!(tests.contains(&format!("alertname: {name}, exp_alerts: []")), "{name} is seen to keep silent");
    }
    let sections = runbooks.lines().filter(|line| line.starts_with("### ")).count();
    assert!(alerts > 15 && sections == alerts, "{alerts} alerts, {sections} sections");
}

// --- reading ---------------------------------------------------------------------------------------------------------------------------

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// What each service shows now.
async fn texts(world: &World) -> BTreeMap<String, String> {
    let http = world.guest("").http().clone();
    let mut texts = BTreeMap::new();
    for (service, url) in world.status()["operations"].as_object().unwrap() {
        let text = http.get(format!("{}/metrics", url.as_str().unwrap())).send().await.unwrap().text().await.unwrap();
        texts.insert(service.clone(), text);
    }
    texts
}

/// All series of all services.
async fn series(world: &World) -> BTreeSet<String> {
    let texts = texts(world).await;
    texts.iter().flat_map(|(service, text)| series_in(text).into_iter().map(move |one| format!("{service} {one}"))).collect()
}

/// The series in what a service shows; a histogram's buckets, sum and count are one.
fn series_in(text: &str) -> BTreeSet<String> {
    let values = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("target_info"));
    values.map(|line| line.rsplit_once(' ').unwrap().0.split(",le=\"").next().unwrap()).map(without_part).collect()
}

/// A series without what tells the lines of one histogram apart.
fn without_part(series: &str) -> String {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let whole = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
    format!("{whole}{{{}", labels.trim_end_matches('}'))
}

/// Whether a label holds a UUID: four dashes between runs of 8, 4, 4, 4 and 12 hexadecimal digits.
fn has_uuid(text: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-').any(|word| {
        let runs: Vec<usize> = word.split('-').map(str::len).collect();
        runs == [8, 4, 4, 4, 12]
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| {
            !line.contains("record: ") && !line.trim_start().starts_with('#') && !line.contains("runbook_url") && !line.contains("summary")
        })
        .flat_map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':'))
}

/// `metric{…}` wherever it stands in an expression.
fn selectors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.contains("labels: ") && !line.contains("summary: ")) {
        for (at, _) in line.match_indices('{') {
            let before = &line[..at];
            let name = before.rsplit(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':').next().unwrap();
            if let Some(end) = line[at..].find('}')
                && !name.is_empty()
            {
                found.insert(format!("{name}{}", &line[at..=at + end]));
            }
        }
    }
    found
}

/// The dashboard's queries with their panels' titles.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push((panel["title"].as_str().unwrap().to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    assert!(queries.len() > 30, "{} queries", queries.len());
    queries
}

#[test]
fn the_readers_of_this_test_read() {
    let text = "expr: sum(rate(a_total{x=\"1\",y!~\"2\"}[5m])) / b{z=\"3\"} > 1\n";
    assert_eq!(selectors(text), BTreeSet::from(["a_total{x=\"1\",y!~\"2\"}".to_owned(), "b{z=\"3\"}".to_owned()]));
    let lines =
        "a_bucket{b=\"1\",le=\"2\"} 3\na_bucket{b=\"1\",le=\"+Inf\"} 4\na_sum{b=\"1\"} 5\na_count{b=\"1\"} 4\na_count{b=\"2\"} 1\nc 7\n";
    assert_eq!(series_in(lines), BTreeSet::from(["a{b=\"1\"", "a{b=\"2\"", "c{"].map(str::to_owned)));
    assert!(has_uuid("a{b=\"01a209bc-5dfb-72d6-8845-363c6f61cd63\"}") && !has_uuid("a{b=\"2026-11-23\"}"));
}
