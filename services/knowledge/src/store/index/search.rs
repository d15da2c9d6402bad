//! A search from the query's text to the ordered hits.

use std::collections::HashSet;

use tantivy::schema::Value;
use tantivy::{DocAddress, Searcher, TantivyDocument};

use super::expand::{Expanded, Expander};
use super::facts::FactsCache;
use super::gather::{COUNTED, Gathered, Match, Scoring, Shapes, Window, gather};
use super::near::Near;
use super::schema::Fields;
use super::segment::Part;
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

/// What is remembered of the segments.
#[derive(Default)]
pub struct Caches {
    pub stats: StatsCache,
    pub facts: FactsCache,
}

impl Caches {
    /// Forgets segments that no longer exist.
    pub fn keep(&self, searcher: &Searcher) {
        self.stats.keep(searcher);
        self.facts.keep(searcher);
    }
}

/// Searches one snapshot of the index.
pub fn search(searcher: &Searcher, fields: &Fields, caches: &Caches, tuning: &Tuning, wanted: &Wanted<'_>) -> tantivy::Result<Found> {
    let query = Query::read(wanted.text, wanted.english, tuning);
    let stats = caches.stats.portal(searcher, fields, wanted.portal)?;
    if query.words.is_empty() || stats.documents == 0 {
        return Ok(Found::default());
    }
    let parts = searcher.segment_readers().iter().map(|reader| Part::open(reader, fields, &caches.facts, wanted));
    let parts = parts.collect::<tantivy::Result<Vec<_>>>()?;
    let expander = Expander { parts: &parts, wanted, tuning, stats };
    let Expanded { groups, corrections } = expander.expand(&query)?;
    let worth = groups.iter().map(|group| group.weight * group.rarity).sum();
    let keep = tuning.candidates.max(wanted.limit);
    let least = least_share(tuning, groups.len());
    let scoring = Scoring { tuning, shapes: Shapes::of(tuning, &stats), groups: &groups, kinds: wanted.kinds, worth, least, keep };
    let (mut window, mut gathered) = (Window::new(), Gathered::default());
    for (segment, part) in parts.iter().enumerate() {
        if !part.allowed.is_empty() {
            gather(&scoring, segment, part, &mut window, &mut gathered)?;
        }
    }
    let near = Near { parts: &parts, tuning, stats, groups: &groups };
    let mut found = Found { kinds: Vec::new(), corrections, stems: HashSet::new() };
    for (kind, matches) in gathered.into_kinds() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::search::document::{KINDS, SearchDocument};
    use crate::store::index::{IndexReading, IndexWriting};

    const GUEST: &[Reader] = &[Reader::Anybody];

    fn document(id: &str, body: &str) -> SearchDocument {
        SearchDocument {
            portal: "demo".to_owned(),
            kind: SearchKind::Article,
            id: id.to_owned(),
            title: "Metals".to_owned(),
            body: body.to_owned(),
            readers: GUEST.to_vec(),
            department: String::new(),
            category: String::new(),
            english: true,
            valid_from: 0,
            valid_until: i64::MAX,
        }
    }

    fn index(documents: impl IntoIterator<Item = SearchDocument>) -> IndexWriting {
        let mut writing = IndexWriting::in_memory(Tuning::default()).unwrap();
        documents.into_iter().for_each(|document| writing.put(&document).unwrap());
        writing.commit(1).unwrap();
        writing
    }

    fn asked<'a>(text: &'a str, readers: &'a [Reader]) -> Wanted<'a> {
        let (department, category) = (None, None);
        Wanted { portal: "demo", text, kinds: &KINDS, readers, department, category, english: true, now: 100, limit: 10, typing: false }
    }

    /// Kind by kind, best first.
    fn ids(reading: &IndexReading, wanted: &Wanted<'_>) -> Vec<String> {
        let found = reading.search(wanted).unwrap();
        assert!(found.kinds.iter().all(|hits| hits.total == hits.hits.len()));
        found.kinds.into_iter().flat_map(|hits| hits.hits).map(|hit| hit.id).collect()
    }

    fn sorted(reading: &IndexReading, wanted: &Wanted<'_>) -> Vec<String> {
        let mut found = ids(reading, wanted);
        found.sort();
        found
    }

    #[test]
    fn what_is_remembered_of_a_segment_shows_nothing_that_is_deleted_untimely_or_for_others() {
        let staff = [Reader::Anybody, Reader::SignedIn, Reader::Staff];
        let mut writing = index([
            document("public", "zinc"),
            SearchDocument { readers: vec![Reader::Staff], ..document("staff", "zinc") },
            SearchDocument { valid_from: 200, ..document("later", "zinc") },
            SearchDocument { valid_from: 50, valid_until: 150, kind: SearchKind::Announcement, ..document("now", "zinc") },
            SearchDocument { category: "billing".to_owned(), ..document("billing", "zinc") },
        ]);
        let reading = writing.reading();
        for _ in 0..2 {
            assert_eq!(sorted(&reading, &asked("zinc", GUEST)), ["billing", "now", "public"]);
            assert_eq!(sorted(&reading, &asked("zinc", &staff)), ["billing", "now", "public", "staff"]);
            assert_eq!(sorted(&reading, &asked("zinc", &staff[1..])), ["staff"]);
            assert_eq!(sorted(&reading, &Wanted { now: 200, ..asked("zinc", GUEST) }), ["billing", "later", "public"]);
            assert_eq!(sorted(&reading, &Wanted { category: Some("Billing"), ..asked("zinc", GUEST) }), ["billing"]);
            assert!(sorted(&reading, &Wanted { category: Some("other"), ..asked("zinc", GUEST) }).is_empty());
            assert!(sorted(&reading, &Wanted { portal: "elsewhere", ..asked("zinc", GUEST) }).is_empty());
            assert!(sorted(&reading, &asked("zinc", &[])).is_empty());
        }
        writing.remove("demo", "public");
        writing.commit(2).unwrap();
        assert_eq!(sorted(&reading, &asked("zinc", GUEST)), ["billing", "now"]);
    }

    #[test]
    fn neighbours_that_stand_near_each_other_come_first_over_all_segments() {
        let mut writing = index([
            document("far", "alpha zinc copper iron silver gold lead nickel beta"),
            document("single", "alpha zinc copper iron silver gold lead nickel tin"),
        ]);
        writing.put(&document("near", "zinc alpha beta copper iron silver gold lead nickel")).unwrap();
        writing.commit(2).unwrap();
        assert_eq!(ids(&writing.reading(), &asked("alpha beta ", GUEST)), ["near", "far", "single"]);
        assert_eq!(ids(&writing.reading(), &asked("alpha bet", GUEST)), ["near", "far", "single"]);
    }

    #[test]
    fn a_misspelt_word_is_corrected_only_to_a_word_that_the_caller_may_see() {
        let writing =
            index([SearchDocument { readers: vec![Reader::Staff], ..document("staff", "xylophonist") }, document("public", "zinc")]);
        let found = |readers: &[Reader]| writing.reading().search(&asked("xylofonist ", readers)).unwrap();
        assert!(found(GUEST).corrections.is_empty() && found(GUEST).kinds.is_empty());
        assert_eq!(found(&[Reader::Staff]).corrections, [("xylofonist".to_owned(), "xylophonist".to_owned())]);
        assert_eq!(ids(&writing.reading(), &asked("xylofonist ", &[Reader::Staff])), ["staff"]);
    }
}
