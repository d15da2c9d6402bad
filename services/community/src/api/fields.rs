//! Reads fields within their bounds and collects all that is wrong, named as the JSON API names it.

use portico_proto::community::v1 as wire;

use crate::domain::address;
use crate::domain::forum::Audience;
use crate::domain::refusal::Problem;
use crate::domain::tag;
use crate::domain::text;
use crate::domain::topic::TopicType;

/// What was wrong so far.
#[derive(Default)]
pub(super) struct Fields(Vec<Problem>);

impl Fields {
    /// One line of at most `max` characters.
    pub fn line(&mut self, field: &'static str, text: &str, max: usize) -> String {
        // A text that is far too long is not worth normalising.
        if text.len() > max * 8 {
            self.too_long(field, max);
            return String::new();
        }
        let line = text::one_line(text);
        if line.chars().count() > max {
            self.too_long(field, max);
        }
        line
    }

    /// A text of at most `max` characters.
    pub fn text(&mut self, field: &'static str, text: &str, max: usize) -> String {
        if text.len() > max && text.chars().count() > max {
            self.too_long(field, max);
            return String::new();
        }
        // PostgreSQL can't keep it, and nobody can type it.
        if text.contains('\0') {
            self.push(field, "invalid", "The text has a character that can't be stored.");
            return String::new();
        }
        text.to_owned()
    }

    /// Tags in their normal form.
    pub fn tags(&mut self, tags: &[String]) -> Vec<String> {
        self.checked(tag::normalise_all(tags))
    }

    /// Addresses in their normal form.
    pub fn addresses(&mut self, addresses: &[String]) -> Vec<String> {
        self.checked(address::normalise_all(addresses))
    }

    /// A topic's type; `None` when it is left open or unknown.
    pub fn topic_type(&mut self, number: i32) -> Option<TopicType> {
        let known = topic_type(number);
        if known.is_none() && number != 0 {
            self.push("type", "invalid", "Choose question, idea, problem, discussion or announcement.");
        }
        known
    }

    /// A topic's type that must be given.
    pub fn required_type(&mut self, number: i32) -> TopicType {
        let known = self.topic_type(number);
        if number == 0 {
            self.push("type", "required", "Choose what the topic is.");
        }
        known.unwrap_or(TopicType::Discussion)
    }

    /// An audience; `None` when it is left open.
    pub fn audience(&mut self, number: i32) -> Option<Audience> {
        match wire::Audience::try_from(number) {
            Ok(wire::Audience::Public) => Some(Audience::Public),
            Ok(wire::Audience::Customers) => Some(Audience::Customers),
            Ok(wire::Audience::Agents) => Some(Audience::Agents),
            Ok(wire::Audience::Unspecified) => None,
            Err(_) => {
                self.push("audience", "invalid", "Choose public, customers or agents.");
                None
            }
        }
    }

    /// Records something else that is wrong.
    pub fn push(&mut self, field: &'static str, code: &'static str, message: &str) {
        self.0.push(Problem::new(field, code, message));
    }

    /// All that was wrong.
    pub fn problems(self) -> Vec<Problem> {
        self.0
    }

    fn too_long(&mut self, field: &'static str, max: usize) {
        self.push(field, "too_long", &format!("Use at most {max} characters."));
    }

    fn checked(&mut self, result: Result<Vec<String>, Problem>) -> Vec<String> {
        result.unwrap_or_else(|problem| {
            self.0.push(problem);
            Vec::new()
        })
    }
}

/// A topic's type; `None` for one that is not known.
pub(super) fn topic_type(number: i32) -> Option<TopicType> {
    match wire::TopicType::try_from(number).ok()? {
        wire::TopicType::Question => Some(TopicType::Question),
        wire::TopicType::Idea => Some(TopicType::Idea),
        wire::TopicType::Problem => Some(TopicType::Problem),
        wire::TopicType::Discussion => Some(TopicType::Discussion),
        wire::TopicType::Announcement => Some(TopicType::Announcement),
        wire::TopicType::Unspecified => None,
    }
}

/// The version in an etag; one that we never gave out matches no version.
pub(super) fn etag(text: &str) -> Option<i64> {
    if text.is_empty() { None } else { Some(text.parse().unwrap_or(-1)) }
}
