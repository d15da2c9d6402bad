//! The piece of a text that shows why it was found.

use std::collections::HashSet;

use super::token::{MAX_WORD, normal, spans};

/// Bytes of a text that are looked at for a snippet.
const LOOKED_AT: usize = 20_000;
/// Words of a snippet.
const WORDS: usize = 32;

/// Safe HTML of the piece with the most different matches, `<mark>` around each.
///
/// `stem` turns a word into the form in which `wanted` holds it, and keeps its first letter: most words of a text need not be stemmed to
/// be told apart. Without a match it is the beginning of the text.
#[must_use]
pub fn snippet(text: &str, wanted: &HashSet<String>, stem: &dyn Fn(&str) -> String) -> String {
    let text = &text[..floor(text, LOOKED_AT)];
    let words: Vec<(usize, usize)> = spans(text).into_iter().filter(|(start, end)| end - start <= MAX_WORD).collect();
    let mut letters: Vec<char> = wanted.iter().filter_map(|stem| stem.chars().next()).collect();
    letters.sort_unstable();
    letters.dedup();
    let matched = |raw: &str| {
        let letter = raw.chars().next().and_then(|letter| letter.to_lowercase().next())?;
        if !letters.contains(&letter) {
            return None;
        }
        wanted.get(&stem(&normal(raw))).map(String::as_str)
    };
    let stems: Vec<Option<&str>> = words.iter().map(|(start, end)| matched(&text[*start..*end])).collect();
    let begin = best_window(&stems);
    let end = (begin + WORDS).min(words.len());
    let (Some(first), Some(last)) = (words.get(begin), words.get(end.saturating_sub(1))) else {
        return String::new();
    };
    let mut html = String::new();
    if begin > 0 {
        html.push_str("… ");
    }
    let mut at = first.0;
    for (&(start, end), stemmed) in words[begin..end].iter().zip(&stems[begin..end]) {
        if stemmed.is_some() {
            escape(&text[at..start], &mut html);
            html.push_str("<mark>");
            escape(&text[start..end], &mut html);
            html.push_str("</mark>");
            at = end;
        }
    }
    let rest = &text[at..];
    let tail = if end == words.len() { rest.trim_end() } else { &text[at..last.1.max(at)] };
    escape(tail, &mut html);
    if end < words.len() {
        html.push_str(" …");
    }
    html
}

/// The largest cut not above `limit` between characters.
fn floor(text: &str, limit: usize) -> usize {
    let mut cut = limit.min(text.len());
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    cut
}

/// Where the window with the most different matched stems begins; ties go to the earliest.
fn best_window(stems: &[Option<&str>]) -> usize {
    let mut best = (0, 0);
    let mut different: Vec<&str> = Vec::new();
    for (begin, stem) in stems.iter().enumerate() {
        if stem.is_none() {
            continue;
        }
        different.clear();
        for held in stems[begin..(begin + WORDS).min(stems.len())].iter().flatten() {
            if !different.contains(held) {
                different.push(held);
            }
        }
        if different.len() > best.1 {
            best = (begin, different.len());
        }
    }
    // A few words before the first match make it readable.
    best.0.saturating_sub(4)
}

fn escape(text: &str, html: &mut String) {
    let mut blank = false;
    for ch in text.chars() {
        if ch.is_whitespace() || ch.is_control() {
            if !blank {
                html.push(' ');
            }
            blank = true;
            continue;
        }
        blank = false;
        match ch {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::snippet;
    use std::collections::HashSet;

    fn show(text: &str, wanted: &[&str]) -> String {
        let wanted: HashSet<String> = wanted.iter().map(|word| (*word).to_owned()).collect();
        snippet(text, &wanted, &|word| word.trim_end_matches('s').to_owned())
    }

    #[test]
    fn matches_are_marked_and_everything_else_is_escaped() {
        assert_eq!(
            show("Use <b>Printers</b> & \"more\"", &["printer"]),
            "Use &lt;b&gt;<mark>Printers</mark>&lt;/b&gt; &amp; &quot;more&quot;"
        );
    }

    #[test]
    fn the_window_follows_the_matches() {
        let text = format!("{} the printer is on fire {}", "word ".repeat(100), "tail ".repeat(100));
        let html = show(&text, &["printer", "fire"]);
        assert!(html.starts_with("… ") && html.ends_with(" …"), "{html}");
        assert!(html.contains("<mark>printer</mark> is on <mark>fire</mark>"), "{html}");
    }

    #[test]
    fn the_window_with_the_most_different_matches_wins_and_the_earliest_of_equals() {
        let pause = "tail ".repeat(60);
        let html = show(&format!("printer printer {pause} printers on fire {pause} fire, printer"), &["printer", "fire"]);
        assert!(html.starts_with("… ") && html.contains("<mark>printers</mark> on <mark>fire</mark>"), "{html}");
        assert!(!html.contains("<mark>fire</mark>, <mark>printer</mark>"), "{html}");
    }

    #[test]
    fn capitals_and_letters_beyond_ascii_match_too() {
        assert_eq!(show("Ärger mit ÄRGER’n", &["ärger", "ärger'n"]), "<mark>Ärger</mark> mit <mark>ÄRGER’n</mark>");
    }

    #[test]
    fn without_a_match_the_text_begins_and_an_empty_text_shows_nothing() {
        assert_eq!(show("Some text.", &["zebra"]), "Some text.");
        assert_eq!(show("", &["zebra"]), "");
    }
}
