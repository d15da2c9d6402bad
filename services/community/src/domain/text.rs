//! Texts that people write: their bounds and their forms.

/// Characters of a topic's title.
pub const TITLE_MAX: usize = 200;
/// Characters of a topic's or post's Markdown.
pub const BODY_MAX: usize = 50_000;
/// Characters of a report's reason.
pub const REPORT_MAX: usize = 2_000;
/// Characters of the reason for a lock.
pub const LOCK_REASON_MAX: usize = 500;
/// Characters of a forum's name.
pub const FORUM_NAME_MAX: usize = 80;
/// Characters of a forum's description.
pub const FORUM_DESCRIPTION_MAX: usize = 500;
/// Characters of a slug.
const SLUG_MAX: usize = 60;

/// One line: control characters and line separators become spaces, runs of blanks become one, the ends are trimmed.
/// A title reaches mail headers and logs, where a line break would forge a line.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(breaks_words).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn breaks_words(character: char) -> bool {
    character.is_whitespace() || character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Whether nothing that can be read is in the text.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|character| breaks_words(character) || matches!(character, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}'))
}

/// The part of an address that lets people read what is behind it: `a-z`, `0-9` and `-`, at most 60 characters.
/// `fallback` when the text has nothing to give.
pub fn slug(text: &str, fallback: &str) -> String {
    let mut slug = String::new();
    let mut gap = false;
    for character in text.chars() {
        let Some(letters) = latin(character) else {
            gap = true;
            continue;
        };
        let wanted = letters.len() + usize::from(gap && !slug.is_empty());
        if slug.len() + wanted > SLUG_MAX {
            break;
        }
        if gap && !slug.is_empty() {
            slug.push('-');
        }
        gap = false;
        slug.push_str(&letters);
    }
    if slug.is_empty() { fallback.to_owned() } else { slug }
}

/// A letter or digit in plain Latin; `None` for everything else. Apostrophes vanish inside words.
fn latin(character: char) -> Option<String> {
    if character.is_ascii_alphanumeric() {
        return Some(character.to_ascii_lowercase().to_string());
    }
    let lower = character.to_lowercase().next().unwrap_or(character);
    let plain = match lower {
        '\'' | '’' => "",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ő' => "o",
        'ö' | 'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ß' => "ss",
        'ť' | 'ţ' => "t",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    };
    Some(plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_whatever_was_sent_s58() {
        assert_eq!(one_line("  Why\r\nBcc: x\u{2028}is\u{0}it\tslow? "), "Why Bcc: x is it slow?");
    }

    #[test]
    fn invisible_text_is_blank() {
        assert!(is_blank(" \n\u{200b}\u{feff}"));
        assert!(!is_blank("."));
    }

    #[test]
    fn a_slug_reads_like_the_title() {
        assert_eq!(slug("Why can't Größe be exported?!", "topic"), "why-cant-groesse-be-exported");
        assert_eq!(slug("質問", "topic"), "topic");
        assert_eq!(slug(&"long word ".repeat(20), "topic").len(), 59);
        assert!(!slug(&"a ".repeat(80), "topic").ends_with('-'));
    }
}
