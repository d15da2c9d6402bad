//! Looks at single members of a settings document.

use serde_json::Value;

use crate::error::FieldError;

/// Collects what is wrong with a document, one member after the other. A member that is absent is good: the reader has a default.
#[derive(Debug)]
pub struct Check<'d> {
    document: &'d Value,
    problems: Vec<FieldError>,
}

impl<'d> Check<'d> {
    /// Of this document.
    pub fn of(document: &'d Value) -> Self {
        Self { document, problems: Vec::new() }
    }

    /// The member at `path` (names with dots) must be true or false.
    #[must_use]
    pub fn flag(self, path: &str) -> Self {
        self.member(path, "true or false", Value::is_boolean)
    }

    /// The member must be a whole number from 1 on.
    #[must_use]
    pub fn count(self, path: &str) -> Self {
        self.member(path, "a whole number from 1 on", |value| value.as_u64().is_some_and(|count| count > 0))
    }

    /// The member must be a text that `fits`; `allowed` says in words what does.
    #[must_use]
    pub fn text(self, path: &str, allowed: &str, fits: impl Fn(&str) -> bool) -> Self {
        self.member(path, allowed, |value| value.as_str().is_some_and(fits))
    }

    /// The member must be good to `fits`; `allowed` says in words what is.
    #[must_use]
    pub fn member(mut self, path: &str, allowed: &str, fits: impl FnOnce(&Value) -> bool) -> Self {
        let found = self.document.pointer(&format!("/{}", path.replace('.', "/")));
        if found.is_some_and(|value| !fits(value)) {
            self.problems.push(FieldError::new(path.to_owned(), "invalid", format!("`{path}` must be {allowed}.")));
        }
        self
    }

    /// Everything that was wrong.
    pub fn done(self) -> Vec<FieldError> {
        self.problems
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_must_fit_and_what_is_absent_is_good() {
        let document = json!({"features": {"community": "yes"}, "limits": {"topics": 0}, "locales": []});
        let problems = Check::of(&document).flag("features.community").flag("features.signup").count("limits.topics").done();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["features.community", "limits.topics"]);
        assert_eq!(Check::of(&document).text("locales.0", "a language", |_| false).done(), []);
    }
}
