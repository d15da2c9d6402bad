//! Other routes at a third of the capacity while two hundred people sign in at once: hashing passwords must starve nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use portico_integration_tests::portal::PASSWORD;
use tokio::task::JoinSet;

use crate::closed::{Ask, Turn};
use crate::fill::ASKERS;
use crate::http::{Connection, Target};
use crate::open;
use crate::people::{People, login};
use crate::row::Row;
use crate::stage::Stage;
use crate::terminal::Step;
use crate::words::{mix, pick};

/// People who sign in at once.
const STORM: usize = 200;
/// Part of the capacity that is asked of the other routes.
const PART: f64 = 0.3;
/// Callers of the closed loop that finds the capacity.
const AT_ONCE: usize = 16;
/// Connections of the open loop.
const CONNECTIONS: usize = 256;
/// Who was turned away comes again after this, as a person does.
const AGAIN: Duration = Duration::from_secs(1);

/// Measures it.
///
/// # Errors
/// When a loop breaks.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    super::list::fill_small(stage).await?;
    let ask = other_routes(stage);
    let capacity = stage.capacity("capacity of other routes", AT_ONCE, &ask).await?;
    let rate = capacity * PART;
    let step = Step::begin(format!("other routes at {rate:.0}/s, alone and while {STORM} people sign in"));
    let how = stage.open_loop(rate, CONNECTIONS);
    let alone = open::run(&stage.target, how, &ask).await?;
    let (stop, signed_in) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut signing_in = storm(&stage.target, &stage.people, &stop, &signed_in);
    let beside = open::run(&stage.target, how, &ask).await?;
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = signing_in.join_next().await {
        done.context("a sign-in ended")?;
    }
    step.done();
    let growth = beside.latencies.millis_at(0.99) / alone.latencies.millis_at(0.99).max(0.001);
    let row = Row::new("other_routes", "other routes at 30 % of their capacity while 200 people sign in at once")
        .tally(&beside)
        .figure("p99_alone_ms", alone.latencies.millis_at(0.99))
        .figure("p99_growth", growth)
        .figure("signed_in", signed_in.load(Ordering::Relaxed) as f64);
    stage.push(row.at_most("p99_growth", 2.0));
    Ok(())
}

/// Lists, the own account, the catalogue and a ticket, in turn.
fn other_routes(stage: &Stage<'_>) -> Ask {
    let (people, seed, own) = (stage.people.clone(), stage.options.seed, stage.own.clone());
    let paths = ["tickets?limit=25", "me", "catalog"].map(|path| people.api(path));
    Arc::new(move |Turn { worker, count }| {
        let random = mix(seed, worker, count);
        let customer = pick(random >> 8, ASKERS.min(own.len()));
        let person = &people.customers[customer];
        match paths.get(pick(random, paths.len() + 1)) {
            Some(path) => person.get(path),
            None => person.get(&people.api(&format!("tickets/{}", own[customer]))),
        }
    })
}

/// Two hundred people who sign in again and again until they are told to stop.
fn storm(target: &Arc<Target>, people: &People, stop: &Arc<AtomicBool>, signed_in: &Arc<AtomicU64>) -> JoinSet<()> {
    let mut storm = JoinSet::new();
    for person in people.customers.iter().take(STORM) {
        let (person, slug, mut connection) = (Arc::clone(person), people.slug.clone(), Connection::new(target));
        let (stop, signed_in) = (Arc::clone(stop), Arc::clone(signed_in));
        storm.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let reply = connection.send(login(&slug, &person.email, PASSWORD)).await;
                if reply.is_ok() {
                    signed_in.fetch_add(1, Ordering::Relaxed);
                } else {
                    tokio::time::sleep(AGAIN).await;
                }
            }
        });
    }
    storm
}
