//! Files of articles.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::ids::AttachmentId;

/// Whether a file may be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanState {
    /// Not looked at yet.
    Quarantined,
    /// Nothing was found.
    Clean,
    /// Never given out.
    Infected,
}

impl ScanState {
    /// The word in tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Clean => "clean",
            Self::Infected => "infected",
        }
    }

    /// From its stored word; what is unknown is not given out.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "clean" => Self::Clean,
            "infected" => Self::Infected,
            _ => Self::Quarantined,
        }
    }
}

/// A file of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// The name that people see.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// As the gateway found it to be.
    pub content_type: String,
    /// SHA-256 of the content.
    pub sha256: Vec<u8>,
    /// Whether it may be downloaded.
    pub state: ScanState,
    /// When it was added.
    pub created_at: OffsetDateTime,
}
