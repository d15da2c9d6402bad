//! Checks of what comes in: every field that does not fit is named, all at once, by its name in the JSON API.

use std::str::FromStr;

use portico_chassis::clock::from_proto;
use portico_chassis::error::{Error, FieldError};
use time::OffsetDateTime;

/// Markdown texts, in characters.
pub const LONGEST_BODY: usize = 60_000;
/// Subjects, in characters.
pub const LONGEST_SUBJECT: usize = 200;
/// Names of people and things, in characters.
pub const LONGEST_NAME: usize = 120;
/// Mail addresses, in bytes.
const LONGEST_EMAIL: usize = 254;

/// Collects what does not fit.
#[derive(Debug, Default)]
pub struct Form(Vec<FieldError>);

impl Form {
    /// Notes that a field does not fit.
    pub fn wrong(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.0.push(FieldError::new(field, code, message));
    }

    /// All that does not fit, if anything.
    pub fn done(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    /// Takes over what does not fit in a part, under the part's name: `history[2].body`.
    pub fn part(&mut self, name: &str, part: Self) {
        self.0.extend(part.0.into_iter().map(|wrong| FieldError { field: format!("{name}.{}", wrong.field), ..wrong }));
    }

    /// One line of at most `most` characters; may be empty.
    pub fn line(&mut self, field: &str, text: &str, most: usize) -> String {
        let text = text.trim();
        if text.chars().count() > most {
            self.wrong(field, "too_long", format!("At most {most} characters."));
        } else if text.chars().any(char::is_control) {
            self.wrong(field, "invalid", "One line of text, please.");
        }
        text.to_owned()
    }

    /// One line that must be there.
    pub fn required_line(&mut self, field: &str, text: &str, most: usize) -> String {
        let line = self.line(field, text, most);
        if line.is_empty() {
            self.wrong(field, "required", "Fill this in.");
        }
        line
    }

    /// Markdown of at most [`LONGEST_BODY`] characters; may be empty.
    pub fn markdown(&mut self, field: &str, text: &str) -> String {
        // Fewer bytes than that can't be too many characters: long texts are counted only when it matters.
        if text.len() > LONGEST_BODY && text.chars().count() > LONGEST_BODY {
            self.wrong(field, "too_long", format!("At most {LONGEST_BODY} characters."));
        } else if text.contains('\0') {
            self.wrong(field, "invalid", "The text has characters that are none.");
        }
        text.trim_end().to_owned()
    }

    /// Markdown that must be there.
    pub fn required_markdown(&mut self, field: &str, text: &str) -> String {
        let text = self.markdown(field, text);
        if text.trim().is_empty() {
            self.wrong(field, "required", "Write something.");
        }
        text
    }

    /// A short text of several lines, of at most `most` characters; may be empty.
    pub fn words(&mut self, field: &str, text: &str, most: usize) -> String {
        if text.chars().count() > most {
            self.wrong(field, "too_long", format!("At most {most} characters."));
        } else if text.contains('\0') {
            self.wrong(field, "invalid", "The text has characters that are none.");
        }
        text.trim().to_owned()
    }

    /// An id that may be left out.
    pub fn id<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong(field, "invalid", "Choose one from the list.");
        }
        parsed
    }

    /// A value of a closed set that may be left out: 0.
    pub fn choice<T>(&mut self, field: &str, code: i32, from_code: impl Fn(i16) -> Option<T>) -> Option<T> {
        if code == 0 {
            return None;
        }
        let known = i16::try_from(code).ok().and_then(from_code);
        if known.is_none() {
            self.wrong(field, "invalid", "This is none of the values.");
        }
        known
    }

    /// A mail address, in lower case. Identity has the last word on what is one.
    pub fn email(&mut self, field: &str, text: &str) -> String {
        let text = text.trim().to_lowercase();
        let shaped = text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'));
        let plain = !text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || "<>(),;:\\\"[]".contains(letter));
        if text.is_empty() {
            self.wrong(field, "required", "Give a mail address.");
        } else if text.len() > LONGEST_EMAIL || !shaped || !plain {
            self.wrong(field, "invalid", "This is not a mail address.");
        }
        text
    }

    /// A time that may be left out.
    pub fn time(&mut self, field: &str, at: Option<&prost_types::Timestamp>) -> Option<OffsetDateTime> {
        let parsed = at.map(from_proto)?;
        // PostgreSQL's years; chassis times are far inside.
        let sound = parsed.filter(|at| (1..=9999).contains(&at.year()));
        if sound.is_none() {
            self.wrong(field, "invalid", "This is not a time.");
        }
        sound.map(crate::app::micros)
    }

    /// A score from 1 to 5; 0 when it may be left out.
    pub fn score(&mut self, field: &str, score: i32) -> Option<u8> {
        match u8::try_from(score) {
            Ok(0) => None,
            Ok(score @ 1..=5) => Some(score),
            _ => {
                self.wrong(field, "out_of_range", "Choose a score from 1 to 5.");
                None
            }
        }
    }
}

/// The version in an etag; a text that is none is no version that was ever seen.
pub fn etag(text: &str) -> Result<Option<i64>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    text.trim_matches('"').parse().map(Some).map_err(|_| Error::version_conflict())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_does_not_fit_is_named_at_once() {
        let mut form = Form::default();
        form.required_line("subject", "  ", LONGEST_SUBJECT);
        form.required_markdown("description", &"x".repeat(LONGEST_BODY + 1));
        form.required_markdown("fits", &"ü".repeat(LONGEST_BODY));
        form.email("email", "a b@c.de");
        form.choice("priority", 9, crate::domain::kinds::Priority::from_code);
        let Err(Error::Invalid(fields)) = form.done() else { panic!("nothing was wrong") };
        let named: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(named, ["subject", "description", "email", "priority"]);
    }

    #[test]
    fn addresses_are_recognised_by_their_shape() {
        for (text, good) in
            [("A@b.de", true), ("a@b", false), ("a@@b.de", false), ("a@b.de>", false), ("\"x\"@b.de", false), ("a\n@b.de", false)]
        {
            let mut form = Form::default();
            form.email("email", text);
            assert_eq!(form.done().is_ok(), good, "{text:?}");
        }
    }
}
