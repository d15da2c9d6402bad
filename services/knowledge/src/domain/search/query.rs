//! What somebody asks for.

use super::stop::is_stop;
use super::token::tokens;
use super::tuning::Tuning;

/// Longer queries than this many words weigh their first words more: a post begins with its subject.
const LONG: usize = 30;
/// No word weighs more than this many times a plain one.
const HEAVIEST: f32 = 3.0;

/// A query's words, in their order, each once.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The words that are looked for.
    pub words: Vec<QueryWord>,
    /// All words of the text, with repetitions and stop words.
    pub length: usize,
}

/// One word of a query.
#[derive(Debug, Clone)]
pub struct QueryWord {
    /// Lower case.
    pub text: String,
    /// Every place where it stands.
    pub positions: Vec<u32>,
    /// 1 for a plain word.
    pub weight: f32,
    /// The text ends in the middle of this word, or right after it.
    pub unfinished: bool,
}

impl Query {
    /// Reads a query. Stop words count only when there is nothing else.
    #[must_use]
    pub fn read(text: &str, english: bool, tuning: &Tuning) -> Self {
        let found: Vec<_> = tokens(text).into_iter().filter(|token| !token.part).collect();
        let telling = |word: &str| !(english && is_stop(word));
        let any = found.iter().any(|token| telling(&token.text));
        let open = text.chars().next_back().is_some_and(char::is_alphanumeric);
        let last = found.last().map(|token| token.position);
        let mut query = Self { words: Vec::new(), length: found.len() };
        for token in &found {
            if any && !telling(&token.text) {
                continue;
            }
            let unfinished = open && Some(token.position) == last;
            if let Some(word) = query.words.iter_mut().find(|word| word.text == token.text) {
                word.positions.push(token.position);
                word.weight += tuning.repeated;
                word.unfinished |= unfinished;
                continue;
            }
            query.words.push(QueryWord { text: token.text.clone(), positions: vec![token.position], weight: 1.0, unfinished });
        }
        query.weigh(tuning);
        query
    }

    #[allow(clippy::cast_precision_loss)] // Positions in 2,000 characters.
    fn weigh(&mut self, tuning: &Tuning) {
        for word in &mut self.words {
            if self.length > LONG {
                let first = word.positions.first().copied().unwrap_or(0) as f32;
                word.weight *= 1.0 + tuning.early / (1.0 + first / 15.0);
            }
            word.weight = word.weight.min(HEAVIEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Query;
    use crate::domain::search::tuning::Tuning;

    fn read(text: &str) -> Query {
        Query::read(text, true, &Tuning::default())
    }

    #[test]
    fn stop_words_are_left_out_unless_there_is_nothing_else() {
        let words: Vec<String> = read("How do I reset the printer?").words.into_iter().map(|word| word.text).collect();
        assert_eq!(words, ["reset", "printer"]);
        assert_eq!(read("who is it").words.len(), 3);
    }

    #[test]
    fn only_a_last_word_that_the_text_ends_with_is_unfinished() {
        assert!(read("reset print").words[1].unfinished);
        assert!(!read("reset print ").words[1].unfinished);
        assert!(!read("reset print").words[0].unfinished);
    }

    #[test]
    fn a_repeated_word_stands_once_and_weighs_more() {
        let query = read("disk error disk");
        assert_eq!(query.words.len(), 2);
        assert!(query.words[0].weight > query.words[1].weight);
        assert_eq!(query.words[0].positions, [0, 2]);
    }

    #[test]
    fn another_language_has_no_english_stop_words() {
        assert_eq!(Query::read("was die", false, &Tuning::default()).words.len(), 2);
    }
}
