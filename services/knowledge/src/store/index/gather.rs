//! Scores all documents that hold a word of the query, window by window of document numbers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, TERMINATED};

use super::expand::Group;
use super::filter::Allowed;
use super::segment::{Held, Part};
use super::stats::PortalStats;
use crate::domain::search::document::{KINDS, SearchKind};
use crate::domain::search::tuning::{Tuning, damping, saturate, saturated};

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
    /// A bit for each of the query's groups that stands in it; see [`bit`].
    pub groups: u64,
}

/// The bit of a group. Groups after the 64th share one: who looks at it may find that the group is absent after all.
pub fn bit(group: usize) -> u64 {
    1 << (group % 64)
}

/// The best matches of each kind and how many there are.
#[derive(Default)]
pub struct Gathered([KindMatches; KINDS.len()]);

impl Gathered {
    fn push(&mut self, kind: SearchKind, found: Match, limit: usize) {
        let place = KINDS.iter().position(|known| *known == kind);
        if let Some(matches) = place.and_then(|place| self.0.get_mut(place)) {
            matches.push(found, limit);
        }
    }

    /// Those kinds that something was found of, in the order of answers.
    pub fn into_kinds(self) -> impl Iterator<Item = (SearchKind, KindMatches)> {
        KINDS.into_iter().zip(self.0).filter(|(_, matches)| matches.total > 0)
    }
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
    pub tuning: &'a Tuning,
    pub shapes: Shapes,
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

/// What a text's length does to its score, for each of the 256 lengths that an index tells apart.
pub struct Shapes {
    title: Vec<Shape>,
    body: Vec<Shape>,
    average: f32,
}

#[derive(Clone, Copy)]
struct Shape {
    length: f32,
    damping: f32,
}

impl Shapes {
    pub fn of(tuning: &Tuning, stats: &PortalStats) -> Self {
        let (title, body) = stats.averages();
        Self {
            title: shapes(title, tuning.title_k, tuning.title_b),
            body: shapes(body, tuning.body_k, tuning.body_b),
            average: title + body,
        }
    }
}

#[allow(clippy::cast_precision_loss)] // Counts of words.
fn shapes(average: f32, k: f32, b: f32) -> Vec<Shape> {
    let shape = |id: u8| {
        let length = FieldNormReader::id_to_fieldnorm(id) as f32;
        Shape { length, damping: damping(length, average, k, b) }
    };
    (0..=u8::MAX).map(shape).collect()
}

struct Lengths {
    title: FieldNormReader,
    body: FieldNormReader,
}

/// The documents that are being scored; empty between two windows.
pub struct Window {
    best: Vec<f32>,
    best_in_title: Vec<bool>,
    score: Vec<f32>,
    covered: Vec<f32>,
    title_hits: Vec<u16>,
    groups: Vec<u64>,
    /// Documents of this window that hold any word.
    touched: Vec<usize>,
}

impl Window {
    pub fn new() -> Self {
        Self {
            best: vec![0.0; WINDOW],
            best_in_title: vec![false; WINDOW],
            score: vec![0.0; WINDOW],
            covered: vec![0.0; WINDOW],
            title_hits: vec![0; WINDOW],
            groups: vec![0; WINDOW],
            touched: Vec::with_capacity(WINDOW),
        }
    }

    /// Adds the best variant of a group to each document that holds one.
    fn fold(&mut self, held: &mut Vec<usize>, group: usize, worth: f32) {
        for at in held.drain(..) {
            if self.groups[at] == 0 {
                self.touched.push(at);
            }
            self.groups[at] |= bit(group);
            self.score[at] += self.best[at];
            self.covered[at] += worth;
            self.title_hits[at] += u16::from(self.best_in_title[at]);
            self.best[at] = 0.0;
            self.best_in_title[at] = false;
        }
    }
}

/// Scores a segment's documents into `gathered`.
pub fn gather(scoring: &Scoring<'_>, segment: usize, part: &Part<'_>, window: &mut Window, gathered: &mut Gathered) -> tantivy::Result<()> {
    let lengths =
        Lengths { title: part.reader.get_fieldnorms_reader(part.title.field)?, body: part.reader.get_fieldnorms_reader(part.body.field)? };
    let mut lanes = lanes(scoring, segment, part)?;
    let mut held = Vec::new();
    loop {
        let next = lanes.iter().flatten().map(Lane::document).min().unwrap_or(TERMINATED);
        if next == TERMINATED {
            return Ok(());
        }
        let start = next - next % (WINDOW as u32);
        for (number, (group, lanes)) in scoring.groups.iter().zip(&mut lanes).enumerate() {
            for lane in lanes {
                run(scoring, &lengths, &part.allowed, lane, start, window, &mut held);
            }
            window.fold(&mut held, number, group.weight * group.rarity);
        }
        collect(scoring, segment, start, &lengths, &part.allowed, window, gathered);
    }
}

/// The variants that stand in the segment.
fn lanes(scoring: &Scoring<'_>, segment: usize, part: &Part<'_>) -> tantivy::Result<Vec<Vec<Lane>>> {
    let mut all = Vec::with_capacity(scoring.groups.len());
    for group in scoring.groups {
        let mut lanes = Vec::with_capacity(group.variants.len());
        for variant in &group.variants {
            let Some(Held { title, body }) = variant.held.get(segment) else { continue };
            if title.is_none() && body.is_none() {
                continue;
            }
            lanes.push(Lane {
                title: part.title.postings(title.as_ref(), IndexRecordOption::WithFreqs)?,
                body: part.body.postings(body.as_ref(), IndexRecordOption::WithFreqs)?,
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
        let score = lane.factor * worth(scoring, lengths, document, in_title, in_body);
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
fn worth(scoring: &Scoring<'_>, lengths: &Lengths, document: DocId, in_title: u32, in_body: u32) -> f32 {
    let (tuning, shapes) = (scoring.tuning, &scoring.shapes);
    let title = shapes.title[usize::from(lengths.title.fieldnorm_id(document))];
    let body = shapes.body[usize::from(lengths.body.fieldnorm_id(document))];
    let (in_title, in_body) = (in_title as f32, in_body as f32);
    let mut worth = 0.0;
    if in_title > 0.0 {
        worth += tuning.title * saturated(in_title, tuning.title_k, title.damping);
    }
    if in_body > 0.0 {
        worth += tuning.body * saturated(in_body, tuning.body_k, body.damping);
    }
    worth + tuning.all * saturate(in_title + in_body, title.length + body.length, shapes.average, tuning.body_k, tuning.body_b)
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
            let found = Match { segment, document, score, title_share, first, groups: window.groups[at] };
            gathered.push(kind, found, scoring.keep);
        }
        window.score[at] = 0.0;
        window.covered[at] = 0.0;
        window.title_hits[at] = 0;
        window.groups[at] = 0;
    }
    window.touched = touched;
    window.touched.clear();
}
