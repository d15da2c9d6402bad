//! The folder of a replica's index: opening, writing, committing, reading.

use std::path::Path;
use std::sync::Arc;

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

/// Searches what is committed. Cheap to clone.
#[derive(Clone)]
pub struct IndexReading {
    fields: Fields,
    reader: IndexReader,
    stats: Arc<StatsCache>,
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
        merging.set_min_num_segments(6);
        writer.set_merge_policy(Box::new(merging));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let reading =
            IndexReading { fields: schema().1, reader, stats: Arc::default(), typing: Arc::new(tuning.typing()), tuning: Arc::new(tuning) };
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
        self.reading.reader.reload()?;
        self.reading.stats.keep(&self.reading.reader.searcher());
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
        search(&self.reader.searcher(), &self.fields, &self.stats, tuning, wanted)
    }
}
