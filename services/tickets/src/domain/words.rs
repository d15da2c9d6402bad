//! Words for searching: the same cutting for what is stored and for what is asked.

use std::collections::BTreeSet;

/// Most different words kept of one text: a pasted log must not swell the index.
const MAX_WORDS: usize = 2_000;
/// Most characters kept of one word.
const MAX_WORD: usize = 40;
/// Most words of one question.
const MAX_QUERY_WORDS: usize = 12;

/// The different words of some texts, in lower case, for the search vector.
pub fn lexemes<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for text in texts {
        for word in cut(text) {
            if found.len() >= MAX_WORDS {
                return found.into_iter().collect();
            }
            found.insert(word);
        }
    }
    found.into_iter().collect()
}

/// The different words of a question, as many as count.
pub fn wanted(question: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in cut(question) {
        if words.len() < MAX_QUERY_WORDS && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// A tsquery that finds texts with all the words, each from its beginning; `None` when the question has no word.
///
/// Only letters and digits reach the query, each word quoted: nothing of the question is read as an operator.
pub fn query(question: &str) -> Option<String> {
    let words = wanted(question);
    (!words.is_empty()).then(|| joined(&words, " & "))
}

/// A tsquery that finds texts with any of the words of [`wanted`], each from its beginning.
pub fn any(words: &[String]) -> String {
    joined(words, " | ")
}

/// A tsquery that finds texts with one word of [`wanted`].
pub fn one(word: &str) -> String {
    format!("'{word}':*")
}

fn joined(words: &[String], operator: &str) -> String {
    words.iter().map(|word| one(word)).collect::<Vec<_>>().join(operator)
}

fn cut(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(MAX_WORD).flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric()).collect())
        .filter(|word: &String| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_sentence_are_cut_alike() {
        assert_eq!(lexemes(["DEMO-42: Printer läuft nicht"]), ["42", "demo", "läuft", "nicht", "printer"]);
        assert_eq!(query("DEMO-42").as_deref(), Some("'demo':* & '42':*"));
    }

    #[test]
    fn nothing_of_a_question_is_an_operator() {
        assert_eq!(query("a' | !b:* & \\'c").as_deref(), Some("'a':* & 'b':* & 'c':*"));
        assert_eq!(query(" '&|!() "), None);
        assert_eq!(any(&wanted("Pump, pump: noise")), "'pump':* | 'noise':*");
    }

    #[test]
    fn a_pasted_log_does_not_swell_the_index() {
        let log: String = (0..50_000).map(|line| format!("line{line} ")).collect();
        assert_eq!(lexemes([log.as_str()]).len(), MAX_WORDS);
        assert_eq!(wanted(&log).len(), MAX_QUERY_WORDS);
    }
}
