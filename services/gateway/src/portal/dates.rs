//! Moments as people read them, in the reader's own time zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use time::OffsetDateTime;

use super::view::ui::When;

const DAY: i64 = 86_400;

/// Now, and where the reader is.
#[derive(Debug, Clone)]
pub struct Dates {
    now: Timestamp,
    zone: TimeZone,
}

impl Dates {
    /// Dates for a reader in an IANA zone; UTC when the name is not one.
    pub fn new(now: OffsetDateTime, zone: &str) -> Self {
        Self { now: instant(now), zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }

    /// A moment out of a contract: "2 hours ago" within a week, a date before.
    pub fn when(&self, at: Option<&prost_types::Timestamp>) -> When {
        let Some(at) = at.and_then(chassis::clock::from_proto).map(instant) else { return When::default() };
        let ago = self.now.as_second().saturating_sub(at.as_second());
        match relative(ago) {
            Some(text) => When { text, relative: true, ..self.fixed(at) },
            None => self.fixed(at),
        }
    }

    /// A moment in the future, with its hour: "Thu 26 Nov, 14:00".
    pub fn deadline(&self, at: Option<&prost_types::Timestamp>) -> When {
        let Some(at) = at.and_then(chassis::clock::from_proto).map(instant) else { return When::default() };
        let local = at.to_zoned(self.zone.clone());
        When { text: local.strftime("%a %-d %b, %H:%M").to_string(), ..self.fixed(at) }
    }

    /// A moment as a date, never relative.
    pub fn date(&self, at: Option<&prost_types::Timestamp>) -> When {
        at.and_then(chassis::clock::from_proto).map(|at| self.fixed(instant(at))).unwrap_or_default()
    }

    /// A moment with date and time, never relative: "24 Nov, 14:05".
    pub fn moment(&self, at: Option<&prost_types::Timestamp>) -> When {
        let Some(at) = at.and_then(chassis::clock::from_proto).map(instant) else { return When::default() };
        let shown = self.fixed(at);
        When { text: format!("{}, {}", shown.text, at.to_zoned(self.zone.clone()).strftime("%H:%M")), ..shown }
    }

    /// How many whole days ago it was: "today", "1 day", "12 days"; empty without a moment.
    pub fn days_since(&self, at: Option<&prost_types::Timestamp>) -> String {
        let Some(at) = at.and_then(chassis::clock::from_proto).map(instant) else { return String::new() };
        match self.now.as_second().saturating_sub(at.as_second()) / DAY {
            ..1 => "today".into(),
            1 => "1 day".into(),
            days => format!("{days} days"),
        }
    }

    /// "Today", "Yesterday" or "24 November": the day of a moment.
    pub fn day(&self, at: Option<&prost_types::Timestamp>) -> String {
        let Some(at) = at.and_then(chassis::clock::from_proto).map(instant) else { return String::new() };
        let (local, today) = (at.to_zoned(self.zone.clone()), self.now.to_zoned(self.zone.clone()));
        if local.date() == today.date() {
            return "Today".into();
        }
        if today.date().yesterday().is_ok_and(|yesterday| yesterday == local.date()) {
            return "Yesterday".into();
        }
        local.strftime("%-d %B").to_string()
    }

    /// The first moment of a day of the reader's, written `2026-11-23`, or of the day after it; `None` for anything else.
    pub fn start_of_day(&self, day: &str, after: bool) -> Option<prost_types::Timestamp> {
        let day: Date = day.trim().parse().ok()?;
        let day = if after { day.tomorrow().ok()? } else { day };
        Some(to_proto(day.to_zoned(self.zone.clone()).ok()?.timestamp()))
    }

    /// A moment as the value of a field for date and time: `2026-11-23T14:00`; empty without one.
    pub fn field(&self, at: Option<&prost_types::Timestamp>) -> String {
        let at = at.and_then(chassis::clock::from_proto).map(instant);
        at.map(|at| at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()).unwrap_or_default()
    }

    /// The moment that the reader typed into a field for date and time; `None` when it is not one.
    pub fn from_field(&self, text: &str) -> Option<prost_types::Timestamp> {
        let local: DateTime = text.trim().parse().ok()?;
        Some(to_proto(local.to_zoned(self.zone.clone()).ok()?.timestamp()))
    }

    /// The reader's time zone in words: "Europe/Berlin", "UTC".
    pub fn zone(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").replace('_', " ")
    }

    fn fixed(&self, at: Timestamp) -> When {
        let local = at.to_zoned(self.zone.clone());
        let this_year = local.year() == self.now.to_zoned(self.zone.clone()).year();
        When {
            iso: at.to_string(),
            text: local.strftime(if this_year { "%-d %b" } else { "%-d %b %Y" }).to_string(),
            exact: local.strftime("%A %-d %B %Y, %H:%M").to_string(),
            relative: false,
        }
    }
}

fn to_proto(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: 0 }
}

