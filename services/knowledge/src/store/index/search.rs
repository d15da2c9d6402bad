//! A search from the query's text to the ordered hits.

use std::collections::HashSet;

use tantivy::schema::Value;
use tantivy::{DocAddress, Searcher, TantivyDocument};

use super::expand::{Expanded, Expander};
use super::filter::Allowed;
use super::gather::{COUNTED, Gathered, Match, Scoring, gather};
use super::near::Near;
use super::schema::Fields;
use super::stats::StatsCache;
use super::words::SEPARATOR;
use crate::domain::search::document::{Reader, SearchKind};
use crate::domain::search::query::Query;
use crate::domain::search::tuning::Tuning;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The portal's slug.
    pub portal: &'a str,
    /// The text that was typed.
    pub text: &'a str,
    /// The kinds that may be found.
    pub kinds: &'a [SearchKind],
    /// The groups that the caller belongs to.
    pub readers: &'a [Reader],
    /// Only this department.
    pub department: Option<&'a str>,
    /// Only this category.
    pub category: Option<&'a str>,
    /// Whether English stemming applies.
    pub english: bool,
    /// Seconds since 1970.
    pub now: i64,
    /// Hits of each kind.
    pub limit: usize,
    /// While somebody types: fewer related words and candidates are looked at.
    pub typing: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// One for each kind with a hit.
    pub kinds: Vec<KindHits>,
    /// Unknown word and the known one that was meant.
    pub corrections: Vec<(String, String)>,
    /// Stems to mark in snippets.
    pub stems: HashSet<String>,
}

/// The hits of a kind.
#[derive(Debug, Clone)]
pub struct KindHits {
    /// What they are.
    pub kind: SearchKind,
    /// How many match.
    pub total: usize,
    /// Whether `total` stopped counting.
    pub capped: bool,
    /// Best first.
    pub hits: Vec<Hit>,
}

/// A hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Id of the article, announcement or topic.
    pub id: String,
    /// Higher is better, comparable within one answer.
    pub score: f32,
}

/// Searches one snapshot of the index.
pub fn search(searcher: &Searcher, fields: &Fields, cache: &StatsCache, tuning: &Tuning, wanted: &Wanted<'_>) -> tantivy::Result<Found> {
    let query = Query::read(wanted.text, wanted.english, tuning);
    let stats = cache.portal(searcher, fields, wanted.portal)?;
    if query.words.is_empty() || stats.documents == 0 {
        return Ok(Found::default());
    }
    let allowed =
        searcher.segment_readers().iter().map(|reader| Allowed::of(reader, fields, wanted)).collect::<tantivy::Result<Vec<_>>>()?;
    let expander = Expander { searcher, fields, wanted, tuning, stats, allowed: &allowed };
    let Expanded { groups, corrections } = expander.expand(&query)?;
    let worth = groups.iter().map(|group| group.weight * group.rarity).sum();
    let keep = tuning.candidates.max(wanted.limit);
    let least = least_share(tuning, groups.len());
    let scoring = Scoring { fields, tuning, stats, groups: &groups, kinds: wanted.kinds, worth, least, keep };
    let mut gathered = Gathered::default();
    for (segment, (reader, allowed)) in searcher.segment_readers().iter().zip(&allowed).enumerate() {
        if !allowed.is_empty() {
            gather(&scoring, segment, reader, allowed, &mut gathered)?;
        }
    }
    let near = Near { searcher, fields, tuning, stats, groups: &groups };
    let mut found = Found { kinds: Vec::new(), corrections, stems: HashSet::new() };
    for (kind, matches) in gathered.kinds {
        let total = matches.total;
        let best = ranked(&near, matches.into_matches(), wanted.limit)?;
        let hits = best.iter().map(|(found, score)| hit(searcher, fields, found, *score)).collect::<tantivy::Result<Vec<_>>>()?;
        found.kinds.push(KindHits { kind, total: total.min(COUNTED), capped: total > COUNTED, hits });
    }
    let shown = groups.iter().flat_map(|group| &group.variants).filter(|variant| variant.is_shown());
    let stems = shown.filter_map(|variant| variant.term.split_once(SEPARATOR));
    found.stems = stems.map(|(_, stem)| stem.to_owned()).collect();
    Ok(found)
}

/// Long queries need less of themselves in a hit.
#[allow(clippy::cast_precision_loss)] // Words of a query.
fn least_share(tuning: &Tuning, groups: usize) -> f32 {
    tuning.least.min(2.0 * tuning.least * 4.0 / groups.max(1) as f32)
}

fn ranked(near: &Near<'_>, matches: Vec<Match>, limit: usize) -> tantivy::Result<Vec<(Match, f32)>> {
    let scores = near.scores(&matches)?;
    let mut ranked: Vec<(Match, f32)> = matches.into_iter().zip(scores).collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
    ranked.truncate(limit);
    Ok(ranked)
}

fn hit(searcher: &Searcher, fields: &Fields, found: &Match, score: f32) -> tantivy::Result<Hit> {
    #[allow(clippy::cast_possible_truncation)] // Segments are counted in tens.
    let address = DocAddress::new(found.segment as u32, found.document);
    let document: TantivyDocument = searcher.doc(address)?;
    let key = document.get_first(fields.key).and_then(|value| value.as_str()).unwrap_or_default();
    let id = key.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Hit { id, score })
}
