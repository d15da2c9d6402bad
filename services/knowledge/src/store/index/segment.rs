//! A segment as a search reads it: opened once, each term looked up once.

use std::sync::Arc;

use tantivy::postings::{SegmentPostings, TermInfo};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{InvertedIndexReader, SegmentReader};

use super::facts::FactsCache;
use super::filter::Allowed;
use super::schema::Fields;
use super::search::Wanted;

/// A segment and what of it the caller may find.
pub struct Part<'a> {
    pub reader: &'a SegmentReader,
    pub allowed: Allowed,
    pub word: Arc<InvertedIndexReader>,
    pub title: Text,
    pub body: Text,
}

impl<'a> Part<'a> {
    pub fn open(reader: &'a SegmentReader, fields: &Fields, facts: &FactsCache, wanted: &Wanted<'_>) -> tantivy::Result<Self> {
        Ok(Self {
            reader,
            allowed: Allowed::of(reader, fields, facts, wanted)?,
            word: reader.inverted_index(fields.word)?,
            title: Text::open(reader, fields.title)?,
            body: Text::open(reader, fields.body)?,
        })
    }

    /// Where a term stands.
    pub fn find(&self, term: &str) -> tantivy::Result<Held> {
        Ok(Held { title: self.title.index.terms().get(term)?, body: self.body.index.terms().get(term)? })
    }
}

/// A field of stems.
pub struct Text {
    pub field: Field,
    pub index: Arc<InvertedIndexReader>,
}

impl Text {
    fn open(reader: &SegmentReader, field: Field) -> tantivy::Result<Self> {
        Ok(Self { field, index: reader.inverted_index(field)? })
    }

    /// The documents of a term that stands here.
    pub fn postings(&self, term: Option<&TermInfo>, option: IndexRecordOption) -> tantivy::Result<Option<SegmentPostings>> {
        Ok(term.map(|info| self.index.read_postings_from_terminfo(info, option)).transpose()?)
    }
}

/// Where a term stands in a segment.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pub title: Option<TermInfo>,
    pub body: Option<TermInfo>,
}

impl Held {
    /// Documents of the title and of the body.
    pub fn counts(&self) -> (u64, u64) {
        let count = |info: &Option<TermInfo>| info.as_ref().map_or(0, |info| u64::from(info.doc_freq));
        (count(&self.title), count(&self.body))
    }
}
