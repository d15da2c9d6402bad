//! The community's part of a portal's settings document.

use portico_chassis::error::FieldError;
use portico_chassis::settings::{Check, FromDocument};

/// What the settings say about the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether the portal has a community (`features.community`).
    pub is_open: bool,
    /// Topics and drafts that one person begins in an hour (`limits.topics_per_hour_per_person`).
    pub topics_per_hour: u64,
    /// Posts that one person writes in an hour (`limits.comments_per_hour_per_person`).
    pub posts_per_hour: u64,
}

/// What holds where the settings say nothing.
const TOPICS_PER_HOUR: u64 = 20;
/// What holds where the settings say nothing.
const POSTS_PER_HOUR: u64 = 120;

impl FromDocument for Policy {
    fn from_document(document: &serde_json::Value) -> Self {
        let number = |pointer: &str, default: u64| document.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or(default);
        Self {
            is_open: document.pointer("/features/community").and_then(serde_json::Value::as_bool).unwrap_or(true),
            topics_per_hour: number("/limits/topics_per_hour_per_person", TOPICS_PER_HOUR),
            posts_per_hour: number("/limits/comments_per_hour_per_person", POSTS_PER_HOUR),
        }
    }

    fn problems(document: &serde_json::Value) -> Vec<FieldError> {
        let check = Check::of(document).flag("features.community").count("limits.topics_per_hour_per_person");
        check.count("limits.comments_per_hour_per_person").done()
    }
}
