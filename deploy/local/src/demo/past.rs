//! When things of the demo happened: days before the seed, at a time of day.

use anyhow::{Context, Result, ensure};
use prost_types::Timestamp;
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, Time};

use crate::layout::{Layout, write_atomically};

/// A moment of the demo's past.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct When {
    /// Days before the day of the seed.
    pub days_ago: i64,
    /// Time of day in UTC, like `08:15`.
    pub at: String,
}

/// The day from which the demo's past is counted.
#[derive(Debug, Clone, Copy)]
pub struct Calendar {
    today: OffsetDateTime,
}

impl Calendar {
    /// The calendar of this seed: one that was interrupted goes on with the day on which it began.
    pub fn open(layout: &Layout) -> Result<Self> {
        let path = layout.data().join("demo.begun");
        if let Ok(text) = std::fs::read_to_string(&path) {
            let begun = OffsetDateTime::parse(text.trim(), &Rfc3339).with_context(|| format!("{} is damaged", path.display()))?;
            return Ok(Self::of(begun));
        }
        let begun = now();
        write_atomically(&path, begun.format(&Rfc3339)?.as_bytes(), 0o644).context("the seed cannot be noted")?;
        Ok(Self::of(begun))
    }

    /// Nothing of the demo lies in the future: before its last moment of the day, yesterday counts as today.
    fn of(begun: OffsetDateTime) -> Self {
        let today = begun.replace_time(Time::MIDNIGHT);
        Self { today: if begun.hour() < LAST_HOUR { today - Duration::DAY } else { today } }
    }

    /// The time of a moment.
    pub fn time(&self, when: &When) -> Result<OffsetDateTime> {
        let (hour, minute) = when.at.split_once(':').with_context(|| format!("{} is no time of day", when.at))?;
        let time = Time::from_hms(hour.parse()?, minute.parse()?, 0)?;
        ensure!(when.days_ago > 0 || (when.days_ago == 0 && time.hour() < LAST_HOUR), "{when:?} may lie in the future");
        Ok(self.today.replace_time(time) - Duration::days(when.days_ago))
    }

    /// The same for the wire.
    pub fn stamp(&self, when: &When) -> Result<Timestamp> {
        Ok(stamp(self.time(when)?))
    }

    /// The start of a day.
    pub fn day(&self, days_ago: i64) -> OffsetDateTime {
        self.today - Duration::days(days_ago)
    }

    /// The next Sunday, at this hour.
    pub fn sunday(&self, hour: u8) -> OffsetDateTime {
        let days = 7 - i64::from(self.today.weekday().number_days_from_sunday());
        self.today + Duration::days(days) + Duration::hours(i64::from(hour))
    }
}

/// Everything that happens on the day of the seed happens before this hour.
const LAST_HOUR: u8 = 8;

/// A time for the wire.
pub fn stamp(at: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: at.unix_timestamp(), nanos: 0 }
}

#[expect(clippy::disallowed_methods, reason = "how old the demo looks is no decision of a domain")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn when(days_ago: i64, at: &str) -> When {
        When { days_ago, at: at.into() }
    }

    #[test]
    fn the_past_is_counted_from_the_day_of_the_seed() {
        let calendar = Calendar::of(datetime!(2026-11-23 14:30 UTC));
        assert_eq!(calendar.time(&when(0, "07:59")).unwrap(), datetime!(2026-11-23 07:59 UTC));
        assert_eq!(calendar.time(&when(3, "16:05")).unwrap(), datetime!(2026-11-20 16:05 UTC));
        assert!(calendar.time(&when(0, "08:00")).is_err() && calendar.time(&when(1, "25:00")).is_err());
        let early = Calendar::of(datetime!(2026-11-23 06:30 UTC));
        assert_eq!(early.time(&when(0, "07:59")).unwrap(), datetime!(2026-11-22 07:59 UTC), "nothing lies in the future");
    }

    #[test]
    fn the_next_sunday_lies_ahead() {
        assert_eq!(Calendar::of(datetime!(2026-11-23 14:30 UTC)).sunday(6), datetime!(2026-11-29 06:00 UTC));
        assert_eq!(Calendar::of(datetime!(2026-11-22 14:30 UTC)).sunday(6), datetime!(2026-11-29 06:00 UTC));
    }

    #[test]
    fn an_interrupted_seed_keeps_its_day() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        let first = Calendar::open(&layout).unwrap();
        assert_eq!(Calendar::open(&layout).unwrap().today, first.today);
    }
}
