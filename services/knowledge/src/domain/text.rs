//! Addresses made from text.

/// Longest slug made from a title, in characters.
const LONGEST: usize = 80;

/// Lower case letters and digits of the text with single hyphens between its words; `fallback` when there are none.
#[must_use]
pub fn slug(text: &str, fallback: &str) -> String {
    let mut made = String::new();
    for ch in text.chars().flat_map(char::to_lowercase) {
        if made.chars().count() >= LONGEST {
            break;
        }
        match plain(ch) {
            Some(letters) => made.push_str(letters),
            None if ch.is_alphanumeric() => made.push(ch),
            None if !made.is_empty() && !made.ends_with('-') => made.push('-'),
            None => {}
        }
    }
    let made = made.trim_end_matches('-');
    if made.is_empty() { fallback.to_owned() } else { made.to_owned() }
}

/// Letters with a mark, without it; apostrophes vanish.
fn plain(ch: char) -> Option<&'static str> {
    Some(match ch {
        '\'' | '’' => "",
        'ä' | 'æ' => "ae",
        'ö' | 'ø' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'à' | 'á' | 'â' | 'ã' | 'å' => "a",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' => "o",
        'ù' | 'ú' | 'û' => "u",
        _ => return None,
    })
}

/// A category's id: what addresses and filters use. Empty for an empty name.
#[must_use]
pub fn category_id(name: &str) -> String {
    slug(name, "")
}

#[cfg(test)]
mod tests {
    use super::{category_id, slug};

    #[test]
    fn a_slug_is_words_with_hyphens() {
        assert_eq!(slug("How do I re-set my password?", "x"), "how-do-i-re-set-my-password");
        assert_eq!(slug("  Größe & Farbe: what’s new  ", "x"), "groesse-farbe-whats-new");
        assert_eq!(slug("???", "article"), "article");
        assert_eq!(slug("日本語 ガイド", "x"), "日本語-ガイド");
        assert!(slug(&"word ".repeat(100), "x").chars().count() <= 81);
    }

    #[test]
    fn a_category_is_the_same_by_name_and_by_id() {
        assert_eq!(category_id("Billing & Plans"), "billing-plans");
        assert_eq!(category_id(&category_id("Billing & Plans")), "billing-plans");
        assert_eq!(category_id(""), "");
    }
}
