//! The folder of a replica's index: opening, writing, committing, reading.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tantivy::indexer::LogMergePolicy;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

use super::schema::{Fields, MAKE, schema};
use super::search::{Found, Wanted, search};
use super::stats::StatsCache;
use super::words::{key, to_tantivy};
use crate::domain::search::document::SearchDocument;
use crate::domain::search::tuning::Tuning;

/// Memory of the writer, in bytes: enough for some thousand documents between commits.
const WRITER_MEMORY: usize = 48 << 20;

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

/// An index that is open for reading and writing.
pub struct SearchIndex {
    fields: Fields,
    reader: IndexReader,
    writer: IndexWriter,
    stats: StatsCache,
    tuning: Tuning,
    checkpoint: Checkpoint,
}

impl SearchIndex {
    /// Opens the folder's index when it belongs to this epoch and make, else empties the folder and begins anew.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or another process writes it.
    pub fn open(folder: &Path, epoch: &str, tuning: Tuning) -> anyhow::Result<Self> {
        match Self::reopen(folder, epoch, &tuning) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "search index cannot be used, building it anew"),
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

    fn reopen(folder: &Path, epoch: &str, tuning: &Tuning) -> anyhow::Result<Option<Self>> {
        if !folder.join("meta.json").exists() {
            return Ok(None);
        }
        let index = Index::open_in_dir(folder)?;
        let payload = index.load_metas()?.payload.unwrap_or_default();
        let Ok(checkpoint) = serde_json::from_str::<Checkpoint>(&payload) else {
            return Ok(None);
        };
        if checkpoint.make != MAKE || checkpoint.epoch != epoch || index.schema() != schema().0 {
            return Ok(None);
        }
        Self::with(&index, checkpoint, tuning.clone()).map(Some)
    }

    fn with(index: &Index, checkpoint: Checkpoint, tuning: Tuning) -> anyhow::Result<Self> {
        let writer: IndexWriter = index.writer_with_num_threads(1, WRITER_MEMORY)?;
        let mut merging = LogMergePolicy::default();
        merging.set_min_num_segments(6);
        writer.set_merge_policy(Box::new(merging));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { fields: schema().1, reader, writer, stats: StatsCache::default(), tuning, checkpoint })
    }

    /// Up to where it is committed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Puts a document in, in place of the one with its key.
    ///
    /// # Errors
    /// When tantivy's writer has died.
    pub fn put(&mut self, document: &SearchDocument) -> tantivy::Result<()> {
        self.remove(&document.portal, document.kind.code(), &document.id);
        let made: TantivyDocument = to_tantivy(&self.fields, document);
        self.writer.add_document(made)?;
        Ok(())
    }

    /// Takes a document out.
    pub fn remove(&mut self, portal: &str, kind: u8, id: &str) {
        self.writer.delete_term(Term::from_field_text(self.fields.key, &key(portal, kind, id)));
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
        self.reader.reload()?;
        self.stats.keep(&self.reader.searcher());
        Ok(())
    }

    /// Searches what is committed.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn search(&self, wanted: &Wanted<'_>) -> tantivy::Result<Found> {
        search(&self.reader.searcher(), &self.fields, &self.stats, &self.tuning, wanted)
    }
}
