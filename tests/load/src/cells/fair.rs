//! Ten portals that use seven tenths of the capacity together; then one of them asks for twenty times its share. What the others feel of it.

use std::sync::Arc;

use anyhow::Result;

use super::overload;
use crate::closed::{Ask, Turn};
use crate::http;
use crate::open;
use crate::people::People;
use crate::row::Row;
use crate::stage::{PREPARING, Stage, new_portal};
use crate::terminal::Step;
use crate::words::{mix, pick};

/// Portals, the loud one among them.
const PORTALS: usize = 10;
/// What each asks for, as a part of the capacity: together they are what is normal.
const SHARE: f64 = overload::NORMAL / 10.0;
/// The loud one's demand, in shares.
const TIMES: f64 = 20.0;
/// People of each portal, and the requests that each has made: a full page of them.
const PEOPLE: usize = 4;
const REQUESTS: usize = 25;
/// Connections of the portal that floods: more than the gateway works on at once.
const CONNECTIONS: usize = 1500;
/// Connections of the others together.
const QUIET: usize = 256;

/// Measures it.
///
/// # Errors
/// When a loop breaks.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    let mut portals = Vec::new();
    for _ in 0..PORTALS {
        portals.push(portal(stage).await?);
    }
    stage.settle().await?;
    let capacity = stage.capacity("capacity", overload::AT_ONCE, &lists(portals.clone())).await?;
    for people in &portals {
        people.refresh().await?;
    }
    let loud = lists(portals.pop().into_iter().collect());
    let others = lists(portals);
    let step = Step::begin("nine portals beside a tenth that is as quiet as they, and beside one that asks for 20 times its share");
    let quiet = stage.open_loop(capacity * SHARE * (PORTALS - 1) as f64, QUIET);
    let beside = async |times: f64| {
        let noise = stage.open_loop(capacity * SHARE * times, CONNECTIONS);
        tokio::try_join!(open::run(&stage.target, quiet, &others), open::run(&stage.target, noise, &loud))
    };
    let (before, _) = beside(1.0).await?;
    let (after, noise) = beside(TIMES).await?;
    step.done();
    let growth = after.latencies.millis_at(0.99) / before.latencies.millis_at(0.99).max(0.001);
    let row = Row::new("fair", "nine portals at their shares of 7 % of the capacity while a tenth asks for 20 times its own")
        .tally(&after)
        .figure("p99_before_ms", before.latencies.millis_at(0.99))
        .figure("p99_growth", growth)
        .figure("loud_done_per_second", noise.per_second())
        .figure("loud_refused", noise.refusals.count() as f64);
    stage.push(row.at_most("p99_growth", 1.5));
    Ok(())
}

/// A portal whose people have a full page of requests each.
async fn portal(stage: &Stage<'_>) -> Result<People> {
    let portal = new_portal(stage.world).await;
    let (people, _) = People::gather(stage.world, &stage.target, &portal.slug, PEOPLE).await?;
    let path = people.api("tickets");
    let ask = |number: usize| people.customers[number % PEOPLE].post(&path, &stage.ticket(number as u64));
    http::all(&stage.target, PREPARING, (0..PEOPLE * REQUESTS).map(ask).collect()).await?;
    Ok(people)
}

/// The list of one's own requests, by the people of these portals in turn.
fn lists(portals: Vec<People>) -> Ask {
    Arc::new(move |turn: Turn| {
        let random = mix(0, turn.worker, turn.count);
        let people = &portals[pick(random, portals.len())];
        people.customer(random >> 8).get(&people.api("tickets?limit=25"))
    })
}
