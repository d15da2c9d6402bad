//! The part of a text that a search shows.

use portico_chassis::markdown;

/// Characters before the first word that was found.
const BEFORE: usize = 40;
/// Characters of a snippet.
const LONGEST: usize = 160;
/// Characters that are compared with a word: longer ones are not kept (see `words`).
const WORD: usize = 60;
/// Places that are looked for.
const PLACES: usize = 20;

/// Safe HTML: the text around the first of the words, each marked from its beginning; `None` when none is there.
pub fn marked(text: &str, words: &[String]) -> Option<String> {
    let chars = one_line(text);
    let begins = |at: usize| at == 0 || chars.get(at - 1).is_some_and(|before| !before.is_alphanumeric());
    let found = |at: usize| {
        let rest: String = chars.iter().skip(at).take(WORD).collect::<String>().to_lowercase();
        words.iter().filter(|word| rest.starts_with(word.as_str())).map(|word| word.chars().count()).max()
    };
    let places: Vec<(usize, usize)> =
        (0..chars.len()).filter(|at| begins(*at)).filter_map(|at| found(at).map(|length| (at, at + length))).take(PLACES).collect();
    let (first, _) = places.first()?;
    let start = first.saturating_sub(BEFORE);
    let end = (start + LONGEST).min(chars.len());
    let mut html = if start > 0 { "…".to_owned() } else { String::new() };
    let mut at = start;
    for (from, to) in places {
        if let (Some(before), Some(word), true) = (chars.get(at..from), chars.get(from..to), to <= end) {
            html += &format!("{}<mark>{}</mark>", escape(before), escape(word));
            at = to;
        }
    }
    html += &escape(chars.get(at..end).unwrap_or_default());
    Some(if end < chars.len() { html + "…" } else { html })
}

/// Safe HTML: how a text begins.
pub fn beginning(text: &str) -> String {
    let chars = one_line(text);
    let html = escape(chars.get(..LONGEST).unwrap_or(&chars));
    if chars.len() > LONGEST { html + "…" } else { html }
}

fn escape(chars: &[char]) -> String {
    markdown::escape(&chars.iter().collect::<String>())
}

fn one_line(text: &str) -> Vec<char> {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::wanted;

    #[test]
    fn a_snippet_marks_the_words_and_escapes_the_rest() {
        let words = wanted("relay");
        assert_eq!(marked("The <b>Relays</b>\n click", &words).as_deref(), Some("The &lt;b&gt;<mark>Relay</mark>s&lt;/b&gt; click"));
        assert_eq!(marked("nothing of a prelay here", &words), None);
        assert_eq!(marked("", &words), None);
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_word() {
        let shown = marked(&format!("{} relay {}", "word ".repeat(40), "more ".repeat(80)), &wanted("relay")).unwrap();
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("<mark>relay</mark>"), "{shown}");
        assert_eq!(beginning(&"a&b ".repeat(100)), format!("{}…", "a&amp;b ".repeat(40)));
        assert_eq!(beginning("two\nlines"), "two lines");
    }
}
