//! Announcements and notifications.

use askama::Template;

use super::form::Form;
use super::layout::Layout;
use super::ui::{SafeHtml, When};

/// An announcement.
#[derive(Debug, Clone, Default)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// Where its page is.
    pub url: String,
    /// `info`, `warning`, `critical`.
    pub severity: &'static str,
    /// The title.
    pub title: String,
    /// The text.
    pub html: SafeHtml,
    /// Since when.
    pub since: When,
    /// Until when; empty when open.
    pub until: When,
    /// Whether the reader put it away.
    pub dismissed: bool,
}

impl Notice {
    /// The severity in words.
    pub fn severity_word(&self) -> &'static str {
        match self.severity {
            "critical" => "Disruption",
            "warning" => "Important",
            _ => "News",
        }
    }
}

/// All announcements, or one.
#[derive(Template)]
#[template(path = "portal/announcements.html")]
pub struct Announcements {
    /// The frame.
    pub l: Layout,
    /// Newest first.
    pub notices: Vec<Notice>,
    /// Whether this is the page of one announcement.
    pub single: bool,
    /// The next page, or empty.
    pub next: String,
    /// For the buttons.
    pub form: Form,
}

/// A notification.
#[derive(Debug, Clone, Default)]
pub struct Bell {
    /// Its id.
    pub id: String,
    /// Where it leads.
    pub url: String,
    /// Its words.
    pub title: String,
    /// The request it is about, or empty.
    pub number: String,
    /// When.
    pub at: When,
    /// Whether it was read.
    pub read: bool,
}

/// The notifications of a day.
#[derive(Debug, Clone, Default)]
pub struct Day {
    /// "Today", "24 November".
    pub label: String,
    /// Newest first.
    pub items: Vec<Bell>,
}

/// The bell's page.
#[derive(Template)]
#[template(path = "portal/notifications.html")]
pub struct Notifications {
    /// The frame.
    pub l: Layout,
    /// By day, newest first.
    pub days: Vec<Day>,
    /// Whether there are unread ones.
    pub unread: i32,
    /// The next page, or empty.
    pub next: String,
    /// For the button.
    pub form: Form,
}
