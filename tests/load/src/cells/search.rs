//! Articles by words, over HTTP, beside tantivy by itself over the same articles and questions.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::articles;
use crate::bare::search::Tantivy;
use crate::closed::{Ask, Turn};
use crate::row::number;
use crate::stage::Stage;
use crate::terminal::Step;

/// Callers at once.
const AT_ONCE: usize = 16;

/// Measures both.
///
/// # Errors
/// When the articles are not taken, or the loop breaks.
#[allow(clippy::cast_precision_loss)] // Articles.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    let (seed, count, words) = (stage.options.seed, stage.options.articles, Arc::clone(&stage.words));
    let step = Step::begin(format!("{count} articles are imported and indexed"));
    articles::import(stage.world, &stage.portal.slug, &words, seed, count)?;
    step.done();
    let tally = stage.measure("search articles", AT_ONCE, &[ask(stage)]).await?;
    let step = Step::begin("bare limit: tantivy over the same articles");
    let (warmup, measured) = (stage.options.warming(), stage.options.measured());
    let bare = tokio::task::spawn_blocking(move || {
        let index = Arc::new(Tantivy::build(&words, seed, count)?);
        index.measure(&words, std::thread::available_parallelism().map_or(2, usize::from), warmup, measured)
    });
    let bare = bare.await.context("tantivy ended")??;
    step.done();
    let row = stage.row("search", &format!("search {} articles over HTTP", number(count as f64)), AT_ONCE).tally(&tally);
    stage.push(row.at_most("p95_ms", 20.0).compared(&bare, 0.45));
    Ok(())
}

/// A customer's search; no question is asked twice in a run.
pub fn ask(stage: &Stage<'_>) -> Ask {
    let (people, words) = (stage.people.clone(), Arc::clone(&stage.words));
    let next = std::sync::atomic::AtomicU64::new(0);
    Arc::new(move |Turn { worker, .. }| {
        let question = words.question(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).replace(' ', "+");
        people.customer(worker).get(&people.api(&format!("search?in=articles&q={question}")))
    })
}
