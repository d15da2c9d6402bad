//! The folder of a replica's index: opening, writing, committing, reading.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tantivy::index::SegmentId;
use tantivy::indexer::LogMergePolicy;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, SegmentReader, TantivyDocument, Term};

use super::schema::{Fields, MAKE, schema};
use super::search::{Caches, Found, Wanted, search};
use super::words::{key, to_tantivy};
use crate::domain::search::document::SearchDocument;
use crate::domain::search::tuning::Tuning;

/// Memory of the writer, in bytes: enough for some thousand documents between commits.
const WRITER_MEMORY: usize = 48 << 20;

/// Segments of about one size that are merged: every search asks every segment for every word.
const SEGMENTS: usize = 4;
/// Blocks of 16 KiB that each segment keeps of the ids of its documents: those of some 100,000.
const STORE_BLOCKS: usize = 400;

/// Up to where an index holds what was written; stored in tantivy's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Make of the index's fields.
    pub make: u32,
    /// Epoch of the search documents; another one: build anew.
    pub epoch: String,
    /// Last position that is inside.
    pub position: i64,
}

/// Searches what is committed. Cheap to clone.
#[derive(Clone)]
pub struct IndexReading {
    fields: Fields,
    reader: IndexReader,
    caches: Arc<Caches>,
    tuning: Arc<Tuning>,
    typing: Arc<Tuning>,
}

/// The only writer of a folder.
pub struct IndexWriting {
    reading: IndexReading,
    writer: IndexWriter,
    checkpoint: Checkpoint,
}

impl IndexWriting {
    /// Opens the folder's index when it belongs to this epoch and make and is not ahead of `head`, else empties the folder and begins anew.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or another process writes it.
    pub fn open(folder: &Path, epoch: &str, head: i64, tuning: Tuning) -> anyhow::Result<Self> {
        match Self::reopen(folder, epoch, head, &tuning) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the search index can't be used and is built anew"),
        }
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let index = Index::create_in_dir(folder, schema().0)?;
        let mut opened = Self::with(&index, Checkpoint { make: MAKE, epoch: epoch.to_owned(), position: 0 }, tuning)?;
        opened.commit(0)?;
        Ok(opened)
    }

    /// An index in memory, for measuring.
    ///
    /// # Errors
    /// When tantivy refuses it.
    pub fn in_memory(tuning: Tuning) -> anyhow::Result<Self> {
        let index = Index::create_in_ram(schema().0);
        Self::with(&index, Checkpoint { make: MAKE, epoch: String::new(), position: 0 }, tuning)
    }

    fn reopen(folder: &Path, epoch: &str, head: i64, tuning: &Tuning) -> anyhow::Result<Option<Self>> {
        if !folder.join("meta.json").exists() {
            return Ok(None);
        }
        let index = Index::open_in_dir(folder)?;
        let payload = index.load_metas()?.payload.unwrap_or_default();
        let Ok(checkpoint) = serde_json::from_str::<Checkpoint>(&payload) else {
            return Ok(None);
        };
        let usable = checkpoint.make == MAKE && checkpoint.epoch == epoch && checkpoint.position <= head;
        if !usable || index.schema() != schema().0 {
            return Ok(None);
        }
        Self::with(&index, checkpoint, tuning.clone()).map(Some)
    }

    fn with(index: &Index, checkpoint: Checkpoint, tuning: Tuning) -> anyhow::Result<Self> {
        let writer: IndexWriter = index.writer_with_num_threads(1, WRITER_MEMORY)?;
        let mut merging = LogMergePolicy::default();
        merging.set_min_num_segments(SEGMENTS);
        writer.set_merge_policy(Box::new(merging));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(STORE_BLOCKS).try_into()?;
        let typing = Arc::new(tuning.typing());
        let reading = IndexReading { fields: schema().1, reader, caches: Arc::default(), typing, tuning: Arc::new(tuning) };
        Ok(Self { reading, writer, checkpoint })
    }

    /// Up to where it is committed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// For searching; sees each commit.
    #[must_use]
    pub fn reading(&self) -> IndexReading {
        self.reading.clone()
    }

    /// Puts a document in, in place of the one with its id.
    ///
    /// # Errors
    /// When tantivy's writer has died.
    pub fn put(&mut self, document: &SearchDocument) -> tantivy::Result<()> {
        self.remove(&document.portal, &document.id);
        let made: TantivyDocument = to_tantivy(&self.reading.fields, document);
        self.writer.add_document(made)?;
        Ok(())
    }

    /// Takes a document out.
    pub fn remove(&mut self, portal: &str, id: &str) {
        self.writer.delete_term(Term::from_field_text(self.reading.fields.key, &key(portal, id)));
    }

    /// Makes everything since the last commit durable and visible, up to a position.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn commit(&mut self, position: i64) -> anyhow::Result<()> {
        let checkpoint = Checkpoint { position, ..self.checkpoint.clone() };
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&serde_json::to_string(&checkpoint)?);
        prepared.commit()?;
        self.checkpoint = checkpoint;
        self.reload()
    }

    /// Shows searches the segments that were merged since the last commit: fewer are searched faster. Nothing else changes by it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn show_merged(&self) -> anyhow::Result<()> {
        let mut there = self.writer.index().searchable_segment_ids()?;
        let searcher = self.reading.reader.searcher();
        let mut searched: Vec<SegmentId> = searcher.segment_readers().iter().map(SegmentReader::segment_id).collect();
        there.sort_unstable();
        searched.sort_unstable();
        if there == searched { Ok(()) } else { self.reload() }
    }

    fn reload(&self) -> anyhow::Result<()> {
        self.reading.reader.reload()?;
        self.reading.caches.keep(&self.reading.reader.searcher());
        Ok(())
    }
}

impl IndexReading {
    /// Searches what is committed.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn search(&self, wanted: &Wanted<'_>) -> tantivy::Result<Found> {
        let tuning = if wanted.typing { &self.typing } else { &self.tuning };
        search(&self.reader.searcher(), &self.fields, &self.caches, tuning, wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::domain::search::document::{KINDS, Reader, SearchKind};

    #[test]
    fn merged_segments_are_searched_without_another_commit() {
        let mut writing = IndexWriting::in_memory(Tuning::default()).unwrap();
        // Four make one, and with three more they do so again.
        for number in 0..7 {
            let document = SearchDocument {
                portal: "demo".to_owned(),
                kind: SearchKind::Article,
                id: number.to_string(),
                title: "Capybara".to_owned(),
                body: String::new(),
                readers: vec![Reader::Anybody],
                department: String::new(),
                category: String::new(),
                english: true,
                valid_from: 0,
                valid_until: i64::MAX,
            };
            writing.put(&document).unwrap();
            writing.commit(number + 1).unwrap();
        }
        let begun = Instant::now();
        while writing.reading.reader.searcher().segment_readers().len() > 1 {
            assert!(begun.elapsed() < Duration::from_secs(30), "small segments are not merged");
            std::thread::sleep(Duration::from_millis(5));
            writing.show_merged().unwrap();
        }
        let wanted = Wanted {
            portal: "demo",
            text: "capybara",
            kinds: &KINDS,
            readers: &[Reader::Anybody],
            department: None,
            category: None,
            english: true,
            now: 100,
            limit: 10,
            typing: false,
        };
        let found = writing.reading().search(&wanted).unwrap();
        assert_eq!(found.kinds[0].total, 7);
        assert_eq!(writing.checkpoint().position, 7);
    }
}
