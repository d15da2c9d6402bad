//! Bounds of short texts.

use std::fmt;

/// Longest name of a person, organisation or portal, in characters.
pub const NAME_CHARS: usize = 120;

/// Why a short text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// Nothing but spaces.
    #[error("required")]
    Empty,
    /// More characters than allowed.
    #[error("too long")]
    TooLong,
    /// Line breaks and other control characters would reach mail headers (S58).
    #[error("contains characters that are not allowed")]
    Control,
}

impl TextProblem {
    /// The stable code of the field error.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "required",
            Self::TooLong => "too_long",
            Self::Control => "invalid",
        }
    }
}

/// A text of one line: trimmed, 1 to `max` characters, no control or direction-changing character.
pub fn one_line(text: &str, max: usize) -> Result<String, TextProblem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextProblem::Empty);
    }
    if text.chars().count() > max {
        return Err(TextProblem::TooLong);
    }
    if text.chars().any(is_hidden) { Err(TextProblem::Control) } else { Ok(text.to_owned()) }
}

/// Control characters, line separators and characters that turn the direction of writing around.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The first `max` bytes of a text, cut at a character; control characters become spaces. For user agents, which nobody validates.
pub fn clipped(text: &str, max: usize) -> String {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

/// A BCP 47 tag as far as Portico uses them: `en`, `de-AT`, `zh-Hant-TW`.
pub fn is_locale(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase()));
    language && tag.len() <= 20 && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whether a text looks like an IANA time zone name: `UTC`, `Europe/Berlin`, `America/Argentina/Ushuaia`.
pub fn is_time_zone(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    (1..=60).contains(&name.len()) && name.split('/').count() <= 3 && name.split('/').all(part)
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(one_line("  Ada  ", 120).as_deref(), Ok("Ada"));
        assert_eq!(one_line(" \t ", 120), Err(TextProblem::Empty));
        assert_eq!(one_line(&"ä".repeat(121), 120), Err(TextProblem::TooLong));
    }

    #[test]
    fn what_could_forge_a_header_is_refused() {
        for bad in ["a\r\nBcc: x", "a\0b", "a\u{2028}b", "a\u{202e}b"] {
            assert_eq!(one_line(bad, 120), Err(TextProblem::Control), "{bad:?}");
        }
    }

    #[test]
    fn a_user_agent_is_cut_at_a_character() {
        assert_eq!(clipped("aä", 2), "a");
        assert_eq!(clipped("a\nb", 300), "a b");
    }

    #[test]
    fn locales_and_time_zones_are_told_from_nonsense() {
        for good in ["en", "de-AT", "zh-Hant-TW"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "EN", "english", "en_US", "en-", "e"] {
            assert!(!is_locale(bad), "{bad}");
        }
        for good in ["UTC", "Europe/Berlin", "Etc/GMT+5", "America/Argentina/Ushuaia"] {
            assert!(is_time_zone(good), "{good}");
        }
        for bad in ["", "Europe/", "../etc", "a b", "1/2"] {
            assert!(!is_time_zone(bad), "{bad}");
        }
    }
}
