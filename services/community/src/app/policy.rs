//! The community's part of a portal's settings document.

use portico_chassis::settings::FromDocument;

/// What the settings say about the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether the portal has a community (`features.community`).
    pub is_open: bool,
}

impl FromDocument for Policy {
    fn from_document(document: &serde_json::Value) -> Self {
        Self { is_open: document.pointer("/features/community").and_then(serde_json::Value::as_bool).unwrap_or(true) }
    }
}
