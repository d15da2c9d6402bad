//! How many documents a portal has and how long they are, per segment and remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::index::SegmentId;
use tantivy::{Searcher, SegmentReader};

use super::schema::Fields;
use super::words::portal_number;

/// A portal's documents.
#[derive(Debug, Clone, Copy, Default)]
pub struct PortalStats {
    /// How many.
    pub documents: u64,
    /// Sum of their titles' words.
    pub title_words: u64,
    /// Sum of their bodies' words.
    pub body_words: u64,
}

impl PortalStats {
    /// Average words of a title and of a body.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // Averages of lengths need no more.
    pub fn averages(&self) -> (f32, f32) {
        let documents = self.documents.max(1) as f32;
        (self.title_words as f32 / documents, self.body_words as f32 / documents)
    }
}

type SegmentStats = Arc<HashMap<u64, PortalStats>>;

/// Counts of the segments that were seen.
#[derive(Debug, Default)]
pub struct StatsCache {
    segments: Mutex<HashMap<SegmentId, SegmentStats>>,
}

impl StatsCache {
    /// The portal's numbers over all segments; deleted documents count until their segment is merged.
    pub fn portal(&self, searcher: &Searcher, fields: &Fields, portal: &str) -> tantivy::Result<PortalStats> {
        let number = portal_number(portal);
        let mut total = PortalStats::default();
        for reader in searcher.segment_readers() {
            if let Some(stats) = self.segment(reader, fields)?.get(&number) {
                total.documents += stats.documents;
                total.title_words += stats.title_words;
                total.body_words += stats.body_words;
            }
        }
        Ok(total)
    }

    fn segment(&self, reader: &SegmentReader, fields: &Fields) -> tantivy::Result<SegmentStats> {
        let id = reader.segment_id();
        if let Some(found) = self.segments.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(found));
        }
        let counted = Arc::new(count(reader, fields)?);
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&counted));
        Ok(counted)
    }

    /// Forgets segments that no longer exist.
    pub fn keep(&self, searcher: &Searcher) {
        let living: std::collections::HashSet<SegmentId> = searcher.segment_readers().iter().map(SegmentReader::segment_id).collect();
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| living.contains(id));
    }
}

fn count(reader: &SegmentReader, fields: &Fields) -> tantivy::Result<HashMap<u64, PortalStats>> {
    let portals = reader.fast_fields().u64("portal")?;
    let titles = reader.get_fieldnorms_reader(fields.title)?;
    let bodies = reader.get_fieldnorms_reader(fields.body)?;
    let mut counted: HashMap<u64, PortalStats> = HashMap::new();
    for document in 0..reader.max_doc() {
        let stats = counted.entry(portals.first(document).unwrap_or_default()).or_default();
        stats.documents += 1;
        stats.title_words += u64::from(titles.fieldnorm(document));
        stats.body_words += u64::from(bodies.fieldnorm(document));
    }
    Ok(counted)
}
