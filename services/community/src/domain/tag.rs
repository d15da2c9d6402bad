//! Tags: the same words written in many ways are one tag.

use super::refusal::Problem;

/// Tags of one topic.
pub const TAGS_MAX: usize = 5;
/// Characters of one tag.
pub const TAG_MAX: usize = 30;

/// Lower case, words joined by `-`; letters and digits of any script, `.`, `+` and `#` inside. `None` when it is no tag.
pub fn normalise(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('#').to_lowercase();
    let mut tag = String::new();
    for character in text.chars() {
        match character {
            c if c.is_whitespace() || c == '-' || c == '_' => {
                if !tag.is_empty() && !tag.ends_with('-') {
                    tag.push('-');
                }
            }
            c if c.is_alphanumeric() || matches!(c, '.' | '+' | '#') => tag.push(c),
            _ => return None,
        }
    }
    let tag = tag.trim_end_matches('-').to_owned();
    let fits = tag.chars().count() <= TAG_MAX && tag.chars().any(char::is_alphanumeric);
    fits.then_some(tag)
}

/// Normalises a list: no tag twice, in the order written.
pub fn normalise_all(tags: &[String]) -> Result<Vec<String>, Problem> {
    let mut found: Vec<String> = Vec::new();
    for text in tags.iter().filter(|text| !text.trim().is_empty()) {
        let Some(tag) = normalise(text) else {
            return Err(Problem::new("tags", "invalid", format!("A tag has at most {TAG_MAX} letters, digits and dashes.")));
        };
        if !found.contains(&tag) {
            found.push(tag);
        }
    }
    if found.len() > TAGS_MAX {
        return Err(Problem::new("tags", "too_many", format!("A topic has at most {TAGS_MAX} tags.")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(tags: &[&str]) -> Result<Vec<String>, Problem> {
        normalise_all(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn one_tag_however_it_is_written_cm_4() {
        for text in ["Single Sign-On", "#single_sign-on", "  single  sign on ", "SINGLE-SIGN-ON-"] {
            assert_eq!(normalise(text).as_deref(), Some("single-sign-on"), "{text}");
        }
        assert_eq!(normalise("C++").as_deref(), Some("c++"));
        assert_eq!(normalise("Größe").as_deref(), Some("größe"));
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for text in ["<b>", "a,b", "...", "", &"x".repeat(31)] {
            assert_eq!(normalise(text), None, "{text}");
        }
    }

    #[test]
    fn doubles_count_once_and_five_are_the_limit() {
        assert_eq!(all(&["a", "A", "b", ""]).unwrap(), ["a", "b"]);
        assert_eq!(all(&["a", "b", "c", "d", "e", "f"]).unwrap_err().code, "too_many");
        assert_eq!(all(&["a/b"]).unwrap_err().field, "tags");
    }
}
