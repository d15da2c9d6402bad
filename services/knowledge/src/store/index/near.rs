//! Looks at the best matches again: do the query's neighbours stand near each other there too?

use std::collections::HashMap;

use tantivy::postings::Postings;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Searcher, Term};

use super::expand::Group;
use super::gather::Match;
use super::schema::Fields;
use super::stats::PortalStats;
use crate::domain::search::tuning::{Tuning, nearness, saturate};

/// Variants of a word whose places are read.
const VARIANTS: usize = 4;

/// Two neighbours of the query and what their nearness is worth.
struct Pair {
    first: usize,
    second: usize,
    worth: f32,
}

/// Everything that the second look needs.
pub struct Near<'a> {
    pub searcher: &'a Searcher,
    pub fields: &'a Fields,
    pub tuning: &'a Tuning,
    pub stats: PortalStats,
    pub groups: &'a [Group],
}

/// Places of a group's words in a match.
type Places = HashMap<(usize, usize), Vec<u32>>;

impl Near<'_> {
    /// Final scores of the matches, in their order.
    pub fn scores(&self, matches: &[Match]) -> tantivy::Result<Vec<f32>> {
        let mut scores: Vec<f32> = matches.iter().map(|found| found.score).collect();
        let pairs = self.pairs();
        if !pairs.is_empty() {
            let (title_average, body_average) = self.stats.averages();
            let tuning = self.tuning;
            let title = (self.fields.title, tuning.near_title, title_average, tuning.title_k, tuning.title_b);
            let body = (self.fields.body, tuning.near_body, body_average, tuning.body_k, tuning.body_b);
            for part in [title, body] {
                self.add(&pairs, matches, part, &mut scores)?;
            }
        }
        for (score, found) in scores.iter_mut().zip(matches) {
            *score *= 1.0 + self.tuning.title_coverage * found.title_share;
        }
        Ok(scores)
    }

    fn pairs(&self) -> Vec<Pair> {
        let mut flat: Vec<(u32, usize)> =
            self.groups.iter().enumerate().flat_map(|(group, held)| held.positions.iter().map(move |at| (*at, group))).collect();
        flat.sort_unstable();
        let mut pairs: Vec<Pair> = Vec::new();
        for neighbours in flat.windows(2) {
            let ((at, first), (after, second)) = (neighbours[0], neighbours[1]);
            let known = pairs.iter().any(|pair| (pair.first, pair.second) == (first, second));
            if first != second && after - at <= self.tuning.near_gap && !known {
                pairs.push(Pair { first, second, worth: self.groups[first].rarity.min(self.groups[second].rarity) });
            }
        }
        pairs
    }

    #[allow(clippy::cast_precision_loss)] // Lengths of texts.
    fn add(
        &self,
        pairs: &[Pair],
        matches: &[Match],
        (field, weight, average, k, b): (Field, f32, f32, f32, f32),
        scores: &mut [f32],
    ) -> tantivy::Result<()> {
        let places = self.places(pairs, matches, field)?;
        for (index, found) in matches.iter().enumerate() {
            let lengths = self.searcher.segment_readers()[found.segment].get_fieldnorms_reader(field)?;
            let length = lengths.fieldnorm(found.document) as f32;
            for pair in pairs {
                let (Some(first), Some(second)) = (places.get(&(index, pair.first)), places.get(&(index, pair.second))) else {
                    continue;
                };
                let near = nearness(first, second, self.tuning.near_window);
                if near > 0.0 {
                    scores[index] += weight * pair.worth * saturate(near, length, average, k, b);
                }
            }
        }
        Ok(())
    }

    fn places(&self, pairs: &[Pair], matches: &[Match], field: Field) -> tantivy::Result<Places> {
        let mut groups: Vec<usize> = pairs.iter().flat_map(|pair| [pair.first, pair.second]).collect();
        groups.sort_unstable();
        groups.dedup();
        let mut places = Places::new();
        for (segment, reader) in self.searcher.segment_readers().iter().enumerate() {
            let mut here: Vec<(DocId, usize)> = matches
                .iter()
                .enumerate()
                .filter(|(_, found)| found.segment == segment)
                .map(|(index, found)| (found.document, index))
                .collect();
            here.sort_unstable();
            if here.is_empty() {
                continue;
            }
            let inverted = reader.inverted_index(field)?;
            for &group in &groups {
                let words = self.groups[group].variants.iter().filter(|variant| variant.is_word()).take(VARIANTS);
                for variant in words {
                    let term = Term::from_field_text(field, &variant.term);
                    if let Some(mut postings) = inverted.read_postings(&term, IndexRecordOption::WithFreqsAndPositions)? {
                        read(&mut postings, &here, group, &mut places);
                    }
                }
            }
        }
        Ok(places)
    }
}

fn read(postings: &mut tantivy::postings::SegmentPostings, here: &[(DocId, usize)], group: usize, places: &mut Places) {
    let mut buffer = Vec::new();
    for &(document, index) in here {
        if postings.doc() < document {
            postings.seek(document);
        }
        if postings.doc() == document {
            postings.positions(&mut buffer);
            let held = places.entry((index, group)).or_default();
            held.extend_from_slice(&buffer);
            held.sort_unstable();
        }
    }
}
