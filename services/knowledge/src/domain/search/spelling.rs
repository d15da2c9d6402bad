//! Which known word was meant.

/// A known word that is near an unknown one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The known word.
    pub word: String,
    /// Letters to change, 1 or 2; a swap of neighbours is one.
    pub distance: u8,
    /// Documents that hold it.
    pub documents: u64,
}

/// The distance up to which a word of this many characters may be corrected; 0: never.
#[must_use]
pub fn reach(characters: usize) -> u8 {
    match characters {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// The best candidates, best first: only the nearest, same first letter before others, then the more common word.
#[must_use]
pub fn best(word: &str, mut candidates: Vec<Candidate>, limit: usize) -> Vec<Candidate> {
    let first = word.chars().next();
    let last = word.chars().next_back();
    candidates
        .retain(|candidate| candidate.distance < 2 || candidate.word.chars().next() == first || candidate.word.chars().next_back() == last);
    let Some(nearest) = candidates.iter().map(|candidate| candidate.distance).min() else {
        return Vec::new();
    };
    candidates.retain(|candidate| candidate.distance == nearest);
    candidates.sort_by(|one, other| {
        let rank = |candidate: &Candidate| (candidate.word.chars().next() != first, u64::MAX - candidate.documents);
        rank(one).cmp(&rank(other)).then_with(|| one.word.cmp(&other.word))
    });
    candidates.truncate(limit);
    candidates
}

/// The query with its corrected words in place, the rest as it was written.
#[must_use]
pub fn rewrite(text: &str, corrections: &[(String, String)]) -> String {
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    for token in super::token::tokens(text).into_iter().filter(|token| !token.part) {
        if let Some((_, right)) = corrections.iter().find(|(wrong, _)| *wrong == token.text) {
            written.push_str(&text[done..token.start]);
            written.push_str(right);
            done = token.end;
        }
    }
    written.push_str(&text[done..]);
    written
}

#[cfg(test)]
mod tests {
    use super::{Candidate, best, rewrite};

    fn candidate(word: &str, distance: u8, documents: u64) -> Candidate {
        Candidate { word: word.to_owned(), distance, documents }
    }

    #[test]
    fn the_nearest_win_then_the_first_letter_then_the_more_common() {
        let found = best(
            "printr",
            vec![candidate("sprint", 2, 900), candidate("printer", 1, 5), candidate("prints", 1, 50), candidate("grintr", 1, 500)],
            2,
        );
        assert_eq!(found.iter().map(|found| found.word.as_str()).collect::<Vec<_>>(), ["prints", "printer"]);
    }

    #[test]
    fn corrections_keep_the_rest_of_the_text() {
        let corrections = [("printr".to_owned(), "printer".to_owned())];
        assert_eq!(rewrite("My Printr, again: PRINTR!", &corrections), "My printer, again: printer!");
    }
}
