//! What a cell counts, and what it comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::http::Reply;

/// Latencies from a microsecond to a minute, to three digits.
const LONGEST: u64 = 60_000_000;

/// Figures of a row, by name.
pub type Figures = BTreeMap<String, f64>;

/// Latencies.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    #[allow(clippy::expect_used)] // Constants, which every test of this file tries.
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds and digits that HdrHistogram takes"))
    }

    /// Counts one; longer than a minute counts as a minute.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST));
    }

    /// Takes over what another one counted.
    pub fn add(&mut self, other: &Self) {
        // It fails only where bounds differ.
        self.0 += &other.0;
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value that this part (0 to 1) of all does not exceed, in milliseconds.
    #[allow(clippy::cast_precision_loss)] // Microseconds of a minute.
    pub fn millis_at(&self, part: f64) -> f64 {
        self.0.value_at_quantile(part) as f64 / 1000.0
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

/// One second of an open loop.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// Of what was done.
    pub latencies: Latencies,
    /// What was turned away or failed.
    pub not_done: u64,
}

/// What happened in the measured time.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Of what was done.
    pub latencies: Latencies,
    /// Of what was turned away, from the moment it was sent.
    pub refusals: Latencies,
    /// Refusals that did not say when to come again.
    pub unhinted: u64,
    /// Neither done nor turned away.
    pub failed: u64,
    /// Due in an open loop, and never sent: the generator was too far behind.
    pub skipped: u64,
    /// The measured time.
    pub time: Duration,
    /// An open loop by second.
    pub seconds: Vec<Second>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(time: Duration) -> Self {
        Self { latencies: Latencies::new(), refusals: Latencies::new(), unhinted: 0, failed: 0, skipped: 0, time, seconds: Vec::new() }
    }

    /// Counts an answer: `since_due` from when it should have been asked, `since_sent` from when it was.
    pub fn count(&mut self, reply: &Reply, since_due: Duration, since_sent: Duration) {
        if reply.is_ok() {
            self.latencies.record(since_due);
        } else if reply.is_refused() {
            self.refusals.record(since_sent);
            self.unhinted += u64::from(!reply.retry_after);
        } else {
            self.failed += 1;
        }
    }

    /// Counts an answer also in its second of the run.
    pub fn count_in(&mut self, second: usize, reply: &Reply, since_due: Duration) {
        while self.seconds.len() <= second {
            self.seconds.push(Second::default());
        }
        if reply.is_ok() {
            self.seconds[second].latencies.record(since_due);
        } else {
            self.seconds[second].not_done += 1;
        }
    }

    /// Takes over what another worker counted in the same time.
    pub fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies);
        self.refusals.add(&other.refusals);
        self.unhinted += other.unhinted;
        self.failed += other.failed;
        self.skipped += other.skipped;
        while self.seconds.len() < other.seconds.len() {
            self.seconds.push(Second::default());
        }
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            mine.latencies.add(&theirs.latencies);
            mine.not_done += theirs.not_done;
        }
    }

    /// Done, in a second.
    #[allow(clippy::cast_precision_loss)] // Counts of a run.
    pub fn per_second(&self) -> f64 {
        self.latencies.count() as f64 / self.time.as_secs_f64().max(f64::EPSILON)
    }

    /// The figures of a row.
    #[allow(clippy::cast_precision_loss)] // Counts of a run.
    pub fn figures(&self) -> Figures {
        let mut figures = BTreeMap::from([
            ("per_second".to_owned(), rounded(self.per_second())),
            ("p50_ms".to_owned(), rounded(self.latencies.millis_at(0.50))),
            ("p95_ms".to_owned(), rounded(self.latencies.millis_at(0.95))),
            ("p99_ms".to_owned(), rounded(self.latencies.millis_at(0.99))),
        ]);
        for (name, count) in [("refused", self.refusals.count()), ("failed", self.failed), ("not_sent", self.skipped)] {
            if count > 0 {
                figures.insert(name.to_owned(), count as f64);
            }
        }
        figures
    }
}

/// The tally in the middle by throughput; none of none.
pub fn median(mut tallies: Vec<Tally>) -> Option<Tally> {
    tallies.sort_by(|one, other| one.per_second().total_cmp(&other.per_second()));
    let middle = tallies.len() / 2;
    (middle < tallies.len()).then(|| tallies.swap_remove(middle))
}

/// As many digits as a figure is worth: none from 100 on, one from 10 on, else two.
pub fn rounded(value: f64) -> f64 {
    let unit = if value >= 100.0 {
        1.0
    } else if value >= 10.0 {
        10.0
    } else {
        100.0
    };
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, retry_after: bool) -> Reply {
        Reply { status, retry_after, ..Reply::default() }
    }

    #[test]
    fn percentiles_are_read_in_milliseconds() {
        let mut latencies = Latencies::new();
        (1..=1000).for_each(|millis| latencies.record(Duration::from_millis(millis)));
        for (part, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = latencies.millis_at(part);
            assert!((found - expected).abs() <= expected / 500.0, "{part}: {found}");
        }
        latencies.record(Duration::from_secs(3600));
        assert!(latencies.millis_at(1.0) <= 60_100.0, "an hour counts as a minute");
    }

    #[test]
    fn what_was_turned_away_is_no_throughput_and_counts_from_its_sending() {
        let mut tally = Tally::new(Duration::from_secs(2));
        let (due, sent) = (Duration::from_millis(900), Duration::from_millis(3));
        for answer in [reply(200, false), reply(200, false), reply(503, true), reply(429, false), reply(500, false), reply(0, false)] {
            tally.count(&answer, due, sent);
        }
        assert!((tally.per_second() - 1.0).abs() < 1e-9);
        assert_eq!((tally.refusals.count(), tally.unhinted, tally.failed), (2, 1, 2));
        assert!(tally.latencies.millis_at(0.5) > 890.0 && tally.refusals.millis_at(0.99) < 4.0);
    }

    #[test]
    fn workers_add_up_second_by_second() {
        let mut one = Tally::new(Duration::from_secs(2));
        let mut other = one.clone();
        one.count_in(0, &reply(200, false), Duration::from_millis(1));
        other.count_in(1, &reply(503, true), Duration::from_millis(1));
        one.add(&other);
        let seen: Vec<_> = one.seconds.iter().map(|second| (second.latencies.count(), second.not_done)).collect();
        assert_eq!(seen, [(1, 0), (0, 1)]);
    }

    #[test]
    fn the_median_round_is_by_throughput() {
        let of = |count: u64| {
            let mut tally = Tally::new(Duration::from_secs(1));
            (0..count).for_each(|_| tally.count(&reply(200, false), Duration::ZERO, Duration::ZERO));
            tally
        };
        assert_eq!(median(vec![of(9), of(1), of(5)]).unwrap().latencies.count(), 5);
        assert!(median(Vec::new()).is_none());
    }

    #[test]
    fn a_figure_has_the_digits_that_it_is_worth() {
        assert_eq!([1234.56, 45.67, 1.234].map(rounded), [1235.0, 45.7, 1.23]);
    }
}
