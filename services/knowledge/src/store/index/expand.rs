//! From a query's words to the terms of the index that answer them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use levenshtein_automata::{DFA, Distance, LevenshteinAutomatonBuilder, SINK_STATE};
use tantivy::InvertedIndexReader;
use tantivy_fst::Automaton;

use super::search::Wanted;
use super::segment::{Held, Part};
use super::stats::PortalStats;
use super::words::{scoped, stem};
use crate::domain::search::query::{Query, QueryWord};
use crate::domain::search::spelling::{self, Candidate};
use crate::domain::search::synonyms::synonyms;
use crate::domain::search::tuning::{Tuning, rarity};

/// Terms of one range that are looked at: a bound on the work of a single letter.
const SCANNED: usize = 4_000;
/// A beginning shared by more stems than this is no family.
const FAMILY: usize = 12;
/// From this weight on a variant stands for the word itself.
const ITSELF: f32 = 0.55;

/// From this weight on a variant is marked in snippets.
const SHOWN: f32 = 0.45;

/// A word of the query and the stems that answer it.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it counts in the query.
    pub weight: f32,
    /// The places in the query.
    pub positions: Vec<u32>,
    /// The stems.
    pub variants: Vec<Variant>,
    /// The greatest rarity among the variants.
    pub rarity: f32,
}

/// A stem of the index.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The term, with its portal.
    pub term: String,
    /// 1 for the word itself, less for others.
    pub weight: f32,
    /// How telling it is.
    pub rarity: f32,
    /// Where it stands, segment by segment.
    pub held: Rc<[Held]>,
}

impl Variant {
    /// Whether it stands for the word itself: as written, completed or corrected.
    pub fn is_word(&self) -> bool {
        self.weight > ITSELF
    }

    /// Whether a snippet marks it: the word itself and its synonyms.
    pub fn is_shown(&self) -> bool {
        self.weight >= SHOWN
    }
}

/// The groups of a query and the corrections that were made.
pub struct Expanded {
    /// The most telling words, in the query's order.
    pub groups: Vec<Group>,
    /// Wrong word, right word.
    pub corrections: Vec<(String, String)>,
}

/// Looks up words in the index of a portal.
pub struct Expander<'a> {
    pub parts: &'a [Part<'a>],
    pub wanted: &'a Wanted<'a>,
    pub tuning: &'a Tuning,
    pub stats: PortalStats,
}

