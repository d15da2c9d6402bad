//! What is remembered of a segment, which never changes but for deletions: kinds, times, and who may read what.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::columnar::Column;
use tantivy::index::SegmentId;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, InvertedIndexReader, Searcher, SegmentReader, TERMINATED};

use crate::domain::search::document::SearchKind;

/// Documents of a machine word.
const BITS: usize = 64;
/// Stands beside the code of a kind when the document is not valid for ever.
const TIMED: u8 = 0x80;

/// Documents by their number, deleted ones too.
pub type Mask = Arc<[u64]>;

/// Whether a document is in a mask.
#[inline]
pub fn holds(mask: &[u64], document: DocId) -> bool {
    let document = document as usize;
    mask.get(document / BITS).is_some_and(|word| (word >> (document % BITS)) & 1 == 1)
}

/// The facts of the segments that were seen.
#[derive(Default)]
pub struct FactsCache {
    segments: Mutex<HashMap<SegmentId, Arc<Facts>>>,
}

impl FactsCache {
    /// The facts of a segment.
    pub fn of(&self, reader: &SegmentReader) -> tantivy::Result<Arc<Facts>> {
        let id = reader.segment_id();
        if let Some(known) = self.segments.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(Facts::read(reader)?);
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&read));
        Ok(read)
    }

    /// Forgets segments that no longer exist.
    pub fn keep(&self, searcher: &Searcher) {
        let living: HashSet<SegmentId> = searcher.segment_readers().iter().map(SegmentReader::segment_id).collect();
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| living.contains(id));
    }
}

/// The facts of a segment.
pub struct Facts {
    /// Code of the kind of each document, and whether it is timed.
    looks: Box<[u8]>,
    from: Column<i64>,
    until: Column<i64>,
    /// Documents by term, of those terms that so many documents hold that reading them again would cost more than remembering them. A mask
    /// has a bit for each document of the segment and is kept for terms in one of 64 or more: together at most eight bytes for each
    /// document and each group, category or department that it has.
    masks: Mutex<HashMap<String, Mask>>,
}

impl Facts {
    fn read(reader: &SegmentReader) -> tantivy::Result<Self> {
        let columns = reader.fast_fields();
        let (kinds, from, until) = (columns.u64("kind")?, columns.i64("valid_from")?, columns.i64("valid_until")?);
        let look = |document: DocId| {
            let code =
                kinds.first(document).and_then(|code| u8::try_from(code).ok()).and_then(SearchKind::from_code).map_or(0, SearchKind::code);
            let always = from.first(document).is_none_or(|from| from <= 0) && until.first(document).is_none_or(|until| until == i64::MAX);
            if always { code } else { code | TIMED }
        };
        let looks = (0..reader.max_doc()).map(look).collect();
        Ok(Self { looks, from, until, masks: Mutex::default() })
    }

    /// The kind of a document that is valid at this moment, in seconds since 1970.
    #[inline]
    pub fn kind(&self, document: DocId, now: i64) -> Option<SearchKind> {
        let look = *self.looks.get(document as usize)?;
        let valid = look & TIMED == 0
            || (self.from.first(document).is_none_or(|from| from <= now) && self.until.first(document).is_none_or(|until| until > now));
        SearchKind::from_code(look & !TIMED).filter(|_| valid)
    }

    /// The documents that hold a term; none when the segment does not know it.
    pub fn documents(&self, reader: &SegmentReader, index: &InvertedIndexReader, term: String) -> tantivy::Result<Option<Mask>> {
        if let Some(known) = self.masks.lock().unwrap_or_else(PoisonError::into_inner).get(&term) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(info) = index.terms().get(&term)? else { return Ok(None) };
        let mut bits = vec![0_u64; (reader.max_doc() as usize).div_ceil(BITS)];
        let mut postings = index.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            let document = postings.doc() as usize;
            if let Some(word) = bits.get_mut(document / BITS) {
                *word |= 1 << (document % BITS);
            }
            postings.advance();
        }
        let mask: Mask = bits.into();
        if info.doc_freq as usize >= mask.len() {
            self.masks.lock().unwrap_or_else(PoisonError::into_inner).insert(term, Arc::clone(&mask));
        }
        Ok(Some(mask))
    }
}
