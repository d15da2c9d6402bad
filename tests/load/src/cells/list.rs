//! "My requests", 25 rows: as JSON and as a page, with ten thousand tickets in the database and with a million.

use std::sync::Arc;

use anyhow::Result;
use http::{HeaderValue, header};

use crate::closed::{Ask, Turn};
use crate::fill::{self, ASKERS, SMALL};
use crate::http as client;
use crate::measure::Tally;
use crate::row::number;
use crate::stage::Stage;
use crate::words::{mix, pick};

/// Callers at once.
pub const AT_ONCE: usize = 16;

/// What the small database gave.
pub struct Small {
    json: Tally,
    html: Tally,
}

/// Both sizes, one after the other.
///
/// # Errors
/// When the loop breaks.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    let small = small(stage).await?;
    large(stage, &small).await
}

/// Makes sure that the small database is there.
///
/// # Errors
/// When it cannot be filled.
pub async fn fill_small(stage: &mut Stage<'_>) -> Result<()> {
    fill_up_to(stage, SMALL).await
}

async fn fill_up_to(stage: &mut Stage<'_>, count: i64) -> Result<()> {
    if stage.filled.as_ref().is_some_and(|filled| filled.count >= count) {
        return Ok(());
    }
    let own = stage.own.first().cloned().unwrap_or_default();
    let filled = fill::up_to(stage.world, &stage.people, &stage.words, &own, stage.filled.as_ref(), count).await?;
    stage.filled = Some(filled);
    Ok(())
}

/// With ten thousand tickets, and the bare limit of the same query.
///
/// # Errors
/// When the loop breaks.
pub async fn small(stage: &mut Stage<'_>) -> Result<Small> {
    fill_small(stage).await?;
    let asked_bare = bare(stage);
    let bare = stage.measure_bare("the same query", AT_ONCE, asked_bare).await?;
    let json = stage.measure("list as JSON", AT_ONCE, &[json(stage)]).await?;
    let row = stage.row("list_json", "list \"my requests\", 25 rows, JSON", AT_ONCE).tally(&json);
    stage.push(row.at_least("per_second", 3000.0).at_most("p99_ms", 20.0).compared(&bare, 0.5));
    let html = stage.measure("list as a page", AT_ONCE, &[page(stage).await?]).await?;
    let row = stage.row("list_html", "list \"my requests\", 25 rows, HTML", AT_ONCE).tally(&html);
    stage.push(row.at_least("per_second", 2500.0).at_most("p99_ms", 20.0).compared(&bare, 0.5));
    Ok(Small { json, html })
}

/// With a million tickets: the same lists, at most half as slow again.
///
/// # Errors
/// When the loop breaks.
#[allow(clippy::cast_precision_loss)] // Tickets of a database.
pub async fn large(stage: &mut Stage<'_>, small: &Small) -> Result<()> {
    let tickets = stage.options.tickets.max(SMALL);
    fill_up_to(stage, tickets).await?;
    let count = number(tickets as f64);
    for (name, kind, before) in [("list_json_large", "JSON", &small.json), ("list_html_large", "HTML", &small.html)] {
        let ask = if kind == "JSON" { json(stage) } else { page(stage).await? };
        let tally = stage.measure(&format!("list as {kind} with {count} tickets"), AT_ONCE, &[ask]).await?;
        let growth = tally.latencies.millis_at(0.99) / before.latencies.millis_at(0.99).max(0.001);
        let row =
            stage.row(name, &format!("list \"my requests\", 25 rows, {kind}, {count} tickets in the database"), AT_ONCE).tally(&tally);
        stage.push(row.figure("p99_growth", growth).at_most("p99_growth", 1.5));
    }
    Ok(())
}

/// A page of 25 as a program asks for it.
pub fn json(stage: &Stage<'_>) -> Ask {
    let (people, path, seed) = (stage.people.clone(), stage.people.api("tickets?limit=25"), stage.options.seed);
    Arc::new(move |Turn { worker, count }| people.customers[pick(mix(seed, worker, count), ASKERS)].get(&path))
}

async fn page(stage: &Stage<'_>) -> Result<Ask> {
    let (cookies, path) = (stage.cookies(AT_ONCE).await?, stage.people.page("requests"));
    Ok(with_cookie(cookies, move |_| path.clone()))
}

/// Pages for browsers in turn.
pub fn with_cookie(cookies: Arc<Vec<HeaderValue>>, path: impl Fn(Turn) -> String + Send + Sync + 'static) -> Ask {
    Arc::new(move |turn: Turn| client::get(&path(turn), header::COOKIE, cookies[pick(turn.worker, cookies.len())].clone()))
}

fn bare(stage: &Stage<'_>) -> Ask {
    let (people, seed) = (stage.people.clone(), stage.options.seed);
    Arc::new(move |Turn { worker, count }| {
        let person = people.customers[pick(mix(seed, worker, count), ASKERS)].id;
        client::get(&format!("/tickets?person={person}"), header::USER_AGENT, HeaderValue::from_static("load"))
    })
}
