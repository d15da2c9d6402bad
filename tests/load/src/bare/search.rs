//! tantivy by itself: the same articles in an index of its own, asked in this process by as many threads as there are processors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tantivy::collector::{Count, TopDocs};
use tantivy::query::QueryParser;
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions};
use tantivy::{Index, IndexReader, TantivyDocument};

use crate::articles::article;
use crate::measure::Tally;
use crate::words::Words;

/// Memory of the writer, in bytes: as the product's.
const WRITER_MEMORY: usize = 48 << 20;
/// Hits of an answer, as many as the product gives.
const HITS: usize = 10;

/// An index in a folder that goes with it.
pub struct Tantivy {
    _folder: tempfile::TempDir,
    reader: IndexReader,
    parser: QueryParser,
}

struct Fields {
    id: Field,
    title: Field,
    body: Field,
}

fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let indexing = TextFieldIndexing::default().set_tokenizer("en_stem").set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let text = TextOptions::default().set_indexing_options(indexing).set_stored();
    let fields = Fields {
        id: builder.add_text_field("id", STRING | STORED),
        title: builder.add_text_field("title", text.clone()),
        body: builder.add_text_field("body", text),
    };
    (builder.build(), fields)
}

impl Tantivy {
    /// Indexes the articles of a seed.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn build(words: &Words, seed: u64, count: u64) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for the index")?;
        let (schema, fields) = schema();
        let index = Index::create_in_dir(folder.path(), schema)?;
        let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, WRITER_MEMORY)?;
        for number in 0..count {
            let article = article(words, seed, number);
            let mut document = TantivyDocument::default();
            document.add_text(fields.id, format!("load-{number}"));
            document.add_text(fields.title, article.title);
            document.add_text(fields.body, article.body);
            writer.add_document(document)?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        let reader = index.reader()?;
        Ok(Self { _folder: folder, reader, parser: QueryParser::for_index(&index, vec![fields.title, fields.body]) })
    }

    fn ask(&self, question: &str) -> Result<usize> {
        let searcher = self.reader.searcher();
        let (query, _) = self.parser.parse_query_lenient(question);
        let (hits, count) = searcher.search(&query, &(TopDocs::with_limit(HITS).order_by_score(), Count))?;
        for (_, address) in &hits {
            let _: TantivyDocument = searcher.doc(*address)?;
        }
        Ok(count)
    }

    /// Asks in a closed loop by so many threads; blocks.
    ///
    /// # Errors
    /// When a search fails.
    pub fn measure(self: &Arc<Self>, words: &Arc<Words>, threads: usize, warmup: Duration, measured: Duration) -> Result<Tally> {
        let (begin, next) = (Instant::now() + warmup, Arc::new(AtomicU64::new(0)));
        let end = begin + measured;
        let workers: Vec<_> = (0..threads.max(1))
            .map(|_| {
                let (index, words, next) = (Arc::clone(self), Arc::clone(words), Arc::clone(&next));
                std::thread::spawn(move || index.work(&words, &next, begin, end))
            })
            .collect();
        let mut total = Tally::new(measured);
        for worker in workers {
            let tally = worker.join().map_err(|_| anyhow::anyhow!("a thread of the search ended"))??;
            total.add(&tally);
        }
        Ok(total)
    }

    fn work(&self, words: &Words, next: &AtomicU64, begin: Instant, end: Instant) -> Result<Tally> {
        let mut tally = Tally::new(end - begin);
        loop {
            let question = words.question(next.fetch_add(1, Ordering::Relaxed));
            let asked = Instant::now();
            if asked >= end {
                return Ok(tally);
            }
            self.ask(&question)?;
            let now = Instant::now();
            if now >= begin && now < end {
                tally.latencies.record(now - asked);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_found_by_a_question_about_it() {
        let words = Arc::new(Words::new(42));
        let index = Arc::new(Tantivy::build(&words, 42, 200).unwrap());
        assert!((0..50).filter(|about| index.ask(&words.question(*about)).unwrap() > 0).count() > 40);
        let tally = index.measure(&words, 1, Duration::ZERO, Duration::from_millis(200)).unwrap();
        assert!(tally.latencies.count() > 0);
    }
}
