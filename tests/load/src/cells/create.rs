//! Creating tickets over HTTP: each answer follows the commit of ticket, event and due receipt.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use crate::catch_up::CatchUp;
use crate::closed::{Ask, Turn};
use crate::http;
use crate::row::Row;
use crate::stage::Stage;
use crate::words::mix;

/// Callers at once.
const AT_ONCE: usize = 64;
/// Different texts.
const TEXTS: u64 = 512;

/// Measures it, and how long the consumers took afterwards.
///
/// # Errors
/// When the loop breaks.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    let tally = stage.measure("create a ticket", AT_ONCE, &[ask(stage)]).await?;
    let caught_up = stage.settle().await?;
    let asked_bare = bare(stage);
    let bare = stage.measure_bare("batched insert of the same rows", AT_ONCE, asked_bare).await?;
    let row = stage.row("create", "create a ticket", AT_ONCE).tally(&tally);
    stage.push(row.at_least("per_second", 3000.0).at_most("p99_ms", 60.0).compared(&bare, 0.6));
    stage.push(lag(&caught_up));
    Ok(())
}

/// Customers, each with a request of their own.
pub fn ask(stage: &Stage<'_>) -> Ask {
    let (people, path, seed) = (stage.people.clone(), stage.people.api("tickets"), stage.options.seed);
    let bodies: Vec<_> = (0..TEXTS).map(|about| stage.ticket(about)).collect();
    Arc::new(move |Turn { worker, count }| {
        let random = mix(seed, worker, count);
        people.customer(random >> 16).post(&path, &bodies[crate::words::pick(random, bodies.len())])
    })
}

fn bare(stage: &Stage<'_>) -> Ask {
    let (people, seed) = (stage.people.clone(), stage.options.seed);
    let bodies: Vec<_> = (0..TEXTS).map(|about| stage.ticket(about)).collect();
    Arc::new(move |Turn { worker, count }| {
        let random = mix(seed, worker, count);
        let text = &bodies[crate::words::pick(random, bodies.len())];
        let person = people.customer(random >> 16).id.to_string();
        http::post("/tickets", None, &json!({"person": person, "subject": text["subject"], "description": text["description"]}))
    })
}

/// How far the consumers were behind when the load ended, and how long it took them.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
fn lag(took: &CatchUp) -> Row {
    let mut row = Row::new("catch_up", "consumers after the create load: every inbox has read every event; every mail and bell is out")
        .figure("events_behind", took.first.events as f64)
        .figure("deliveries_behind", took.first.deliveries as f64);
    for (name, time) in [("events_seconds", took.events), ("deliveries_seconds", took.deliveries)] {
        if let Some(time) = time {
            row = row.figure(name, time.as_secs_f64());
        }
    }
    if took.deliveries.is_some() {
        return row;
    }
    let watched = took.watched.as_secs_f64();
    row.figure("deliveries_left", took.last.deliveries as f64).note(format!("watched for {watched:.0} s; what was left was given up"))
}
