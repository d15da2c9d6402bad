//! Scores all documents that hold a word of the query, window by window of document numbers.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use super::expand::Group;
use super::filter::Allowed;
use super::schema::Fields;
use super::stats::PortalStats;
use crate::domain::search::document::SearchKind;
use crate::domain::search::tuning::{Tuning, saturate};

/// Documents of a window: its arrays stay in the processor's cache.
const WINDOW: usize = 4096;
/// Matches of a kind that are counted exactly; the total says when there are more.
pub const COUNTED: usize = 1_000;

/// A document that matches.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    pub segment: usize,
    pub document: DocId,
    /// Score without nearness and title coverage.
    pub score: f32,
    /// Share of the title's words that the query holds.
    pub title_share: f32,
    /// What it is ordered by until nearness is known.
    pub first: f32,
}

/// The best matches of each kind and how many there are.
#[derive(Default)]
pub struct Gathered {
    pub kinds: BTreeMap<SearchKind, KindMatches>,
}

/// The matches of a kind.
#[derive(Default)]
pub struct KindMatches {
    pub total: usize,
    heap: BinaryHeap<Ranked>,
}

impl KindMatches {
    /// Best first by the first score.
    pub fn into_matches(self) -> Vec<Match> {
        self.heap.into_sorted_vec().into_iter().map(|ranked| ranked.0).collect()
    }

    fn push(&mut self, found: Match, limit: usize) {
        self.total += 1;
        if self.heap.len() < limit {
            self.heap.push(Ranked(found));
        } else if self.heap.peek().is_some_and(|worst| Ranked(found) < *worst) {
            self.heap.pop();
            self.heap.push(Ranked(found));
        }
    }
}

/// Ordered so that the best is the least: the heap's top is the worst.
struct Ranked(Match);

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.first.total_cmp(&self.0.first).then_with(|| (self.0.segment, self.0.document).cmp(&(other.0.segment, other.0.document)))
    }
}

/// What scoring needs to know about the query.
pub struct Scoring<'a> {
    pub fields: &'a Fields,
    pub tuning: &'a Tuning,
    pub stats: PortalStats,
    pub groups: &'a [Group],
    /// The kinds that are asked for.
    pub kinds: &'a [SearchKind],
    /// Sum of the groups' worths.
    pub worth: f32,
    /// Least share of the worth.
    pub least: f32,
    /// Matches kept of each kind.
    pub keep: usize,
}

/// One variant in one segment.
struct Lane {
    title: Option<SegmentPostings>,
    body: Option<SegmentPostings>,
    factor: f32,
}

impl Lane {
    fn document(&self) -> DocId {
        let at = |postings: &Option<SegmentPostings>| postings.as_ref().map_or(TERMINATED, DocSet::doc);
        at(&self.title).min(at(&self.body))
    }
}

fn take(postings: &mut Option<SegmentPostings>, document: DocId) -> u32 {
    match postings {
        Some(postings) if postings.doc() == document => {
            let times = postings.term_freq();
            postings.advance();
            times
        }
        _ => 0,
    }
}

struct Lengths {
    title: FieldNormReader,
    body: FieldNormReader,
    title_average: f32,
    body_average: f32,
}

struct Window {
    best: Vec<f32>,
    best_in_title: Vec<bool>,
    score: Vec<f32>,
    covered: Vec<f32>,
    title_hits: Vec<u16>,
    /// Documents of this window that hold any word.
    touched: Vec<usize>,
}

impl Window {
    fn new() -> Self {
        Self {
            best: vec![0.0; WINDOW],
            best_in_title: vec![false; WINDOW],
            score: vec![0.0; WINDOW],
            covered: vec![0.0; WINDOW],
            title_hits: vec![0; WINDOW],
            touched: Vec::with_capacity(WINDOW),
        }
    }

    /// Adds the best variant of a group to each document that holds one.
    fn fold(&mut self, held: &mut Vec<usize>, worth: f32) {
        for at in held.drain(..) {
            if self.covered[at] <= 0.0 {
                self.touched.push(at);
            }
            self.score[at] += self.best[at];
            self.covered[at] += worth;
            self.title_hits[at] += u16::from(self.best_in_title[at]);
            self.best[at] = 0.0;
            self.best_in_title[at] = false;
        }
    }
}

