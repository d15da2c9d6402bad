//! The knowledge base.

use askama::Template;

use super::form::Form;
use super::home::{Link, Tile};
use super::layout::Layout;
use super::ui::{Crumb, File, Person, SafeHtml, Tab, When};

/// The knowledge base's first page, or one category of it.
#[derive(Template)]
#[template(path = "portal/kb.html")]
pub struct KnowledgeBase {
    /// The frame.
    pub l: Layout,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The title.
    pub title: String,
    /// Articles and questions.
    pub tabs: Vec<Tab>,
    /// Categories; empty inside one.
    pub categories: Vec<Tile>,
    /// Most viewed.
    pub viewed: Vec<Link>,
    /// Recent, or all of the category.
    pub recent: Vec<Link>,
    /// Whether this is one list.
    pub inside: bool,
    /// Whether it is about questions and answers.
    pub faq: bool,
    /// The next page, or empty.
    pub next: String,
}

/// One article.
#[derive(Template)]
#[template(path = "portal/article.html")]
pub struct Article {
    /// The frame.
    pub l: Layout,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// Its slug.
    pub slug: String,
    /// The title.
    pub title: String,
    /// The text.
    pub html: SafeHtml,
    /// When it was changed last.
    pub updated: When,
    /// Views in words.
    pub views: String,
    /// The headings of the text.
    pub contents: Vec<Heading>,
    /// Files.
    pub files: Vec<File>,
    /// Tags.
    pub tags: Vec<String>,
    /// Other articles of its category.
    pub related: Vec<Link>,
    /// What readers wrote last, oldest first.
    pub comments: Vec<Comment>,
    /// Where older comments are, or empty.
    pub earlier: String,
    /// Where the newest comments are; empty when they are here.
    pub newest: String,
    /// How many.
    pub comment_count: i32,
    /// The comment form.
    pub form: Form,
    /// Whether the reader said if it helped.
    pub answered: bool,
}

/// A heading in an article.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heading {
    /// The anchor.
    pub id: String,
    /// The words.
    pub text: String,
    /// 2 or 3.
    pub level: u8,
}

/// A comment on an article.
#[derive(Debug, Clone, Default)]
pub struct Comment {
    /// Its id.
    pub id: String,
    /// Who.
    pub person: Person,
    /// When.
    pub at: When,
    /// The text.
    pub html: SafeHtml,
    /// Whether the reader may take it away.
    pub removable: bool,
}
