//! What the desk shows of what the team publishes: articles, announcements, and the community's reports.

use askama::Template;

use crate::portal::view::community::TopicRow;
use crate::portal::view::form::Form;
use crate::portal::view::layout::Layout;
use crate::portal::view::ui::{Choice, File, Person, SafeHtml, Status, Tab, When};

/// Articles of all states.
#[derive(Template)]
#[template(path = "desk/articles.html")]
pub struct Articles {
    /// The frame.
    pub l: Layout,
    /// States.
    pub tabs: Vec<Tab>,
    /// The state in the address.
    pub state: String,
    /// The kind in the address.
    pub kind: String,
    /// The category that was chosen, or empty.
    pub category: String,
    /// Categories to choose from.
    pub categories: Vec<Choice>,
    /// The articles.
    pub rows: Vec<ArticleRow>,
    /// The next page, or empty.
    pub next: String,
    /// Where this list is.
    pub url: String,
}

/// An article in the list.
#[derive(Debug, Clone, Default)]
pub struct ArticleRow {
    /// Its editor.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Its state.
    pub status: Status,
    /// "Question", or empty for an article.
    pub kind: &'static str,
    /// Its category, or empty.
    pub category: String,
    /// Who reads it.
    pub audience: &'static str,
    /// Views so far.
    pub views: i64,
    /// How many said that it helped.
    pub helpful: i32,
    /// How many said that it did not.
    pub unhelpful: i32,
    /// The last change.
    pub updated: When,
}

/// Writing an article.
#[derive(Template)]
#[template(path = "desk/article_edit.html")]
pub struct ArticleEditor {
    /// The frame.
    pub l: Layout,
    /// The fields.
    pub form: Form,
    /// Where the form goes.
    pub action: String,
    /// Where the list is.
    pub url: String,
    /// Whether it is there already.
    pub exists: bool,
    /// Its title as it is kept.
    pub title: String,
    /// Where readers find it.
    pub public_url: String,
    /// Its state.
    pub status: Status,
    /// Whether it is published.
    pub published: bool,
    /// Whether it is archived.
    pub archived: bool,
    /// The last change.
    pub updated: When,
    /// Its files.
    pub files: Vec<File>,
    /// Their ids, in the same order.
    pub file_ids: Vec<String>,
    /// Who may read it.
    pub audiences: Vec<Choice>,
    /// Organisations to choose from.
    pub organizations: Vec<Choice>,
    /// Categories that are in use.
    pub categories: Vec<Choice>,
    /// What it will look like, when that was asked for.
    pub preview: Option<SafeHtml>,
}

/// All announcements.
#[derive(Template)]
#[template(path = "desk/announcements.html")]
pub struct Notices {
    /// The frame.
    pub l: Layout,
    /// Newest first.
    pub rows: Vec<NoticeRow>,
    /// The next page, or empty.
    pub next: String,
    /// Where this list is.
    pub url: String,
}

/// An announcement in the list.
#[derive(Debug, Clone, Default)]
pub struct NoticeRow {
    /// Its editor.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Shown now, scheduled, over.
    pub status: Status,
    /// The severity in words.
    pub severity: &'static str,
    /// Who sees it.
    pub audience: &'static str,
    /// Since when.
    pub from: When,
    /// Until when; empty without an end.
    pub until: When,
}

/// Writing an announcement.
#[derive(Template)]
#[template(path = "desk/announcement_edit.html")]
pub struct NoticeEditor {
    /// The frame.
    pub l: Layout,
    /// The fields.
    pub form: Form,
    /// Where the form goes.
    pub action: String,
    /// Where the list is.
    pub url: String,
    /// Whether it is there already.
    pub exists: bool,
    /// Its title as it is kept.
    pub title: String,
    /// Shown now, scheduled, over.
    pub status: Status,
    /// How urgent.
    pub severities: Vec<Choice>,
    /// Who sees it.
    pub audiences: Vec<Choice>,
    /// Organisations to choose from.
    pub organizations: Vec<Choice>,
    /// The reader's time zone.
    pub zone: String,
    /// What it will look like, when that was asked for.
    pub preview: Option<SafeHtml>,
}

/// What people reported.
#[derive(Template)]
#[template(path = "desk/moderation.html")]
pub struct Moderation {
    /// The frame.
    pub l: Layout,
    /// Reported topics.
    pub topics: Vec<Reported>,
    /// The next page, or empty.
    pub next: String,
    /// Where this list is.
    pub url: String,
    /// For the buttons.
    pub form: Form,
}

/// A topic that was reported.
#[derive(Debug, Clone, Default)]
pub struct Reported {
    /// The topic.
    pub topic: TopicRow,
    /// The beginning of its text.
    pub excerpt: String,
    /// What was said about it, newest first.
    pub complaints: Vec<Complaint>,
}

/// One person's report.
#[derive(Debug, Clone, Default)]
pub struct Complaint {
    /// Who.
    pub person: Person,
    /// Why.
    pub reason: String,
    /// When.
    pub at: When,
}
