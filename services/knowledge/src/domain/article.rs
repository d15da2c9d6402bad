//! Articles and FAQs.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::attachment::Attachment;
use super::audience::{Audience, Viewer};
use super::ids::{ArticleId, AttachmentId};
use super::problem::{Problem, check_text};
use super::search::document::{Reader, SearchKind};

/// Characters of a title.
pub const LONGEST_TITLE: usize = 300;
/// Characters of a body.
pub const LONGEST_BODY: usize = 200_000;
/// Characters of a department or category.
const LONGEST_NAME: usize = 100;
/// Tags of an article.
const MOST_TAGS: usize = 20;
/// Characters of a tag.
const LONGEST_TAG: usize = 50;
/// Files of an article.
const MOST_FILES: usize = 20;

/// What an article is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArticleKind {
    /// An article of the knowledge base.
    Article,
    /// A frequently asked question.
    Faq,
}

impl ArticleKind {
    /// The word in tables and events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Faq => "faq",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        if word == "faq" { Self::Faq } else { Self::Article }
    }

    /// The kind of its search document.
    #[must_use]
    pub fn search_kind(self) -> SearchKind {
        match self {
            Self::Article => SearchKind::Article,
            Self::Faq => SearchKind::Faq,
        }
    }
}

/// Where an article is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArticleState {
    /// Being written.
    Draft,
    /// Waits for another agent's eye.
    Review,
    /// Read by its audience.
    Published,
    /// Kept, but only agents see it.
    Archived,
}

impl ArticleState {
    /// The word in tables and events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Review => "review",
            Self::Published => "published",
            Self::Archived => "archived",
        }
    }

    /// From its stored word; what is unknown is nobody's but the agents'.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "published" => Self::Published,
            "review" => Self::Review,
            "archived" => Self::Archived,
            _ => Self::Draft,
        }
    }
}

/// An article or FAQ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// Its id.
    pub id: ArticleId,
    /// Unique in the portal.
    pub slug: String,
    /// The id that an import brought along.
    pub source_id: Option<String>,
    /// Plain text.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Article or FAQ.
    pub kind: ArticleKind,
    /// Draft to archived.
    pub state: ArticleState,
    /// Who may read it once it is published.
    pub audience: Audience,
    /// Empty when it belongs to all.
    pub department: String,
    /// Empty when it has none.
    pub category: String,
    /// In the writer's order.
    pub tags: Vec<String>,
    /// Oldest first.
    pub attachments: Vec<Attachment>,
    /// The journal's version.
    pub version: i64,
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// When it was first published.
    pub published_at: Option<OffsetDateTime>,
    /// When anything of it last changed, its state and audience too.
    pub updated_at: OffsetDateTime,
}

/// An article with what is counted about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArticleView {
    /// The article.
    pub article: Article,
    /// Views counted so far.
    pub views: i64,
    /// Comments under it.
    pub comment_count: i32,
    /// Who said that it helped; only for agents.
    pub helpful: i32,
    /// Who said that it did not.
    pub unhelpful: i32,
}

/// What a change sets; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArticleChange {
    /// New title.
    pub title: Option<String>,
    /// New body.
    pub body: Option<String>,
    /// New state.
    pub state: Option<ArticleState>,
    /// New audience.
    pub audience: Option<Audience>,
    /// New kind.
    pub kind: Option<ArticleKind>,
    /// New department; empty clears it.
    pub department: Option<String>,
    /// New category; empty clears it.
    pub category: Option<String>,
    /// New tags.
    pub tags: Option<Vec<String>>,
    /// Files to add.
    pub add_files: Vec<Attachment>,
    /// Files to remove.
    pub remove_files: Vec<AttachmentId>,
}

impl Article {
    /// Whether somebody may read it now.
    #[must_use]
    pub fn is_readable(&self, viewer: &Viewer) -> bool {
        viewer.is_staff() || (self.state == ArticleState::Published && viewer.may_read(&self.audience))
    }

    /// Whether anybody but agents may read it now.
    #[must_use]
    pub fn is_out(&self) -> bool {
        self.state == ArticleState::Published && self.audience != Audience::Agents
    }

    /// The groups of its search document.
    #[must_use]
    pub fn readers(&self) -> Vec<Reader> {
        self.audience.readers()
    }

