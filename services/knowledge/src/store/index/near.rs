//! Looks at the best matches again: do the query's neighbours stand near each other there too?

use tantivy::postings::{Postings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet};

use super::expand::Group;
use super::gather::{Match, bit};
use super::segment::{Held, Part, Text};
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
    pub parts: &'a [Part<'a>],
    pub tuning: &'a Tuning,
    pub stats: PortalStats,
    pub groups: &'a [Group],
}

/// A field and how nearness in it counts.
struct Side {
    of: for<'p> fn(&'p Part<'p>) -> &'p Text,
    held: fn(&Held) -> Option<&TermInfo>,
    weight: f32,
    average: f32,
    k: f32,
    b: f32,
}

/// Places of the groups' words, match by match.
struct Places {
    /// The groups that are looked at, in order.
    groups: Vec<usize>,
    held: Vec<Vec<u32>>,
}

impl Places {
    fn slot(&self, index: usize, group: usize) -> Option<usize> {
        self.groups.binary_search(&group).ok().map(|place| index * self.groups.len() + place)
    }

    fn get(&self, index: usize, group: usize) -> &[u32] {
        self.slot(index, group).and_then(|slot| self.held.get(slot)).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Near<'_> {
    /// Final scores of the matches, in their order.
    pub fn scores(&self, matches: &[Match]) -> tantivy::Result<Vec<f32>> {
        let mut scores: Vec<f32> = matches.iter().map(|found| found.score).collect();
        let pairs = self.pairs();
        if !pairs.is_empty() {
            let (title_average, body_average) = self.stats.averages();
            let tuning = self.tuning;
            let title = Side {
                of: |part| &part.title,
                held: |held| held.title.as_ref(),
                weight: tuning.near_title,
                average: title_average,
                k: tuning.title_k,
                b: tuning.title_b,
            };
            let body = Side {
                of: |part| &part.body,
                held: |held| held.body.as_ref(),
                weight: tuning.near_body,
                average: body_average,
                k: tuning.body_k,
                b: tuning.body_b,
            };
            for side in [title, body] {
                self.add(&pairs, matches, &side, &mut scores)?;
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
    fn add(&self, pairs: &[Pair], matches: &[Match], side: &Side, scores: &mut [f32]) -> tantivy::Result<()> {
        let places = self.places(pairs, matches, side)?;
        let lengths = self.parts.iter().map(|part| part.reader.get_fieldnorms_reader((side.of)(part).field));
        let lengths = lengths.collect::<tantivy::Result<Vec<_>>>()?;
        for (index, found) in matches.iter().enumerate() {
            let length = lengths[found.segment].fieldnorm(found.document) as f32;
            for pair in pairs {
                let near = nearness(places.get(index, pair.first), places.get(index, pair.second), self.tuning.near_window);
                if near > 0.0 {
                    scores[index] += side.weight * pair.worth * saturate(near, length, side.average, side.k, side.b);
                }
            }
        }
        Ok(())
    }

    /// Reads the places of words whose neighbour stands in the same match: nothing else can be near.
    fn places(&self, pairs: &[Pair], matches: &[Match], side: &Side) -> tantivy::Result<Places> {
        let mut groups: Vec<usize> = pairs.iter().flat_map(|pair| [pair.first, pair.second]).collect();
        groups.sort_unstable();
        groups.dedup();
        let mut places = Places { held: vec![Vec::new(); groups.len() * matches.len()], groups: groups.clone() };
        for group in groups {
            let neighbours = neighbours(pairs, group);
            let wanted = |found: &Match| found.groups & bit(group) != 0 && found.groups & neighbours != 0;
            for (segment, part) in self.parts.iter().enumerate() {
                let here = matches.iter().enumerate().filter(|(_, found)| found.segment == segment && wanted(found));
                let mut here: Vec<(DocId, usize)> = here.map(|(index, found)| (found.document, index)).collect();
                if here.is_empty() {
                    continue;
                }
                here.sort_unstable();
                for variant in self.groups[group].variants.iter().filter(|variant| variant.is_word()).take(VARIANTS) {
                    let info = variant.held.get(segment).and_then(side.held);
                    if let Some(mut postings) = (side.of)(part).postings(info, IndexRecordOption::WithFreqsAndPositions)? {
                        read(&mut postings, &here, group, &mut places);
                    }
                }
            }
        }
        Ok(places)
    }
}

/// The bits of the groups that a group makes pairs with.
fn neighbours(pairs: &[Pair], group: usize) -> u64 {
    let other = |pair: &Pair| match (pair.first == group, pair.second == group) {
        (true, _) => bit(pair.second),
        (_, true) => bit(pair.first),
        _ => 0,
    };
    pairs.iter().map(other).fold(0, |all, one| all | one)
}

fn read(postings: &mut tantivy::postings::SegmentPostings, here: &[(DocId, usize)], group: usize, places: &mut Places) {
    let mut buffer = Vec::new();
    for &(document, index) in here {
        if postings.doc() < document {
            postings.seek(document);
        }
        if postings.doc() == document {
            postings.positions(&mut buffer);
            let slot = places.slot(index, group);
            if let Some(held) = slot.and_then(|slot| places.held.get_mut(slot)) {
                held.extend_from_slice(&buffer);
                held.sort_unstable();
            }
        }
    }
}
