//! Announcements and notifications.

use portico_proto::knowledge::v1 as knowledge;
use portico_proto::notifier::v1 as notifier;

use crate::portal::dates::Dates;
use crate::portal::view::news::{Bell, Day, Notice};
use crate::portal::view::ui::SafeHtml;

/// An announcement.
pub fn notice(announcement: &knowledge::Announcement, base: &str, dates: &Dates) -> Notice {
    Notice {
        id: announcement.id.clone(),
        url: format!("{base}/announcements/{}", announcement.id),
        severity: match announcement.severity() {
            knowledge::Severity::Critical => "critical",
            knowledge::Severity::Warning => "warning",
            _ => "info",
        },
        title: announcement.title.clone(),
        html: SafeHtml(announcement.body_html.clone()),
        since: dates.when(announcement.valid_from.as_ref().or(announcement.created_at.as_ref())),
        until: dates.deadline(announcement.valid_until.as_ref()),
        dismissed: announcement.dismissed,
    }
}

/// Notifications grouped by the reader's days, newest first as they come.
pub fn days(items: &[notifier::Notification], base: &str, dates: &Dates) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for item in items {
        let label = dates.day(item.created_at.as_ref());
        let bell = Bell {
            id: item.id.clone(),
            url: format!("{base}/notifications/{}", item.id),
            // A mail needs the number in its subject; here it stands below.
            title: item.title.strip_prefix(&format!("[{}] ", item.ticket_number)).unwrap_or(&item.title).to_owned(),
            number: item.ticket_number.clone(),
            at: dates.when(item.created_at.as_ref()),
            read: item.read,
        };
        match days.last_mut().filter(|day| day.label == label) {
            Some(day) => day.items.push(bell),
            None => days.push(Day { label, items: vec![bell] }),
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_number_stands_below_the_words() {
        let item = notifier::Notification { title: "[DEMO-7] New answer".into(), ticket_number: "DEMO-7".into(), ..Default::default() };
        let days = days(&[item], "/portal/demo", &Dates::new(datetime!(2026-11-23 12:00 UTC), "UTC"));
        assert_eq!((days[0].items[0].title.as_str(), days[0].items[0].number.as_str()), ("New answer", "DEMO-7"));
    }

    #[test]
    fn notifications_stand_under_their_days() {
        let at = |moment| Some(chassis::clock::to_proto(moment));
        let item = |moment| notifier::Notification { created_at: at(moment), ..Default::default() };
        let items = [item(datetime!(2026-11-23 10:00 UTC)), item(datetime!(2026-11-23 09:00 UTC)), item(datetime!(2026-11-22 10:00 UTC))];
        let days = days(&items, "/portal/demo", &Dates::new(datetime!(2026-11-23 12:00 UTC), "UTC"));
        let shape: Vec<_> = days.iter().map(|day| (day.label.as_str(), day.items.len())).collect();
        assert_eq!(shape, [("Today", 2), ("Yesterday", 1)]);
    }
}
