//! `portico import knowledge`: articles from files into a portal, as often as wanted.
//!
//! An article is known by its source id: the same id updates, unchanged text does nothing. So an import that was interrupted is simply
//! started again, and goes over what is already there in a moment. Lines that cannot be imported are named; the others go in.

mod lines;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use portico_chassis::error::Error;
use portico_proto::knowledge::v1::articles_service_client::ArticlesServiceClient;
use portico_proto::knowledge::v1::search_service_client::SearchServiceClient;
use portico_proto::knowledge::v1::{AwaitIndexedRequest, ImportArticlesRequest, ImportedArticle};
use tonic::Code;
use tonic::transport::Channel;
use uuid::Uuid;

use self::lines::{Failure, Line, Place, Reading};
use crate::operator;
use crate::status::Status;
use crate::terminal;

/// One call carries at most this many articles …
const BATCH: usize = 100;
/// … and at most this much text; the service takes 3 MiB.
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// How often a call is repeated that met a service which was restarting or busy, a second apart.
const TRIES: u32 = 30;
/// Lines that are named when they cannot be imported.
const NAMED: usize = 50;
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
    /// A file of lines `{"id", "title", "body", "category"?, "tags"?, "published_at"?, "updated_at"?}`, or a folder of such files
    /// (`*.jsonl`). Dates are RFC 3339 times or days like `2024-05-31`.
    #[arg(value_name = "FILE|FOLDER")]
    source: PathBuf,
}

/// What an import did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    created: i32,
    updated: i32,
    unchanged: i32,
}

/// Imports a file or a folder; returns when all of it can be found. An error when lines were left out, after all others are in.
pub async fn knowledge(status: &Status, order: &Import) -> Result<Counts> {
    let Reading { lines, mut failures, .. } = lines::read(&order.source)?;
    if lines.is_empty() && failures.is_empty() {
        bail!("{} holds no articles", order.source.display());
    }
    let (found, begun) = (lines.len() + failures.len(), Instant::now());
    let bar = terminal::progress("importing", lines.len() as u64, 10);
    let mut importer = Importer::connect(status, &order.portal).await?;
    let mut total = Counts::default();
    for batch in batches(lines) {
        let size = batch.len() as u64;
        let counts = importer.send_lines(batch, &mut failures).await?;
        total.created += counts.created;
        total.updated += counts.updated;
        total.unchanged += counts.unchanged;
        bar.inc(size);
    }
    bar.say("waiting for the index");
    importer.await_indexed().await?;
    bar.end();
    terminal::note(format_args!("  {} lines in {:.1} s", found, begun.elapsed().as_secs_f64()));
    if failures.is_empty() {
        return Ok(total);
    }
    failures.sort();
    failures.iter().take(NAMED).for_each(terminal::note);
    if failures.len() > NAMED {
        terminal::note(format_args!("… and {} more", failures.len() - NAMED));
    }
    let left_out: BTreeSet<&Place> = failures.iter().map(|failure| &failure.place).collect();
    bail!("imported: {total}; {} of {found} lines were left out", left_out.len())
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

    /// Sends one batch.
    pub async fn send(&mut self, articles: Vec<ImportedArticle>) -> Result<Counts> {
        self.call(articles).await.map_err(|status| operator::refusal("knowledge", &status))
    }

    /// Sends the lines of one batch; those that are refused are named in `failures`, and the others sent again without them.
    async fn send_lines(&mut self, mut batch: Vec<Line>, failures: &mut Vec<Failure>) -> Result<Counts> {
        loop {
            let refused = match self.call(batch.iter().map(|line| line.article.clone()).collect()).await {
                Ok(counts) => return Ok(counts),
                Err(status) => status,
            };
            let Error::Invalid(wrong) = Error::from_status(&refused) else { return Err(operator::refusal("knowledge", &refused)) };
            let mut bad = BTreeSet::new();
            for problem in &wrong {
                let Some((index, field)) = located(&problem.field).filter(|(index, _)| *index < batch.len()) else {
                    return Err(operator::refusal("knowledge", &refused));
                };
                failures.push(Failure { place: batch[index].place.clone(), what: format!("{field}: {}", problem.message) });
                bad.insert(index);
            }
            let mut index = 0..;
            batch.retain(|_| index.next().is_some_and(|index| !bad.contains(&index)));
            if batch.is_empty() {
                return Ok(Counts::default());
            }
        }
    }

    /// Each call has an id of its own: what makes a repeat harmless is the source id, and the counts then tell the truth.
    async fn call(&mut self, articles: Vec<ImportedArticle>) -> Result<Counts, tonic::Status> {
        let message = ImportArticlesRequest { portal: self.portal.clone(), request_id: Uuid::new_v4().to_string(), articles };
        for attempt in 1.. {
            let request = operator::request(self.status, message.clone()).map_err(|error| tonic::Status::internal(error.to_string()))?;
            match self.articles.import_articles(request).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    self.position = self.position.max(answer.index_position);
                    return Ok(Counts { created: answer.created, updated: answer.updated, unchanged: answer.unchanged });
                }
                Err(status) if attempt < TRIES && matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(status) => return Err(status),
            }
        }
        Err(tonic::Status::unavailable("knowledge does not answer"))
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

/// The index and the field in `articles[3].title`.
fn located(field: &str) -> Option<(usize, &str)> {
    let (index, field) = field.strip_prefix("articles[")?.split_once("].")?;
    Some((index.parse().ok()?, field))
}

fn batches(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let mut all = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for line in lines {
        let size = line.article.title.len() + line.article.body.len();
        if batch.len() >= BATCH || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
            all.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(line);
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_by_number_and_size() {
        let line = |size: usize| Line {
            place: Place::default(),
            article: ImportedArticle { body: "x".repeat(size), ..ImportedArticle::default() },
        };
        assert_eq!(batches((0..250).map(|_| line(10)).collect()).len(), 3);
        assert_eq!(batches((0..3).map(|_| line(BATCH_BYTES / 2 + 1)).collect()).len(), 3);
    }

    #[test]
    fn a_refused_field_leads_back_to_its_line() {
        assert_eq!(located("articles[17].published_at"), Some((17, "published_at")));
        assert_eq!(located("portal"), None);
    }
}