    /// The article after a change, and the names of the fields that are different; everything that is wrong, at once.
    ///
    /// # Errors
    /// The fields whose values are not taken.
    pub fn changed(&self, change: ArticleChange, now: OffsetDateTime) -> Result<(Self, Vec<&'static str>), Vec<Problem>> {
        let mut after = self.clone();
        let mut fields = Vec::new();
        let mut unknown = Vec::new();
        set(&mut after.title, change.title.map(|title| title.trim().to_owned()), "title", &mut fields);
        set(&mut after.body, change.body, "body", &mut fields);
        set(&mut after.state, change.state, "state", &mut fields);
        set(&mut after.audience, change.audience, "audience", &mut fields);
        set(&mut after.kind, change.kind, "kind", &mut fields);
        set(&mut after.department, change.department.map(|name| name.trim().to_owned()), "department", &mut fields);
        set(&mut after.category, change.category.map(|name| name.trim().to_owned()), "category", &mut fields);
        set(&mut after.tags, change.tags.map(clean_tags), "tags", &mut fields);
        for id in &change.remove_files {
            if !after.attachments.iter().any(|file| file.id == *id) {
                unknown.push(Problem::new("remove_attachments", "invalid", "The article has no such file."));
            }
        }
        if !change.remove_files.is_empty() || !change.add_files.is_empty() {
            after.attachments.retain(|file| !change.remove_files.contains(&file.id));
            after.attachments.extend(change.add_files);
            fields.push("attachments");
        }
        let mut problems = after.problems();
        problems.extend(unknown);
        if !problems.is_empty() {
            return Err(problems);
        }
        if !fields.is_empty() {
            after.version += 1;
            after.updated_at = now;
            if after.state == ArticleState::Published {
                after.published_at = after.published_at.or(Some(now));
            }
        }
        Ok((after, fields))
    }

    /// Everything that is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_text(&mut problems, "title", &self.title, true, LONGEST_TITLE);
        check_text(&mut problems, "body", &self.body, true, LONGEST_BODY);
        check_text(&mut problems, "department", &self.department, false, LONGEST_NAME);
        check_text(&mut problems, "category", &self.category, false, LONGEST_NAME);
        self.audience.check(&mut problems);
        if self.tags.len() > MOST_TAGS || self.tags.iter().any(|tag| tag.chars().count() > LONGEST_TAG || tag.contains('\0')) {
            let message = format!("At most {MOST_TAGS} tags of at most {LONGEST_TAG} characters.");
            problems.push(Problem::new("tags", "invalid", message));
        }
        if self.attachments.len() > MOST_FILES {
            problems.push(Problem::new("uploads", "too_many", format!("An article has at most {MOST_FILES} files.")));
        }
        problems
    }
}

fn set<T: PartialEq>(field: &mut T, value: Option<T>, name: &'static str, fields: &mut Vec<&'static str>) {
    if let Some(value) = value
        && *field != value
    {
        *field = value;
        fields.push(name);
    }
}

/// Trimmed, without blanks and repetitions, in their order.
#[must_use]
pub fn clean_tags(tags: Vec<String>) -> Vec<String> {
    let mut clean: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim();
        if !tag.is_empty() && !clean.iter().any(|known| known == tag) {
            clean.push(tag.to_owned());
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::{Article, ArticleChange, ArticleKind, ArticleState};
    use crate::domain::audience::{Audience, Viewer};
    use crate::domain::ids::ArticleId;
    use time::OffsetDateTime;
    use uuid::Uuid;

    fn article() -> Article {
        Article {
            id: ArticleId::new(Uuid::from_u128(1)),
            slug: "reset".into(),
            source_id: None,
            title: "Reset".into(),
            body: "Press it.".into(),
            kind: ArticleKind::Article,
            state: ArticleState::Draft,
            audience: Audience::Public,
            department: String::new(),
            category: String::new(),
            tags: Vec::new(),
            attachments: Vec::new(),
            version: 1,
            created_at: OffsetDateTime::UNIX_EPOCH,
            published_at: None,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn later() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::days(1)
    }

    #[test]
    fn only_a_published_article_is_read_by_customers() {
        let mut article = article();
        assert!(!article.is_readable(&Viewer::Guest) && article.is_readable(&Viewer::Staff));
        article.state = ArticleState::Published;
        assert!(article.is_readable(&Viewer::Guest));
        article.audience = Audience::Agents;
        assert!(!article.is_readable(&Viewer::Customer { organization: None }) && !article.is_out());
    }

    #[test]
    fn a_change_names_what_is_different_and_nothing_else() {
        let change = ArticleChange { title: Some(" Reset ".into()), body: Some("Hold it.".into()), ..ArticleChange::default() };
        let (after, fields) = article().changed(change, later()).unwrap();
        assert_eq!((fields, after.version, after.updated_at), (vec!["body"], 2, later()));
        let (same, fields) = article().changed(ArticleChange::default(), later()).unwrap();
        assert_eq!((same, fields), (article(), Vec::new()));
    }

    #[test]
    fn the_first_publication_is_remembered() {
        let publish = ArticleChange { state: Some(ArticleState::Published), ..ArticleChange::default() };
        let (published, _) = article().changed(publish.clone(), later()).unwrap();
        assert_eq!(published.published_at, Some(later()));
        let back = ArticleChange { state: Some(ArticleState::Draft), ..ArticleChange::default() };
        let (draft, _) = published.changed(back, later()).unwrap();
        let (again, _) = draft.changed(publish, later() + time::Duration::days(1)).unwrap();
        assert_eq!(again.published_at, Some(later()));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let change = ArticleChange {
            title: Some(" ".into()),
            audience: Some(Audience::Organizations(Vec::new())),
            tags: Some(vec!["x".repeat(51)]),
            ..ArticleChange::default()
        };
        let fields: Vec<_> = article().changed(change, later()).unwrap_err().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["title", "organizations", "tags"]);
    }
}
