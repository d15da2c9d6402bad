//! Which documents of a segment may be found: portal, readers, department, category, validity.

use std::sync::Arc;

use tantivy::fastfield::AliveBitSet;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, InvertedIndexReader, SegmentReader, TERMINATED};

use super::facts::{Facts, FactsCache, Mask, holds};
use super::schema::Fields;
use super::search::Wanted;
use super::words::{category_word, department_word, scoped};
use crate::domain::search::document::SearchKind;

/// The documents of a segment that this query may see.
pub struct Allowed {
    documents: Mask,
    alive: Option<AliveBitSet>,
    facts: Arc<Facts>,
    now: i64,
}

impl Allowed {
    /// From the masks of the readers, which the facts remember.
    pub fn of(reader: &SegmentReader, fields: &Fields, facts: &FactsCache, wanted: &Wanted<'_>) -> tantivy::Result<Self> {
        let (facts, index) = (facts.of(reader)?, reader.inverted_index(fields.facet)?);
        let of = |word: &str| facts.documents(reader, &index, scoped(wanted.portal, word));
        let mut documents = Mask::default();
        for group in wanted.readers {
            if let Some(more) = of(&group.word())? {
                documents = union(documents, more);
            }
        }
        for word in [wanted.department.map(department_word), wanted.category.map(category_word)].into_iter().flatten() {
            documents = match of(&word)? {
                Some(narrower) => documents.iter().zip(narrower.iter()).map(|(one, other)| one & other).collect(),
                None => Mask::default(),
            };
        }
        Ok(Self { documents, alive: reader.alive_bitset().cloned(), facts, now: wanted.now })
    }

    /// Whether the document may be found, whatever its kind.
    #[inline]
    pub fn has(&self, document: DocId) -> bool {
        holds(&self.documents, document) && self.alive.as_ref().is_none_or(|alive| alive.is_alive(document))
    }

    /// Whether the portal lets the caller see nothing here.
    pub fn is_empty(&self) -> bool {
        self.documents.iter().all(|word| *word == 0)
    }

    /// The kind of a document that is valid now.
    #[inline]
    pub fn kind(&self, document: DocId) -> Option<SearchKind> {
        self.facts.kind(document, self.now)
    }

    /// Whether a word stands in a document that the caller may see.
    pub fn shows(&self, words: &InvertedIndexReader, term: &str) -> tantivy::Result<bool> {
        let Some(info) = words.terms().get(term)? else { return Ok(false) };
        let mut postings = words.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            if self.has(postings.doc()) && self.kind(postings.doc()).is_some() {
                return Ok(true);
            }
            postings.advance();
        }
        Ok(false)
    }
}

fn union(one: Mask, other: Mask) -> Mask {
    if one.is_empty() { other } else { one.iter().zip(other.iter()).map(|(one, other)| one | other).collect() }
}