fn instant(at: OffsetDateTime) -> Timestamp {
    Timestamp::new(at.unix_timestamp(), 0).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn relative(ago: i64) -> Option<String> {
    let several = |count: i64, unit: &str| Some(if count == 1 { format!("1 {unit} ago") } else { format!("{count} {unit}s ago") });
    match ago {
        ..-60 => None,
        -60..45 => Some("now".into()),
        45..3600 => several((ago / 60).max(1), "minute"),
        3600..DAY => several(ago / 3600, "hour"),
        _ if ago < 2 * DAY => Some("yesterday".into()),
        _ if ago < 7 * DAY => several(ago / DAY, "day"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn dates(zone: &str) -> Dates {
        Dates::new(datetime!(2026-11-23 12:00 UTC), zone)
    }

    fn at(moment: OffsetDateTime) -> Option<prost_types::Timestamp> {
        Some(chassis::clock::to_proto(moment))
    }

    #[test]
    fn a_week_is_told_relative_and_then_by_date() {
        let text = |moment| dates("UTC").when(at(moment).as_ref()).text;
        assert_eq!(text(datetime!(2026-11-23 11:59:50 UTC)), "now");
        assert_eq!(text(datetime!(2026-11-23 11:58 UTC)), "2 minutes ago");
        assert_eq!(text(datetime!(2026-11-23 10:59 UTC)), "1 hour ago");
        assert_eq!(text(datetime!(2026-11-20 12:00 UTC)), "3 days ago");
        assert_eq!(text(datetime!(2026-11-02 12:00 UTC)), "2 Nov");
        assert_eq!(text(datetime!(2025-11-02 12:00 UTC)), "2 Nov 2025");
    }

    #[test]
    fn deadlines_are_told_in_the_readers_zone() {
        let due = at(datetime!(2026-11-26 13:00 UTC));
        assert_eq!(dates("Europe/Berlin").deadline(due.as_ref()).text, "Thu 26 Nov, 14:00");
        assert_eq!(dates("nowhere").deadline(due.as_ref()).text, "Thu 26 Nov, 13:00");
    }

    #[test]
    fn a_moment_has_date_and_time_in_the_readers_zone_vl_20() {
        let text = |zone: &str, moment| dates(zone).moment(at(moment).as_ref()).text;
        assert_eq!(text("Europe/Berlin", datetime!(2026-11-02 13:05 UTC)), "2 Nov, 14:05");
        assert_eq!(text("UTC", datetime!(2025-11-02 13:05 UTC)), "2 Nov 2025, 13:05");
        assert_eq!(dates("UTC").moment(None).text, "");
    }

    #[test]
    fn days_since_are_whole_days_vl_17() {
        let since = |moment| dates("UTC").days_since(at(moment).as_ref());
        assert_eq!(since(datetime!(2026-11-23 11:00 UTC)), "today");
        assert_eq!(since(datetime!(2026-11-22 11:00 UTC)), "1 day");
        assert_eq!(since(datetime!(2026-11-10 11:00 UTC)), "13 days");
    }

    #[test]
    fn what_is_typed_is_meant_in_the_readers_zone() {
        let berlin = dates("Europe/Berlin");
        let same = |typed: Option<prost_types::Timestamp>, moment| assert_eq!(typed, at(moment));
        same(berlin.start_of_day("2026-11-23", false), datetime!(2026-11-22 23:00 UTC));
        same(berlin.start_of_day("2026-11-23", true), datetime!(2026-11-23 23:00 UTC));
        same(berlin.from_field("2026-07-01T14:00"), datetime!(2026-07-01 12:00 UTC));
        assert_eq!(berlin.field(at(datetime!(2026-07-01 12:00 UTC)).as_ref()), "2026-07-01T14:00");
        for nonsense in ["", "soon", "2026-13-01", "23.11.2026"] {
            assert_eq!((berlin.start_of_day(nonsense, false), berlin.from_field(nonsense)), (None, None), "{nonsense}");
        }
    }

    #[test]
    fn days_have_names() {
        assert_eq!(dates("UTC").day(at(datetime!(2026-11-23 01:00 UTC)).as_ref()), "Today");
        assert_eq!(dates("UTC").day(at(datetime!(2026-11-22 01:00 UTC)).as_ref()), "Yesterday");
        assert_eq!(dates("UTC").day(at(datetime!(2026-11-02 01:00 UTC)).as_ref()), "2 November");
    }
}
