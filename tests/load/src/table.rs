//! The run as a file, as a table for docs/PERFORMANCE.md, and as lines at the terminal.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::measure::Figures;
use crate::row::{Row, number, words};
use crate::spans::StepTime;

/// The figures that a cell of the table shows, in this order; the file has all.
const SHOWN: [&str; 4] = ["per_second", "p50_ms", "p95_ms", "p99_ms"];

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it began, RFC 3339.
    pub at: String,
    /// What texts and questions were drawn from.
    pub seed: u64,
    /// Processors.
    pub cores: usize,
    /// Measured seconds of each cell.
    pub seconds: u64,
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the time of single requests goes; empty when that was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explained: Vec<Explained>,
}

/// Where the time of requests of one kind goes, when nobody else asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// What was asked.
    pub request: String,
    /// How often.
    pub requests: usize,
    /// The median of what the sender saw, in milliseconds.
    pub took_ms: f64,
    /// The steps, in the order in which they begin.
    pub steps: Vec<StepTime>,
}

impl Run {
    /// Reads a run.
    ///
    /// # Errors
    /// When the file is none.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is no run", path.display()))
    }

    /// Writes `load.json` into a folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let path = folder.join("load.json");
        std::fs::write(&path, serde_json::to_vec_pretty(self)?).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut lines = vec![
            format!("Run of {}: {} cores, seed {}, {} s a cell.", self.at, self.cores, self.seed, self.seconds),
            String::new(),
            "| row | what | target | reached | bare limit | of it | met |".to_owned(),
            "| --- | --- | --- | --- | --- | --- | --- |".to_owned(),
        ];
        lines.extend(self.rows.iter().map(line));
        if self.rows.is_empty() {
            lines.truncate(1);
        }
        lines.extend(self.explained.iter().flat_map(Explained::lines));
        lines.join("\n")
    }
}

impl Explained {
    /// A table in Markdown.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            String::new(),
            format!(
                "**{}**: {} ms for its sender; medians of {} requests, one after the other.",
                self.request, self.took_ms, self.requests
            ),
            String::new(),
            "| step | where | begins after | takes | of it itself | times |".to_owned(),
            "| --- | --- | --- | --- | --- | --- |".to_owned(),
        ];
        lines.extend(self.steps.iter().map(|step| {
            let StepTime { what, service, after_ms, took_ms, own_ms, times } = step;
            format!("| {} | {service} | {after_ms} ms | {took_ms} ms | {own_ms} ms | {times} |", what.replace('|', "\\|"))
        }));
        lines
    }
}

/// A row as a line of the table.
fn line(row: &Row) -> String {
    let bare = row.bare.as_ref().map(cell).unwrap_or_default();
    let ratio = row.ratio.map(|ratio| format!("{:.0} %", ratio * 100.0)).unwrap_or_default();
    let met = match (row.target.is_empty(), row.ok) {
        (true, true) => "",
        (_, true) => "yes",
        (_, false) => "**no**",
    };
    let what = if row.note.is_empty() { row.what.clone() } else { format!("{} ({})", row.what, row.note) };
    let columns = [format!("`{}`", row.name), what, row.target.clone(), cell(&row.reached), bare, ratio, met.to_owned()];
    format!("| {} |", columns.map(|column| column.replace('|', "\\|")).join(" | "))
}

/// Figures in a cell: the usual ones first, the others by name.
fn cell(figures: &Figures) -> String {
    let usual = SHOWN.iter().filter_map(|name| figures.get_key_value(*name));
    let others = figures.iter().filter(|(name, _)| !SHOWN.contains(&name.as_str()));
    usual.chain(others).map(|(name, value)| shown(name, *value)).collect::<Vec<_>>().join(", ")
}

fn shown(name: &str, value: f64) -> String {
    let value = number(value);
    match name {
        "per_second" => format!("{value}/s"),
        _ => match name.strip_suffix("_ms") {
            Some(name) => format!("{} {value} ms", words(name)),
            None => format!("{} {value}", words(name)),
        },
    }
}

/// A row as a line at the terminal.
pub fn brief(row: &Row) -> String {
    let mark = if row.ok { "✓" } else { "✗" };
    let bare = row.ratio.map(|ratio| format!(", {:.0} % of the bare limit", ratio * 100.0)).unwrap_or_default();
    let target = if row.target.is_empty() { String::new() } else { format!(" [{}]", row.target) };
    format!("{mark} {:<28} {}{bare}{target}", row.name, cell(&row.reached))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn run() -> Run {
        let mut row = Row::new("list", "list, 25 rows | JSON").figure("per_second", 3120.4).figure("p99_ms", 12.34);
        row.reached.insert("refused".to_owned(), 2.0);
        row.bare = Some(BTreeMap::from([("per_second".to_owned(), 6000.0)]));
        row.ratio = Some(0.52);
        let row = row.at_least("per_second", 3000.0);
        let information = Row::new("sign_in", "sign in").figure("per_second", 29.6);
        Run { at: "2026-11-23T10:00:00Z".into(), seed: 42, cores: 2, seconds: 8, rows: vec![row, information], explained: Vec::new() }
    }

    #[test]
    fn a_run_becomes_a_table() {
        let expected = "| `list` | list, 25 rows \\| JSON | per second ≥ 3,000 | 3,120/s, p99 12.3 ms, refused 2 | 6,000/s | 52 % | yes |\n\
                        | `sign_in` | sign in |  | 29.6/s |  |  |  |";
        let table = run().markdown();
        assert!(table.ends_with(expected), "{table}");
        assert!(table.starts_with("Run of 2026-11-23T10:00:00Z: 2 cores, seed 42, 8 s a cell.\n\n| row | what | target |"));
    }

    #[test]
    fn single_requests_follow_the_table() {
        let step = StepTime {
            what: "COMMIT journal, asked".into(),
            service: "tickets".into(),
            after_ms: 1.5,
            took_ms: 2.0,
            own_ms: 2.0,
            times: 1.0,
        };
        let explained = vec![Explained { request: "create".into(), requests: 200, took_ms: 4.2, steps: vec![step] }];
        let table = Run { explained: explained.clone(), ..run() }.markdown();
        let expected = "**create**: 4.2 ms for its sender; medians of 200 requests, one after the other.\n\n\
                        | step | where | begins after | takes | of it itself | times |\n\
                        | --- | --- | --- | --- | --- | --- |\n\
                        | COMMIT journal, asked | tickets | 1.5 ms | 2 ms | 2 ms | 1 |";
        assert!(table.ends_with(expected) && table.contains("| `sign_in` |"), "{table}");
        assert!(!Run { explained, rows: Vec::new(), ..run() }.markdown().contains("bare limit"), "no table without rows");
    }

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        run().write(folder.path()).unwrap();
        assert_eq!(Run::read(&folder.path().join("load.json")).unwrap(), run());
        std::fs::write(folder.path().join("load.json"), "{}").unwrap();
        assert!(Run::read(&folder.path().join("load.json")).is_err());
    }
}
