//! The reader's own pages.

use askama::Template;

use super::form::Form;
use super::layout::Layout;
use super::ui::{Choice, When};

/// The profile.
#[derive(Template)]
#[template(path = "portal/me.html")]
pub struct Profile {
    /// The frame.
    pub l: Layout,
    /// `name`, `locale`, `time_zone`.
    pub form: Form,
    /// The organisation, or empty.
    pub organization: String,
    /// The portal's languages.
    pub locales: Vec<Choice>,
    /// Time zones.
    pub zones: Vec<Choice>,
}

/// Password and sessions.
#[derive(Template)]
#[template(path = "portal/security.html")]
pub struct Security {
    /// The frame.
    pub l: Layout,
    /// The passwords are never kept.
    pub form: Form,
    /// Where the reader is signed in.
    pub sessions: Vec<Session>,
}

/// A session of the reader.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// "Firefox on Linux".
    pub device: String,
    /// The address it came from.
    pub ip: String,
    /// When it was used last.
    pub used: When,
    /// Whether it is this one.
    pub current: bool,
}

/// What the reader is told.
#[derive(Template)]
#[template(path = "portal/preferences.html")]
pub struct Preferences {
    /// The frame.
    pub l: Layout,
    /// `mail-KIND` and `bell-KIND`, `etag`.
    pub form: Form,
    /// One row a kind.
    pub rows: Vec<Preference>,
}

/// One kind of message and the channels that it can take.
#[derive(Debug, Clone, Default)]
pub struct Preference {
    /// Its name.
    pub kind: &'static str,
    /// Its words.
    pub label: &'static str,
    /// When it is sent.
    pub text: &'static str,
    /// Whether a mail can be chosen.
    pub mail: bool,
    /// Whether the bell can be chosen.
    pub bell: bool,
}
