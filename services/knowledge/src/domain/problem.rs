//! What is wrong with a field.

/// A field and the reason why its value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Name in the JSON API.
    pub field: &'static str,
    /// Stable, snake_case.
    pub code: &'static str,
    /// A sentence for the person who filled in the form.
    pub message: String,
}

impl Problem {
    /// One field, one reason.
    pub fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field, code, message: message.into() }
    }
}

/// Adds a problem when a required text is blank or a text is longer than `most` characters.
pub fn check_text(problems: &mut Vec<Problem>, field: &'static str, text: &str, required: bool, most: usize) {
    if required && text.trim().is_empty() {
        problems.push(Problem::new(field, "required", format!("Fill in the {field}.")));
    }
    if text.chars().count() > most {
        problems.push(Problem::new(field, "too_long", format!("The {field} may have at most {most} characters.")));
    }
    if text.contains('\0') {
        problems.push(Problem::new(field, "invalid", format!("The {field} holds a character that is not text.")));
    }
}
