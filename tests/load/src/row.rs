//! A row of the table: what was wanted, what was reached, and the bare limit of the same run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::{Figures, Tally, rounded};

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// A short name, the same in every run.
    pub name: String,
    /// What was measured.
    pub what: String,
    /// What was wanted; empty: nothing, the row is for information.
    pub target: String,
    /// What was reached, by figure.
    pub reached: Figures,
    /// The same of the bare limit.
    pub bare: Option<Figures>,
    /// The product's throughput as a part of the bare limit's.
    pub ratio: Option<f64>,
    /// Whether every target was met.
    pub ok: bool,
    /// What else is to be known.
    pub note: String,
    /// Whether targets are left out: the row was not measured in the way that they are about.
    #[serde(skip)]
    untargeted: bool,
}

impl Row {
    /// A row without figures.
    pub fn new(name: &str, what: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            what: what.into(),
            target: String::new(),
            reached: BTreeMap::new(),
            bare: None,
            ratio: None,
            ok: true,
            note: String::new(),
            untargeted: false,
        }
    }

    /// Leaves out every target that follows.
    #[must_use]
    pub fn for_information(mut self, yes: bool) -> Self {
        self.untargeted = yes;
        self
    }

    /// The figures of a loop. What failed is never good.
    #[must_use]
    pub fn tally(mut self, tally: &Tally) -> Self {
        self.ok &= tally.failed == 0 && tally.latencies.count() > 0;
        self.reached.extend(tally.figures());
        self
    }

    /// One more figure.
    #[must_use]
    pub fn figure(mut self, name: &str, value: f64) -> Self {
        self.reached.insert(name.to_owned(), rounded(value));
        self
    }

    /// A figure must reach this.
    #[must_use]
    pub fn at_least(self, name: &str, wanted: f64) -> Self {
        let met = self.reached.get(name).is_some_and(|reached| *reached >= wanted);
        self.wanted(&format!("{} ≥ {}", words(name), number(wanted)), met)
    }

    /// A figure must not pass this.
    #[must_use]
    pub fn at_most(self, name: &str, wanted: f64) -> Self {
        let met = self.reached.get(name).is_some_and(|reached| *reached <= wanted);
        self.wanted(&format!("{} ≤ {}", words(name), number(wanted)), met)
    }

    /// A condition in words.
    #[must_use]
    pub fn wanted(mut self, target: &str, met: bool) -> Self {
        if self.untargeted {
            return self;
        }
        if !self.target.is_empty() {
            self.target.push_str(", ");
        }
        self.target.push_str(target);
        self.ok &= met;
        self
    }

    /// Compares with the bare limit: at least this part of its throughput.
    #[must_use]
    pub fn compared(mut self, bare: &Tally, part: f64) -> Self {
        let reached = self.reached.get("per_second").copied().unwrap_or_default();
        let limit = bare.per_second();
        let ratio = if limit > 0.0 { reached / limit } else { 0.0 };
        self.bare = Some(bare.figures());
        self.ratio = Some((ratio * 1000.0).round() / 1000.0);
        self.wanted(&format!("{} % of the bare limit", number(part * 100.0)), ratio >= part)
    }

    /// What else is to be known.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// A figure's name for people: `p99_ms` is "p99 in ms".
pub fn words(name: &str) -> String {
    match name.strip_suffix("_ms") {
        Some(rest) => format!("{} in ms", rest.replace('_', " ")),
        None => name.replace('_', " "),
    }
}

/// A number with a comma before each group of three digits and no more decimals than it has.
pub fn number(value: f64) -> String {
    let text = format!("{value}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let digits = whole.trim_start_matches('-');
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::Reply;

    fn tally(done: u64) -> Tally {
        let mut tally = Tally::new(Duration::from_secs(1));
        for _ in 0..done {
            tally.count(&Reply { status: 200, ..Reply::default() }, Duration::from_millis(5), Duration::from_millis(5));
        }
        tally
    }

    #[test]
    fn a_row_is_good_when_every_target_is_met() {
        let row = Row::new("create", "create").tally(&tally(3000)).at_least("per_second", 3000.0).at_most("p99_ms", 60.0);
        assert!(row.ok);
        assert_eq!(row.target, "per second ≥ 3,000, p99 in ms ≤ 60");
        assert!(!row.clone().at_most("p50_ms", 1.0).ok, "one that is missed is enough");
        assert!(!row.at_most("p98_ms", 1.0).ok, "a figure that is not there meets nothing");
    }

    #[test]
    fn the_bare_limit_stands_beside_it() {
        let row = Row::new("list", "list").tally(&tally(40)).compared(&tally(100), 0.5);
        assert_eq!((row.ratio, row.ok), (Some(0.4), false));
        assert!(Row::new("list", "list").tally(&tally(60)).compared(&tally(100), 0.5).ok);
    }

    #[test]
    fn a_row_for_information_has_no_target_and_misses_none() {
        let row =
            Row::new("list", "list").for_information(true).tally(&tally(40)).at_least("per_second", 3000.0).compared(&tally(100), 0.5);
        assert_eq!((row.target.as_str(), row.ok, row.ratio), ("", true, Some(0.4)));
    }

    #[test]
    fn a_loop_in_which_anything_failed_is_not_good() {
        let mut failing = tally(10);
        failing.count(&Reply { status: 500, ..Reply::default() }, Duration::ZERO, Duration::ZERO);
        assert!(!Row::new("x", "x").tally(&failing).ok);
        assert!(!Row::new("x", "x").tally(&tally(0)).ok);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([3.0, 1234.0, 1_000_000.0, -1500.5, 0.25].map(number), ["3", "1,234", "1,000,000", "-1,500.5", "0.25"]);
    }
}
