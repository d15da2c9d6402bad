//! Replies: all on one ticket, whose actor takes them one after the other, and spread over ten thousand.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::closed::{Ask, Turn};
use crate::stage::Stage;
use crate::words::{mix, pick};

/// Callers at once.
const AT_ONCE: usize = 64;
/// Different texts.
const TEXTS: u64 = 512;
/// Tickets that replies are spread over.
const SPREAD: u64 = 10_000;

/// Measures both.
///
/// # Errors
/// When the loop breaks.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    let tally = stage.measure("reply on one hot ticket", AT_ONCE, &[hot(stage)?]).await?;
    stage.push(stage.row("reply_hot", "reply on one hot ticket", AT_ONCE).tally(&tally).at_least("per_second", 1000.0));
    stage.settle().await?;
    super::list::fill_small(stage).await?;
    let tally = stage.measure("reply, spread over 10,000 tickets", AT_ONCE, &[spread(stage)?]).await?;
    stage.push(stage.row("reply_spread", "reply spread over 10,000 tickets", AT_ONCE).tally(&tally).at_least("per_second", 2500.0));
    stage.settle().await?;
    Ok(())
}

fn texts(stage: &Stage<'_>) -> Vec<Value> {
    (0..TEXTS).map(|about| json!({"body": stage.words.text(about, 2, 30)})).collect()
}

/// An agent's replies: a customer's would be counted against the hour's limit, row by row.
fn hot(stage: &Stage<'_>) -> Result<Ask> {
    let number = stage.own.first().context("nobody has a ticket")?;
    let (agent, path, seed) =
        (Arc::clone(&stage.people.agent), stage.people.api(&format!("tickets/{number}/comments")), stage.options.seed);
    let texts = texts(stage);
    Ok(Arc::new(move |Turn { worker, count }| agent.post(&path, &texts[pick(mix(seed, worker, count), texts.len())])))
}

/// Customers' replies, each on a ticket of their own.
fn spread(stage: &Stage<'_>) -> Result<Ask> {
    let filled = stage.filled.clone().context("no tickets were filled in")?;
    let (people, seed) = (stage.people.clone(), stage.options.seed);
    let texts = texts(stage);
    Ok(Arc::new(move |Turn { worker, count }| {
        let random = mix(seed, worker, count);
        let (number, owner) = filled.open_ticket(random % SPREAD);
        let path = people.api(&format!("tickets/{number}/comments"));
        people.customers[owner].post(&path, &texts[pick(random >> 20, texts.len())])
    }))
}
