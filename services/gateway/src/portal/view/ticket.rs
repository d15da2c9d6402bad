//! A request in a list, and its conversation.

use super::ui::{File, Person, SafeHtml, Status, When};

/// A request in a list.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// "DEMO-1042".
    pub number: String,
    /// The subject.
    pub subject: String,
    /// Where its page is.
    pub url: String,
    /// Its status.
    pub status: Status,
    /// The product's name, or empty.
    pub product: String,
    /// The department's name, or empty.
    pub department: String,
    /// "High", or empty.
    pub priority: String,
    /// `low`, `normal`, `high`, `urgent`.
    pub priority_key: &'static str,
    /// Who asked.
    pub requester: String,
    /// The requester's organisation, or empty.
    pub organization: String,
    /// Who works on it, or empty.
    pub assignee: String,
    /// Last update.
    pub updated: When,
    /// When it was made.
    pub created: When,
    /// Whether something happened since the reader looked.
    pub unread: bool,
    /// Whether the customer has the next word.
    pub needs_reply: bool,
    /// Whether it is the one that is open on the desk.
    pub current: bool,
}

/// An entry of a conversation: a message, or a thin line for an event.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// An id for the page.
    pub id: String,
    /// The text of a message; empty for an event.
    pub html: SafeHtml,
    /// Whether it is a message.
    pub message: bool,
    /// Who.
    pub person: Person,
    /// When.
    pub at: When,
    /// "by e-mail", or empty.
    pub via: &'static str,
    /// Whether only the team sees it.
    pub internal: bool,
    /// The words of an event.
    pub event: String,
    /// The icon of an event.
    pub icon: &'static str,
    /// Files that came with it.
    pub files: Vec<File>,
}

/// A fact beside the conversation.
#[derive(Debug, Clone, Default)]
pub struct Fact {
    /// Its name.
    pub label: String,
    /// Its value, when it is text.
    pub text: String,
    /// Its value, when it is a moment.
    pub when: When,
    /// Where the value leads, or empty.
    pub url: String,
}