/// Scores a segment's documents into `gathered`.
pub fn gather(
    scoring: &Scoring<'_>,
    segment: usize,
    reader: &SegmentReader,
    allowed: &Allowed,
    gathered: &mut Gathered,
) -> tantivy::Result<()> {
    let (title_average, body_average) = scoring.stats.averages();
    let lengths = Lengths {
        title: reader.get_fieldnorms_reader(scoring.fields.title)?,
        body: reader.get_fieldnorms_reader(scoring.fields.body)?,
        title_average,
        body_average,
    };
    let mut lanes = lanes(scoring, reader)?;
    let mut window = Window::new();
    let mut held = Vec::with_capacity(WINDOW);
    loop {
        let next = lanes.iter().flatten().map(Lane::document).min().unwrap_or(TERMINATED);
        if next == TERMINATED {
            return Ok(());
        }
        let start = next - next % (WINDOW as u32);
        for (group, lanes) in scoring.groups.iter().zip(&mut lanes) {
            for lane in lanes {
                run(scoring, &lengths, allowed, lane, start, &mut window, &mut held);
            }
            window.fold(&mut held, group.weight * group.rarity);
        }
        collect(scoring, segment, start, &lengths, allowed, &mut window, gathered);
    }
}

fn lanes(scoring: &Scoring<'_>, reader: &SegmentReader) -> tantivy::Result<Vec<Vec<Lane>>> {
    let title = reader.inverted_index(scoring.fields.title)?;
    let body = reader.inverted_index(scoring.fields.body)?;
    let mut all = Vec::with_capacity(scoring.groups.len());
    for group in scoring.groups {
        let mut lanes = Vec::with_capacity(group.variants.len());
        for variant in &group.variants {
            let term = |field: Field| Term::from_field_text(field, &variant.term);
            lanes.push(Lane {
                title: title.read_postings(&term(scoring.fields.title), IndexRecordOption::WithFreqs)?,
                body: body.read_postings(&term(scoring.fields.body), IndexRecordOption::WithFreqs)?,
                factor: variant.weight * group.weight * variant.rarity,
            });
        }
        all.push(lanes);
    }
    Ok(all)
}

/// Scores one variant in the documents of a window.
fn run(
    scoring: &Scoring<'_>,
    lengths: &Lengths,
    allowed: &Allowed,
    lane: &mut Lane,
    start: u32,
    window: &mut Window,
    held: &mut Vec<usize>,
) {
    let end = start.saturating_add(WINDOW as u32);
    loop {
        let document = lane.document();
        if document >= end {
            return;
        }
        let (in_title, in_body) = (take(&mut lane.title, document), take(&mut lane.body, document));
        if !allowed.has(document) {
            continue;
        }
        let score = lane.factor * worth(scoring.tuning, lengths, document, in_title, in_body);
        let at = (document - start) as usize;
        if window.best[at] <= 0.0 {
            held.push(at);
        }
        window.best[at] = window.best[at].max(score);
        window.best_in_title[at] |= in_title > 0;
    }
}

/// The fields' scores of a word, added.
#[allow(clippy::cast_precision_loss)] // Counts of words.
fn worth(tuning: &Tuning, lengths: &Lengths, document: DocId, in_title: u32, in_body: u32) -> f32 {
    let title_length = lengths.title.fieldnorm(document) as f32;
    let body_length = lengths.body.fieldnorm(document) as f32;
    let (in_title, in_body) = (in_title as f32, in_body as f32);
    let mut worth = 0.0;
    if in_title > 0.0 {
        worth += tuning.title * saturate(in_title, title_length, lengths.title_average, tuning.title_k, tuning.title_b);
    }
    if in_body > 0.0 {
        worth += tuning.body * saturate(in_body, body_length, lengths.body_average, tuning.body_k, tuning.body_b);
    }
    let (length, average) = (title_length + body_length, lengths.title_average + lengths.body_average);
    worth + tuning.all * saturate(in_title + in_body, length, average, tuning.body_k, tuning.body_b)
}

/// Takes the window's matches and clears it.
#[allow(clippy::cast_precision_loss)] // Words of a title.
fn collect(
    scoring: &Scoring<'_>,
    segment: usize,
    start: u32,
    lengths: &Lengths,
    allowed: &Allowed,
    window: &mut Window,
    gathered: &mut Gathered,
) {
    let touched = std::mem::take(&mut window.touched);
    for &at in &touched {
        let document = start + at as u32;
        let share = if scoring.worth > 0.0 { (window.covered[at] / scoring.worth).min(1.0) } else { 0.0 };
        let kind = allowed.kind(document).filter(|kind| scoring.kinds.contains(kind));
        if let Some(kind) = kind
            && share >= scoring.least
        {
            let score = window.score[at] * (1.0 - scoring.tuning.coverage + scoring.tuning.coverage * share);
            let title_words = lengths.title.fieldnorm(document).max(1) as f32;
            let title_share = (f32::from(window.title_hits[at]) / title_words).min(1.0);
            let first = score * (1.0 + scoring.tuning.title_coverage * title_share);
            let found = Match { segment, document, score, title_share, first };
            gathered.kinds.entry(kind).or_default().push(found, scoring.keep);
        }
        window.score[at] = 0.0;
        window.covered[at] = 0.0;
        window.title_hits[at] = 0;
    }
    window.touched = touched;
    window.touched.clear();
}
