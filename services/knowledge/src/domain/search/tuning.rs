//! The numbers of the ranking. One set for every portal; `docs/SEARCH.md` says what was measured.

use serde::Deserialize;

/// Weights and shapes of the score.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Weight of the title's score.
    pub title: f32,
    /// Weight of the body's score.
    pub body: f32,
    /// Weight of the score of both counted as one text: a word in title and body is worth less than the sum.
    pub all: f32,
    /// Saturation of repeated words in a title (BM25's k1).
    pub title_k: f32,
    /// How much a long title lowers the score (BM25's b).
    pub title_b: f32,
    /// Saturation of repeated words in a body.
    pub body_k: f32,
    /// How much a long body lowers the score.
    pub body_b: f32,
    /// Share of the score that depends on how much of the query was found.
    pub coverage: f32,
    /// How much a title that the query covers wholly gains.
    pub title_coverage: f32,
    /// Weight of pairs of query words that stand near each other in the body.
    pub near_body: f32,
    /// The same in the title.
    pub near_title: f32,
    /// Words that far apart are still near.
    pub near_window: u32,
    /// Query words that far apart make a pair.
    pub near_gap: u32,
    /// What each repetition of a word in the query adds to its weight.
    pub repeated: f32,
    /// In long queries: how much more the first words weigh.
    pub early: f32,
    /// Weight of a synonym.
    pub synonym: f32,
    /// Weight of a word of the same family (`animate`, `animation`).
    pub family: f32,
    /// Share of the common beginning that makes a family.
    pub family_share: f32,
    /// Weight of a corrected word.
    pub corrected: f32,
    /// Corrections tried for an unknown word.
    pub corrections: usize,
    /// Completions tried for the last word.
    pub completions: usize,
    /// Share of the rarity of all completions together in the rarity of one.
    pub completion_union: f32,
    /// Query words that are scored at most: the most telling ones.
    pub words: usize,
    /// The least share of the query that a hit must hold; falls for long queries.
    pub least: f32,
    /// Candidates of each kind that are looked at for nearness.
    pub candidates: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            title: 1.6,
            body: 0.5,
            all: 0.5,
            title_k: 0.8,
            title_b: 0.3,
            body_k: 3.0,
            body_b: 0.75,
            coverage: 0.25,
            title_coverage: 0.2,
            near_body: 0.5,
            near_title: 0.5,
            near_window: 8,
            near_gap: 3,
            repeated: 0.2,
            early: 2.0,
            synonym: 0.5,
            family: 0.3,
            family_share: 0.7,
            corrected: 0.9,
            corrections: 3,
            completions: 50,
            completion_union: 0.5,
            words: 40,
            least: 0.0,
            candidates: 100,
        }
    }
}

impl Tuning {
    /// For suggestions: what costs much and changes the first few hits little is left out.
    #[must_use]
    pub fn typing(&self) -> Self {
        Self { synonym: 0.0, family: 0.0, completions: 16, candidates: 24, words: 12, ..self.clone() }
    }
}

/// How telling a word is that `found` of `documents` hold.
#[must_use]
#[allow(clippy::cast_precision_loss)] // Counts of documents: far below 2^24 where precision matters.
pub fn rarity(documents: u64, found: u64) -> f32 {
    if found == 0 {
        return 0.0;
    }
    let (documents, found) = (documents.max(found) as f32, found as f32);
    (1.0 + (documents - found + 0.5) / (found + 0.5)).ln()
}

/// BM25's saturation of `times` occurrences in a text of `length` words where texts have `average`.
#[must_use]
#[inline]
pub fn saturate(times: f32, length: f32, average: f32, k: f32, b: f32) -> f32 {
    saturated(times, k, damping(length, average, k, b))
}

/// The part of [`saturate`] that does not depend on the word.
#[must_use]
#[inline]
pub fn damping(length: f32, average: f32, k: f32, b: f32) -> f32 {
    k * (1.0 - b + b * length / average.max(1.0))
}

/// [`saturate`] with a [`damping`] that is known.
#[must_use]
#[inline]
pub fn saturated(times: f32, k: f32, damping: f32) -> f32 {
    times * (k + 1.0) / (times + damping)
}

/// How often two words stand near each other: one over their distance for each place of the first.
#[must_use]
#[allow(clippy::cast_precision_loss)] // Distances are at most the window.
pub fn nearness(first: &[u32], second: &[u32], window: u32) -> f32 {
    let mut total = 0.0;
    for place in first {
        let at = second.partition_point(|other| other < place);
        let after = second.get(at).map_or(u32::MAX, |other| other - place);
        let before = at.checked_sub(1).and_then(|index| second.get(index)).map_or(u32::MAX, |other| place - other);
        let distance = after.min(before);
        if distance <= window {
            total += 1.0 / distance.max(1) as f32;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::{nearness, rarity, saturate};

    #[test]
    fn rare_words_tell_more_and_unknown_ones_nothing() {
        assert!(rarity(1000, 1) > rarity(1000, 10));
        assert!(rarity(1000, 1000) > 0.0);
        assert!(rarity(1000, 0).abs() < f32::EPSILON);
    }

    #[test]
    fn repetition_saturates() {
        let once = saturate(1.0, 100.0, 100.0, 1.2, 0.75);
        let often = saturate(50.0, 100.0, 100.0, 1.2, 0.75);
        assert!((once - 1.0).abs() < 1e-6 && often < 2.2);
    }

    #[test]
    fn neighbours_are_nearer_than_words_five_apart_and_far_ones_are_not_near() {
        assert!((nearness(&[3], &[4], 8) - 1.0).abs() < f32::EPSILON);
        assert!((nearness(&[3, 20], &[8], 8) - 0.2).abs() < f32::EPSILON);
        assert!(nearness(&[3], &[], 8).abs() < f32::EPSILON);
    }
}
