//! Comments under articles.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::ids::{ArticleId, CommentId, PersonId};
use super::problem::{Problem, check_text};

/// Characters of a comment.
pub const LONGEST_COMMENT: usize = 10_000;

/// Who wrote something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Byline {
    /// The person.
    pub id: PersonId,
    /// As it is shown; empty when the person is gone.
    pub name: String,
    /// `customer`, `agent` or `admin`.
    pub role: String,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// Under which article.
    pub article: ArticleId,
    /// Who wrote it.
    pub author: Byline,
    /// Markdown.
    pub body: String,
    /// When.
    pub created_at: OffsetDateTime,
}

/// What is wrong with a comment's text.
#[must_use]
pub fn check_comment(body: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_text(&mut problems, "body", body, true, LONGEST_COMMENT);
    problems
}
