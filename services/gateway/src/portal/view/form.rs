//! A form as it is shown again: what was typed, what was wrong, and its idempotency key.

use std::collections::BTreeMap;

/// A form's values and errors.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// The idempotency key: the same for every sending of this page.
    pub key: String,
    /// What was typed, by field.
    pub values: BTreeMap<String, String>,
    /// What was wrong, in the order of the fields.
    pub errors: Vec<FormError>,
    /// Files that are uploaded already and wait for the form.
    pub uploads: Vec<Upload>,
    /// Seconds until it may be sent again, when it came too often.
    pub retry_after: Option<u64>,
}

/// One thing that was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormError {
    /// The field's id, or empty when it is about the whole form.
    pub field: String,
    /// What to do.
    pub message: String,
}

/// A file that waits for its form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    /// What the form carries.
    pub token: String,
    /// The file's name.
    pub name: String,
    /// Its size in words.
    pub size: String,
}

impl Form {
    /// A form that nobody filled in yet.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// The same with a value.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// What was typed into a field.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// What is wrong with a field.
    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == name).map(|error| error.message.as_str())
    }

    /// Adds an error.
    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FormError { field: field.to_owned(), message: message.into() });
    }

    /// Whether the box with this beginning and id is ticked.
    pub fn on(&self, start: &str, id: &str) -> bool {
        self.value(&format!("{start}{id}")) == "true"
    }

    /// Whether a field holds exactly this.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }
}

/// What a human check shows.
#[derive(Debug, Clone, Default)]
pub struct Challenge {
    /// Sent back with the answer.
    pub token: String,
    /// Start of what is hashed.
    pub salt: String,
    /// Zero bits wanted.
    pub difficulty: i32,
}
