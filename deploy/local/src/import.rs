//! `portico import knowledge`: articles from files into a portal, as often as wanted.
//!
//! An article is known by its source id: the same id updates, unchanged text does nothing. So an import that was interrupted is simply
//! started again, and goes over what is already there in a moment.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use portico_proto::knowledge::v1::articles_service_client::ArticlesServiceClient;
use portico_proto::knowledge::v1::search_service_client::SearchServiceClient;
use portico_proto::knowledge::v1::{AwaitIndexedRequest, ImportArticlesRequest, ImportedArticle};
use serde::Deserialize;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::operator;
use crate::status::Status;
use crate::terminal;

/// One call carries at most this many articles …
const BATCH: usize = 200;
/// … and at most this much text; the service takes 3 MiB.
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// How long to wait for the index of a large import.
const INDEXED: Duration = Duration::from_secs(600);

/// How long knowledge may wait in one call, in milliseconds.
const ONE_WAIT: i32 = 30_000;

/// What to import, and where.
#[derive(Debug, Args)]
pub struct Import {
    /// The portal.
    #[arg(long)]
    portal: String,
    /// A file of lines `{"id", "title", "body", "category"?, "tags"?}`, or a folder of such files (`*.jsonl`).
    #[arg(value_name = "FILE|FOLDER")]
    source: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Line {
    id: Id,
    title: String,
    body: String,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// Collections number their articles or name them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(i64),
}

/// What an import did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    created: i32,
    updated: i32,
    unchanged: i32,
}

/// Imports a file or a folder; returns when all of it can be found.
pub async fn knowledge(status: &Status, order: &Import) -> Result<Counts> {
    let mut articles = Vec::new();
    for file in files(&order.source)? {
        articles.extend(read(&file)?);
    }
    if articles.is_empty() {
        bail!("{} holds no articles", order.source.display());
    }
    let bar = terminal::progress("importing", articles.len() as u64, 10);
    let mut importer = Importer::connect(status, &order.portal).await?;
    let mut total = Counts::default();
    for batch in batches(articles) {
        let size = batch.len() as u64;
        let counts = importer.send(batch).await?;
        total.created += counts.created;
        total.updated += counts.updated;
        total.unchanged += counts.unchanged;
        bar.inc(size);
    }
    bar.set_message("waiting for the index");
    importer.await_indexed().await?;
    bar.finish_and_clear();
    Ok(total)
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} new, {} changed, {} as they were", self.created, self.updated, self.unchanged)
    }
}

/// Sends articles to one portal.
#[derive(Debug)]
pub struct Importer<'a> {
    status: &'a Status,
    portal: String,
    articles: ArticlesServiceClient<Channel>,
    search: SearchServiceClient<Channel>,
    position: i64,
}

impl<'a> Importer<'a> {
    /// Connects to knowledge.
    pub async fn connect(status: &'a Status, portal: &str) -> Result<Self> {
        let channel = operator::patient_channel(status, "knowledge", INDEXED).await?;
        Ok(Self {
            status,
            portal: portal.to_owned(),
            articles: ArticlesServiceClient::new(channel.clone()),
            search: SearchServiceClient::new(channel),
            position: 0,
        })
    }

    /// Sends one batch. Each call has an id of its own: what makes a repeat harmless is the source id, and the counts then tell the truth.
    pub async fn send(&mut self, articles: Vec<ImportedArticle>) -> Result<Counts> {
        let message = ImportArticlesRequest { portal: self.portal.clone(), request_id: Uuid::new_v4().to_string(), articles };
        let answer = self.articles.import_articles(operator::request(self.status, message)?).await;
        let answer = answer.map_err(|status| anyhow::anyhow!("knowledge refuses: {}", status.message()))?.into_inner();
        self.position = self.position.max(answer.index_position);
        Ok(Counts { created: answer.created, updated: answer.updated, unchanged: answer.unchanged })
    }

    /// Returns when all that was sent can be found.
    pub async fn await_indexed(&mut self) -> Result<()> {
        let end = tokio::time::Instant::now() + INDEXED;
        while tokio::time::Instant::now() < end {
            let message = AwaitIndexedRequest { portal: self.portal.clone(), position: self.position, timeout_millis: ONE_WAIT };
            let answer = self.search.await_indexed(operator::request(self.status, message)?).await.context("the index does not answer")?;
            if answer.into_inner().reached {
                return Ok(());
            }
        }
        bail!("the articles are there, but the search index has not caught up within {} s", INDEXED.as_secs())
    }
}

fn batches(articles: Vec<ImportedArticle>) -> Vec<Vec<ImportedArticle>> {
    let mut all = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for article in articles {
        let size = article.title.len() + article.body.len();
        if batch.len() >= BATCH || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
            all.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(article);
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

fn files(source: &Path) -> Result<Vec<PathBuf>> {
    if !source.is_dir() {
        return Ok(vec![source.to_path_buf()]);
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir(source)
        .with_context(|| format!("{} cannot be read", source.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Result<Vec<ImportedArticle>> {
    let reader = std::io::BufReader::new(std::fs::File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?);
    let mut articles = Vec::new();
    for (index, line) in reader.lines().enumerate() {
        let place = || format!("{}, line {}", file.display(), index + 1);
        let line = line.with_context(place)?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(&line).with_context(place)?;
        articles.push(ImportedArticle {
            source_id: match line.id {
                Id::Text(text) => text,
                Id::Number(number) => number.to_string(),
            },
            title: line.title,
            body: line.body,
            category: line.category.unwrap_or_default(),
            tags: line.tags.unwrap_or_default(),
            kind: 0,
        });
    }
    Ok(articles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jsonl");
        std::fs::write(&file, "{\"id\": 7, \"title\": \"t\", \"body\": \"b\"}\n\n{\"id\": \"x\"}\n").unwrap();
        assert!(format!("{:#}", read(&file).unwrap_err()).contains("line 3"));
    }

    #[test]
    fn batches_are_bounded_by_number_and_size() {
        let article = |size: usize| ImportedArticle { body: "x".repeat(size), ..ImportedArticle::default() };
        assert_eq!(batches((0..450).map(|_| article(10)).collect()).len(), 3);
        assert_eq!(batches((0..3).map(|_| article(BATCH_BYTES / 2 + 1)).collect()).len(), 3);
    }
}
