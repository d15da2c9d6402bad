//! The home page and the list of portals.

use askama::Template;

use super::layout::Layout;
use super::news::Notice;
use super::ticket::Row;
use super::ui::When;

/// The portal's first page.
#[derive(Template)]
#[template(path = "portal/home.html")]
pub struct Home {
    /// The frame.
    pub l: Layout,
    /// What the team wants everybody to know.
    pub notices: Vec<Notice>,
    /// The reader's requests: those that wait for him, the open ones, and those about to close.
    pub mine: Vec<Row>,
    /// How many of them wait for the reader.
    pub waiting: usize,
    /// Categories of the knowledge base.
    pub categories: Vec<Tile>,
    /// Most viewed articles.
    pub viewed: Vec<Link>,
    /// Recent articles.
    pub recent: Vec<Link>,
    /// Most discussed topics.
    pub discussed: Vec<Link>,
    /// Recent topics.
    pub topics: Vec<Link>,
    /// Most viewed topics.
    pub viewed_topics: Vec<Link>,
}

/// A category or forum as a tile.
#[derive(Debug, Clone, Default)]
pub struct Tile {
    /// Where it leads.
    pub url: String,
    /// Its name.
    pub name: String,
    /// A line below the name.
    pub text: String,
}

/// A line of a list.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Where it leads.
    pub url: String,
    /// Its words.
    pub title: String,
    /// A quiet word at the end.
    pub meta: String,
    /// A moment at the end, instead of the word.
    pub when: When,
}

/// The portals of a development start.
#[derive(Template)]
#[template(path = "portal/portals.html")]
pub struct Portals {
    /// The frame; it has no portal.
    pub l: Layout,
    /// The portals.
    pub portals: Vec<Tile>,
}
