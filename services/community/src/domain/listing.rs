//! Which topics are listed, in which order, from where on.

use portico_chassis::uuid::Uuid;

use super::forum::Audience;
use super::ids::ForumId;
use super::topic::TopicType;

/// An order of a list, newest or largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By last activity.
    Recent,
    /// By number of posts.
    MostDiscussed,
    /// By number of views.
    MostViewed,
    /// By number of votes.
    Top,
}

/// Where a page ends: the key of its last row. Times are microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// What the list is ordered by.
    pub key: i64,
    /// Ties are broken by this.
    pub id: Uuid,
}

/// Which topics are wanted.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The most closed audience that the reader belongs to.
    pub reach: Audience,
    /// Only in these forums; `None`: in all.
    pub forums: Option<Vec<ForumId>>,
    /// Only of this type.
    pub kind: Option<TopicType>,
    /// Only with this tag, normalised.
    pub tag: Option<String>,
    /// Only questions and problems without an accepted answer.
    pub unanswered: bool,
    /// The order.
    pub order: Order,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    /// From one row more than `limit`, so that the last page is known to be the last.
    pub fn cut(mut rows: Vec<(T, Position)>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(_, position)| *position);
        Self { items: rows.into_iter().map(|(item, _)| item).collect(), next }
    }
}
