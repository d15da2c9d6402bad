//! What this service reads of a portal's settings document.

use portico_chassis::error::FieldError;
use portico_chassis::settings::{Check, FromDocument};
use serde_json::Value;

/// The part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Whether the portal's first language is English: then words are stemmed.
    pub english: bool,
    /// Whether the portal has announcements.
    pub announcements: bool,
    /// Whether the portal has a community.
    pub community: bool,
}

impl Default for Part {
    fn default() -> Self {
        Self { english: true, announcements: true, community: true }
    }
}

impl FromDocument for Part {
    fn from_document(document: &Value) -> Self {
        let on = |path: &str| document.pointer(path).and_then(Value::as_bool).unwrap_or(true);
        let locale = document.pointer("/locales/0").and_then(Value::as_str).unwrap_or("en");
        Self {
            english: locale.split('-').next() == Some("en"),
            announcements: on("/features/announcements"),
            community: on("/features/community"),
        }
    }

    fn problems(document: &Value) -> Vec<FieldError> {
        let check = Check::of(document).flag("features.announcements").flag("features.community");
        check.text("locales.0", "a language tag like en or de-AT", |tag| tag.starts_with(|c: char| c.is_ascii_alphabetic())).done()
    }
}

#[cfg(test)]
mod tests {
    use super::{FromDocument, Part};
    use serde_json::json;

    #[test]
    fn what_is_absent_has_the_products_default() {
        assert_eq!(Part::from_document(&json!({})), Part::default());
        let read = Part::from_document(&json!({"locales": ["de-AT", "en"], "features": {"announcements": false}}));
        assert_eq!(read, Part { english: false, announcements: false, community: true });
    }
}
