//! Which documents of a segment may be found: portal, readers, department, category, validity.

use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, DocSet, SegmentReader, TERMINATED, Term};

use super::schema::Fields;
use super::search::Wanted;
use super::words::{category_word, department_word, scoped};
use crate::domain::search::document::SearchKind;

/// The documents of a segment that this query may see.
pub struct Allowed {
    documents: BitSet,
    kinds: tantivy::columnar::Column<u64>,
    from: tantivy::columnar::Column<i64>,
    until: tantivy::columnar::Column<i64>,
    now: i64,
}

impl Allowed {
    /// Reads the readers' postings.
    pub fn of(reader: &SegmentReader, fields: &Fields, wanted: &Wanted<'_>) -> tantivy::Result<Self> {
        let mut documents = BitSet::with_max_value(reader.max_doc());
        for group in wanted.readers {
            each(reader, fields, wanted.portal, &group.word(), |document| {
                documents.insert(document);
            })?;
        }
        for word in [wanted.department.map(department_word), wanted.category.map(category_word)].into_iter().flatten() {
            let mut narrowed = BitSet::with_max_value(reader.max_doc());
            each(reader, fields, wanted.portal, &word, |document| {
                if documents.contains(document) {
                    narrowed.insert(document);
                }
            })?;
            documents = narrowed;
        }
        let columns = reader.fast_fields();
        Ok(Self {
            documents,
            kinds: columns.u64("kind")?,
            from: columns.i64("valid_from")?,
            until: columns.i64("valid_until")?,
            now: wanted.now,
        })
    }

    /// Whether the document may be found, whatever its kind.
    pub fn has(&self, document: DocId) -> bool {
        self.documents.contains(document)
    }

    /// Whether the portal lets the caller see anything here.
    pub fn is_empty(&self) -> bool {
        self.documents.len() == 0
    }

    /// The kind of a document that is valid now.
    pub fn kind(&self, document: DocId) -> Option<SearchKind> {
        let valid = self.from.first(document).is_none_or(|from| from <= self.now)
            && self.until.first(document).is_none_or(|until| until > self.now);
        let code = u8::try_from(self.kinds.first(document)?).ok()?;
        SearchKind::from_code(code).filter(|_| valid)
    }

    /// Whether a word stands in a document that the caller may see.
    pub fn shows(&self, reader: &SegmentReader, fields: &Fields, term: &str) -> tantivy::Result<bool> {
        let index = reader.inverted_index(fields.word)?;
        let Some(mut postings) = index.read_postings(&Term::from_field_text(fields.word, term), IndexRecordOption::Basic)? else {
            return Ok(false);
        };
        while postings.doc() != TERMINATED {
            if self.has(postings.doc()) && !reader.is_deleted(postings.doc()) && self.kind(postings.doc()).is_some() {
                return Ok(true);
            }
            postings.advance();
        }
        Ok(false)
    }
}

fn each(reader: &SegmentReader, fields: &Fields, portal: &str, word: &str, mut act: impl FnMut(DocId)) -> tantivy::Result<()> {
    let index = reader.inverted_index(fields.facet)?;
    let term = Term::from_field_text(fields.facet, &scoped(portal, word));
    if let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? {
        while postings.doc() != TERMINATED {
            if !reader.is_deleted(postings.doc()) {
                act(postings.doc());
            }
            postings.advance();
        }
    }
    Ok(())
}
