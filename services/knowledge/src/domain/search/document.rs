//! What the index holds of an article, announcement or topic.

use serde::{Deserialize, Serialize};

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SearchKind {
    /// A knowledge article.
    Article,
    /// A frequently asked question.
    Faq,
    /// A topic of the community.
    Topic,
    /// An announcement.
    Announcement,
}

/// All kinds in the order of answers.
pub const KINDS: [SearchKind; 4] = [SearchKind::Article, SearchKind::Faq, SearchKind::Topic, SearchKind::Announcement];

impl SearchKind {
    /// The number that tables and the index store.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Article => 1,
            Self::Faq => 2,
            Self::Topic => 3,
            Self::Announcement => 4,
        }
    }

    /// The kind of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.code() == code)
    }
}

/// A document of the index.
#[derive(Debug, Clone)]
pub struct SearchDocument {
    /// The portal's slug.
    pub portal: String,
    /// What it is.
    pub kind: SearchKind,
    /// The id of the article, announcement or topic.
    pub id: String,
    /// Plain text.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// Who may see it.
    pub readers: Vec<Reader>,
    /// Department id or name, empty when none.
    pub department: String,
    /// Category id, empty when none.
    pub category: String,
    /// Whether English stemming and stop words apply.
    pub english: bool,
    /// Seconds since 1970 from when on it may be seen.
    pub valid_from: i64,
    /// Seconds since 1970 until when it may be seen.
    pub valid_until: i64,
}

/// A group of people that may see a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reader {
    /// Everybody.
    Anybody,
    /// Whoever is signed in.
    SignedIn,
    /// Agents and administrators.
    Staff,
    /// Members of an organisation, by its id.
    Organization(String),
}

impl Reader {
    /// The word that the index stores.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Anybody => "r:anybody".to_owned(),
            Self::SignedIn => "r:signed-in".to_owned(),
            Self::Staff => "r:staff".to_owned(),
            Self::Organization(id) => format!("r:org:{id}"),
        }
    }

    /// The group of a stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "r:anybody" => Some(Self::Anybody),
            "r:signed-in" => Some(Self::SignedIn),
            "r:staff" => Some(Self::Staff),
            other => other.strip_prefix("r:org:").map(|id| Self::Organization(id.to_owned())),
        }
    }
}