impl Expander<'_> {
    /// Expands a query.
    pub fn expand(&self, query: &Query) -> tantivy::Result<Expanded> {
        let mut expanded = Expanded { groups: Vec::new(), corrections: Vec::new() };
        for word in &query.words {
            let mut stems = Stems::default();
            self.itself(word, &mut stems)?;
            if stems.is_empty() {
                self.corrected(word, &mut stems, &mut expanded.corrections)?;
            }
            self.related(word, &mut stems)?;
            if let Some(group) = self.group(word, stems)? {
                expanded.groups.push(group);
            }
        }
        most_telling(&mut expanded.groups, self.tuning.words);
        Ok(expanded)
    }

    fn stem(&self, word: &str) -> String {
        stem(word, self.wanted.english)
    }

    /// Where a stem stands.
    fn holding(&self, stem: &str) -> tantivy::Result<Holding> {
        let term = scoped(self.wanted.portal, stem);
        let held = self.parts.iter().map(|part| part.find(&term)).collect::<tantivy::Result<Rc<[Held]>>>()?;
        let (titles, bodies) = held.iter().map(Held::counts).fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
        Ok(Holding { term, held, documents: titles.max(bodies) })
    }

    fn itself(&self, word: &QueryWord, stems: &mut Stems) -> tantivy::Result<()> {
        let own = self.stem(&word.text);
        let holding = self.holding(&own)?;
        if holding.documents > 0 {
            stems.add(own, 1.0);
            stems.own = Some(holding);
        }
        if word.unfinished && word.text.chars().count() >= 2 {
            for (completed, _) in self.completions(&word.text, self.tuning.completions)? {
                stems.add(self.stem(&completed), 1.0);
            }
        }
        Ok(())
    }

    fn corrected(&self, word: &QueryWord, stems: &mut Stems, corrections: &mut Vec<(String, String)>) -> tantivy::Result<()> {
        let reach = spelling::reach(word.text.chars().count());
        if reach == 0 || word.text.chars().all(|ch| ch.is_ascii_digit()) {
            return Ok(());
        }
        let mut candidates = self.near(&word.text, reach)?;
        // Never show or use a word that only stands in what the caller may not see.
        let mut seen = Vec::with_capacity(candidates.len());
        for candidate in candidates.drain(..) {
            if self.shows(&candidate.word)? {
                seen.push(candidate);
            }
        }
        let best = spelling::best(&word.text, seen, self.tuning.corrections);
        if let Some(first) = best.first() {
            corrections.push((word.text.clone(), first.word.clone()));
        }
        for candidate in best {
            stems.add(self.stem(&candidate.word), self.tuning.corrected);
        }
        Ok(())
    }

    fn related(&self, word: &QueryWord, stems: &mut Stems) -> tantivy::Result<()> {
        if !self.wanted.english {
            return Ok(());
        }
        for other in synonyms(&word.text) {
            stems.add(self.stem(other), self.tuning.synonym);
        }
        let own = self.stem(&word.text);
        let length = own.chars().count();
        if length < 5 || self.tuning.family <= 0.0 {
            return Ok(());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // A word's length.
        let shared = ((length as f32 * self.tuning.family_share).round() as usize).max(4);
        let beginning: String = own.chars().take(shared).collect();
        for relative in self.family(&beginning)? {
            if relative.chars().count().abs_diff(length) <= 4 {
                stems.add(relative, self.tuning.family);
            }
        }
        Ok(())
    }

    fn group(&self, word: &QueryWord, stems: Stems) -> tantivy::Result<Option<Group>> {
        let mut variants = Vec::new();
        let mut together = 0;
        let mut own = stems.own;
        for (stem, weight) in stems.all {
            // What was looked up for the word itself stands first.
            let holding = match own.take() {
                Some(known) => known,
                None => self.holding(&stem)?,
            };
            if holding.documents == 0 {
                continue;
            }
            if weight > ITSELF {
                together += holding.documents;
            }
            let rarity = rarity(self.stats.documents, holding.documents);
            variants.push(Variant { term: holding.term, weight, rarity, held: holding.held });
        }
        let union = rarity(self.stats.documents, together.min(self.stats.documents));
        if variants.iter().filter(|variant| variant.is_word()).count() > 1 {
            let share = self.tuning.completion_union;
            for variant in variants.iter_mut().filter(|variant| variant.is_word()) {
                variant.rarity = share * union + (1.0 - share) * variant.rarity;
            }
        }
        let greatest = variants.iter().map(|variant| variant.rarity).fold(0.0, f32::max);
        Ok((!variants.is_empty()).then(|| Group { weight: word.weight, positions: word.positions.clone(), variants, rarity: greatest }))
    }

    /// Words of the portal that begin so, the commonest first.
    fn completions(&self, word: &str, limit: usize) -> tantivy::Result<Vec<(String, u64)>> {
        let mut found: HashMap<String, u64> = HashMap::new();
        for part in self.parts {
            self.beginning(&part.word, word, &mut |term: &str, documents: u64| {
                if let Some(known) = found.get_mut(term) {
                    *known += documents;
                } else {
                    found.insert(term.to_owned(), documents);
                }
                true
            })?;
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        found.truncate(limit);
        Ok(found)
    }

    /// Stems that begin so; none when they are too many.
    fn family(&self, beginning: &str) -> tantivy::Result<Vec<String>> {
        let mut family: Vec<String> = Vec::new();
        for index in self.parts.iter().flat_map(|part| [&part.title.index, &part.body.index]) {
            self.beginning(index, beginning, &mut |term: &str, _: u64| {
                if !family.iter().any(|known| known == term) {
                    family.push(term.to_owned());
                }
                family.len() <= FAMILY
            })?;
            if family.len() > FAMILY {
                return Ok(Vec::new());
            }
        }
        Ok(family)
    }

    /// Gives the terms that begin so and their documents to `each`, until that has enough.
    fn beginning(&self, index: &InvertedIndexReader, word: &str, each: &mut dyn FnMut(&str, u64) -> bool) -> tantivy::Result<()> {
        let from = scoped(self.wanted.portal, word);
        let skip = from.len() - word.len();
        let mut stream = index.terms().range().ge(from.as_bytes()).into_stream()?;
        let mut scanned = 0;
        while scanned < SCANNED && stream.advance() && stream.key().starts_with(from.as_bytes()) {
            scanned += 1;
            if let Ok(term) = std::str::from_utf8(&stream.key()[skip..])
                && !each(term, u64::from(stream.value().doc_freq))
            {
                break;
            }
        }
        Ok(())
    }

    /// Words of the portal within a distance.
    fn near(&self, word: &str, reach: u8) -> tantivy::Result<Vec<Candidate>> {
        let prefix = scoped(self.wanted.portal, "");
        let dfa = builder(reach).build_dfa(word);
        let mut found: HashMap<String, Candidate> = HashMap::new();
        for part in self.parts {
            let automaton = Scoped { prefix: prefix.as_bytes(), dfa: &dfa };
            let mut stream = part.word.terms().search(automaton).into_stream()?;
            while found.len() < SCANNED && stream.advance() {
                let key = &stream.key()[prefix.len()..];
                let (Distance::Exact(distance), Ok(term)) = (dfa.eval(key), std::str::from_utf8(key)) else { continue };
                let candidate = found.entry(term.to_owned()).or_insert_with(|| Candidate { word: term.to_owned(), distance, documents: 0 });
                candidate.documents += u64::from(stream.value().doc_freq);
            }
        }
        Ok(found.into_values().filter(|candidate| candidate.word.chars().count() >= 2).collect())
    }

    fn shows(&self, word: &str) -> tantivy::Result<bool> {
        let term = scoped(self.wanted.portal, word);
        for part in self.parts {
            if part.allowed.shows(&part.word, &term)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A stem of the index and how many documents hold it: the greater of the two fields' counts.
struct Holding {
    term: String,
    held: Rc<[Held]>,
    documents: u64,
}

/// Stems with their weights, each once with its greatest.
#[derive(Default)]
struct Stems {
    all: Vec<(String, f32)>,
    /// What was looked up of the first of them: the word itself.
    own: Option<Holding>,
}

impl Stems {
    fn add(&mut self, stem: String, weight: f32) {
        if weight > 0.0 && !self.all.iter().any(|(known, _)| *known == stem) {
            self.all.push((stem, weight));
        }
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Keeps the most telling groups, in their order.
fn most_telling(groups: &mut Vec<Group>, limit: usize) {
    if groups.len() <= limit {
        return;
    }
    let mut worth: Vec<f32> = groups.iter().map(|group| group.weight * group.rarity).collect();
    worth.sort_by(|one, other| other.total_cmp(one));
    let least = worth[limit - 1];
    groups.retain(|group| group.weight * group.rarity >= least);
    groups.truncate(limit);
}

fn builder(reach: u8) -> &'static LevenshteinAutomatonBuilder {
    static ONE: LazyLock<LevenshteinAutomatonBuilder> = LazyLock::new(|| LevenshteinAutomatonBuilder::new(1, true));
    static TWO: LazyLock<LevenshteinAutomatonBuilder> = LazyLock::new(|| LevenshteinAutomatonBuilder::new(2, true));
    if reach < 2 { &ONE } else { &TWO }
}

/// A portal's prefix, then a word within the distance.
struct Scoped<'a> {
    prefix: &'a [u8],
    dfa: &'a DFA,
}

/// Where a scoped automaton is.
#[derive(Clone, Copy)]
enum Place {
    Prefix(usize),
    Word(u32),
    Dead,
}

impl Automaton for Scoped<'_> {
    type State = Place;

    fn start(&self) -> Place {
        Place::Prefix(0)
    }

    fn is_match(&self, state: &Place) -> bool {
        matches!(state, Place::Word(state) if matches!(self.dfa.distance(*state), Distance::Exact(_)))
    }

    fn can_match(&self, state: &Place) -> bool {
        match state {
            Place::Prefix(_) => true,
            Place::Word(state) => *state != SINK_STATE,
            Place::Dead => false,
        }
    }

    fn accept(&self, state: &Place, byte: u8) -> Place {
        match *state {
            Place::Prefix(at) if self.prefix.get(at) == Some(&byte) => {
                if at + 1 == self.prefix.len() {
                    Place::Word(self.dfa.initial_state())
                } else {
                    Place::Prefix(at + 1)
                }
            }
            Place::Word(state) => Place::Word(self.dfa.transition(state, byte)),
            Place::Prefix(_) | Place::Dead => Place::Dead,
        }
    }
}
