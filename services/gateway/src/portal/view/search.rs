//! Search results.

use askama::Template;

use super::form::Form;
use super::home::Link;
use super::layout::Layout;
use super::ui::{Choice, SafeHtml, Tab};

/// What was found.
#[derive(Template)]
#[template(path = "portal/search.html")]
pub struct Search {
    /// The frame.
    pub l: Layout,
    /// What was asked.
    pub query: String,
    /// All, articles, topics, …
    pub tabs: Vec<Tab>,
    /// The hits, by kind.
    pub groups: Vec<Group>,
    /// How many in all.
    pub total: usize,
    /// A better spelling, or empty.
    pub did_you_mean: String,
    /// Where that leads.
    pub did_you_mean_url: String,
    /// Whether a part did not answer in time.
    pub partial: bool,
    /// Shown when there is nothing.
    pub popular: Vec<Link>,
    /// Departments to narrow articles to; empty where there is nothing to choose.
    pub departments: Vec<Choice>,
    /// Categories to narrow articles to.
    pub categories: Vec<Choice>,
    /// `type`, `department`, `category` as they were chosen.
    pub form: Form,
}

/// The hits of one kind.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Its name.
    pub title: String,
    /// "12" or "200+".
    pub total: String,
    /// An icon's name.
    pub icon: &'static str,
    /// More of it, or empty.
    pub more: String,
    /// Whether there are more than this page of one kind shows.
    pub cut: bool,
    /// The hits.
    pub hits: Vec<Hit>,
}

/// One hit.
#[derive(Debug, Clone, Default)]
pub struct Hit {
    /// Where it leads.
    pub url: String,
    /// The title.
    pub title: String,
    /// Where the words were found.
    pub snippet: SafeHtml,
    /// A quiet line, or empty.
    pub meta: String,
}
