//! The small things that many pages show: a moment, a status, a person, a file.

use std::fmt;

use askama::filters::HtmlSafe;
use chassis::markdown::escape;

/// A moment, in the reader's zone. Shown as a `<time>` whose title is the exact time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// RFC 3339, UTC.
    pub iso: String,
    /// "2 hours ago" or "24 Nov 2026".
    pub text: String,
    /// "Tuesday 24 November 2026, 11:47".
    pub exact: String,
    /// Whether a script may keep the words current.
    pub relative: bool,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.iso.is_empty() {
            return Ok(());
        }
        let live = if self.relative { " data-relative" } else { "" };
        write!(f, "<time datetime=\"{}\" title=\"{}\"{live}>{}</time>", self.iso, self.exact, self.text)
    }
}

impl HtmlSafe for When {}

/// A status as people read it: a dot beside a word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The canonical name, which gives the dot its hue.
    pub key: &'static str,
    /// The portal's word.
    pub label: String,
    /// What it means.
    pub definition: String,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<span class=\"status\"><span class=\"dot {}\"></span>{}</span>", self.key, escape(&self.label))
    }
}

impl HtmlSafe for Status {}

/// HTML that was made safe where it was made: by a service's Markdown renderer or by `chassis::markdown`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SafeHtml(pub String);

impl fmt::Display for SafeHtml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for SafeHtml {}

/// The text that was escaped.
pub fn unescape(html: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    entities.iter().fold(html.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

/// Somebody in a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// Whether this is one of the portal's team.
    pub team: bool,
    /// Whether this is the reader.
    pub me: bool,
}

impl Person {
    /// One or two letters for the avatar.
    pub fn initials(&self) -> String {
        initials(&self.name)
    }
}

/// First letters of the first and the last word of a name.
pub fn initials(name: &str) -> String {
    let mut words = name.split(|c: char| c.is_whitespace() || c == '@' || c == '.').filter(|word| !word.is_empty());
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first.into_iter().chain(last).collect()
}

/// A file of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// "1.2 MB".
    pub size: String,
    /// Where it is fetched.
    pub url: String,
    /// Whether it may be fetched now.
    pub ready: bool,
    /// Why not, otherwise.
    pub state: &'static str,
}

/// A choice of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What the person reads.
    pub label: String,
}

impl Choice {
    /// A choice from two texts.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// A tab or a queue with its count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tab {
    /// Where it leads.
    pub url: String,
    /// Its words.
    pub label: String,
    /// How many are in it; empty when not counted.
    pub count: String,
    /// Whether it is the one that is shown.
    pub current: bool,
    /// An icon's name, or empty.
    pub icon: &'static str,
}

/// A step of the way to this page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crumb {
    /// Where it leads.
    pub url: String,
    /// Its words.
    pub label: String,
}

/// A size in words. A KB is 1,024 bytes, so that the default limit of an upload is 25 MB everywhere.
pub fn size(bytes: i64) -> String {
    const KB: i64 = 1024;
    const MB: i64 = 1024 * KB;
    match bytes {
        ..KB => format!("{bytes} bytes"),
        KB..MB => format!("{} KB", bytes / KB),
        _ => {
            let text = format!("{}.{}", bytes / MB, bytes % MB * 10 / MB);
            format!("{} MB", text.strip_suffix(".0").unwrap_or(&text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_those_of_the_first_and_last_name() {
        assert_eq!(initials("Alice Marie Moreau"), "AM");
        assert_eq!(initials("Zoë"), "Z");
        assert_eq!(initials(""), "");
    }

    #[test]
    fn sizes_are_read_without_needless_digits() {
        assert_eq!([size(12), size(20_480), size(26_214_400), size(1_363_149)], ["12 bytes", "20 KB", "25 MB", "1.3 MB"]);
    }

    #[test]
    fn a_status_escapes_the_portals_word() {
        let status = Status { key: "new", label: "<New>".into(), definition: String::new() };
        assert!(status.to_string().contains("&lt;New&gt;"));
    }
}
