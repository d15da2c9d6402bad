//! More than there is room for: twice and five times the capacity, the way back, and who is turned away first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;

use super::{create, list, search};
use crate::closed::{Ask, Turn};
use crate::measure::{Latencies, Second, Tally};
use crate::memory;
use crate::open::{self, Open};
use crate::queues::{self, Seen};
use crate::row::{Row, number};
use crate::stage::Stage;
use crate::terminal::Step;
use crate::words::pick;

/// Callers of the closed loop that finds the capacity: as many as keep two processors busy, and fewer than a queue that stays.
pub const AT_ONCE: usize = 12;
/// Connections: more than the gateway works on at once, so that it has to turn somebody away.
const CONNECTIONS: usize = 1500;
/// What is normal, as a part of the capacity.
pub const NORMAL: f64 = 0.7;
/// Overload lasts at least so long: queues and memory that grow show it.
const LEAST: Duration = Duration::from_secs(60);
/// The part of what is due that may stay unsent: beyond it less was offered than the row says.
const UNSENT: f64 = 0.01;
/// Megabytes by which memory may be higher in the last third of an overload than in the first.
const GROWTH: f64 = 32.0;
/// Megabytes of the six services at most, as after any load.
const MOST: f64 = 300.0;
/// Seconds in which the way back is watched, and those that it may take.
const BACK: (u64, f64) = (15, 10.0);
/// A second is normal when its p99 is at most this much of what it was before.
const USUAL: f64 = 2.0;
/// How often the capacity is asked of what is mixed.
const MIXED: f64 = 5.0;
/// How many minutes consumers have to catch up with the mix at most.
const AFTERWARDS: u32 = 3;
/// A part of the requests of a kind by which a kind that matters less may do better: chance.
const CHANCE: f64 = 0.02;

/// Measures it.
///
/// # Errors
/// When a loop breaks.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    list::fill_small(stage).await?;
    let ask = list::json(stage);
    let capacity = stage.capacity("capacity", AT_ONCE, &ask).await?;
    let step = Step::begin(format!("open loop at {NORMAL} times the capacity of {capacity:.0}/s"));
    let before = open::run(&stage.target, stage.open_loop(capacity * NORMAL, CONNECTIONS), &ask).await?;
    step.done();
    let normal = before.latencies.millis_at(0.99);
    for (name, times, share) in [("overload_2", 2.0, 0.9), ("overload_5", 5.0, 0.7)] {
        let how = overloaded(stage, capacity * times, CONNECTIONS);
        stage.people.refresh().await?;
        let step = Step::begin(format!("open loop at {times} times the capacity of {capacity:.0}/s"));
        let (tally, seen) = queues::during(stage.world, open::run(&stage.target, how, &ask)).await?;
        step.done();
        let (tally, what) = (tally?, format!("open loop at {times} times the capacity of {}/s (list as JSON)", number(capacity.round())));
        let row = goodput(Row::new(name, what).tally(&tally), &tally, capacity * share, normal);
        let row = refused(offered(row, [&tally], how), [&tally]);
        stage.push(bounded(row, &seen));
    }
    way_back(stage, &ask, capacity, normal).await?;
    mixed(stage).await
}

/// An overload: a minute at least.
fn overloaded(stage: &Stage<'_>, rate: f64, connections: usize) -> Open {
    let how = stage.open_loop(rate, connections);
    Open { measured: how.measured.max(LEAST), ..how }
}

/// What is done, and how fast.
fn goodput(row: Row, tally: &Tally, wanted: f64, normal: f64) -> Row {
    let p99 = tally.latencies.millis_at(0.99);
    row.figure("p99_at_07_ms", normal)
        .at_least("per_second", wanted.round())
        .wanted("p99 of what is admitted ≤ 2 × that at 0.7 times the capacity", p99 <= normal * 2.0)
}

/// Whether each of these loops offered as much as the row says.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
fn offered<'t>(row: Row, tallies: impl IntoIterator<Item = &'t Tally>, how: Open) -> Row {
    let due = (how.rate * how.measured.as_secs_f64()).max(1.0);
    let sent = tallies.into_iter().all(|tally| tally.skipped as f64 / due <= UNSENT);
    row.wanted("not sent ≤ 1 % of what was due", sent)
}

/// How fast it is refused, and whether each refusal says when to come again.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
fn refused<'t>(row: Row, tallies: impl IntoIterator<Item = &'t Tally>) -> Row {
    let (mut refusals, mut unhinted) = (Latencies::new(), 0);
    for tally in tallies {
        refusals.add(&tally.refusals);
        unhinted += tally.unhinted;
    }
    row.figure("refusal_p50_ms", refusals.millis_at(0.50))
        .figure("refusal_p99_ms", refusals.millis_at(0.99))
        .figure("without_retry_after", unhinted as f64)
        .at_most("refusal_p99_ms", 20.0)
        .at_most("without_retry_after", 0.0)
}

/// Whether queues kept their bounds and memory stayed flat. A service whose metrics cannot be read in overload cannot be watched by anybody:
/// at least one look in four at each of them succeeds.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
fn bounded(row: Row, seen: &Seen) -> Row {
    let wanted = seen.memory.len() as f64 * 6.0 / 4.0;
    row.figure("fullest_queue", seen.fullest)
        .figure("queues_over", seen.over as f64)
        .figure("memory_mb", seen.peak())
        .figure("memory_growth_mb", seen.growth())
        .at_most("queues_over", 0.0)
        .at_most("memory_mb", MOST)
        .at_most("memory_growth_mb", GROWTH)
        .wanted("no service ended", !seen.ended)
        .wanted("metrics can be read", seen.looks > 0 && seen.looks as f64 >= wanted)
}

async fn way_back(stage: &mut Stage<'_>, ask: &Ask, capacity: f64, normal: f64) -> Result<()> {
    stage.people.refresh().await?;
    let how = Open {
        measured: Duration::from_secs(BACK.0),
        warmup: Duration::ZERO,
        by_second: true,
        ..stage.open_loop(capacity * NORMAL, CONNECTIONS)
    };
    let step = Step::begin("the way back");
    let after = open::run(&stage.target, how, ask).await?;
    step.done();
    let row = Row::new("overload_after", "back to normal after it, at 0.7 times the capacity")
        .tally(&after)
        .figure("p99_before_ms", normal)
        .figure("memory_mb", memory::total(stage.world)?);
    stage.push(match back_after(&after.seconds, normal * USUAL) {
        Some(seconds) => row.figure("seconds", seconds).at_most("seconds", BACK.1),
        None => row.wanted("seconds ≤ 10", false),
    });
    Ok(())
}

/// After how many seconds everything is done again and as fast as usual, and stays so; none when it never is.
#[allow(clippy::cast_precision_loss)] // Seconds of a run.
fn back_after(seconds: &[Second], usual: f64) -> Option<f64> {
    let normal = |second: &Second| second.not_done == 0 && second.latencies.millis_at(0.99) <= usual;
    let first = seconds.iter().rposition(|second| !normal(second)).map_or(0, |last| last + 1);
    (first < seconds.len()).then_some(first as f64)
}

/// As many creates as lists, searches and suggestions, all of them at once and far too many: what matters more is done more often.
async fn mixed(stage: &mut Stage<'_>) -> Result<()> {
    let kinds = [create::ask(stage), list::json(stage), search::ask(stage), suggest(stage)];
    let every = kinds.clone();
    let in_turn: Ask = Arc::new(move |turn: Turn| every[pick(turn.worker + turn.count, every.len())](turn));
    let capacity = stage.capacity("capacity of a mix of four kinds", AT_ONCE, &in_turn).await?;
    stage.settle().await?;
    stage.people.refresh().await?;
    let how = overloaded(stage, capacity * MIXED / 4.0, CONNECTIONS / 2);
    let step = Step::begin(format!("the mix at {MIXED} times its capacity of {capacity:.0}/s"));
    let [write, read, search, extra] = &kinds;
    let of = |ask| open::run(&stage.target, how, ask);
    let work = async { tokio::try_join!(of(write), of(read), of(search), of(extra)) };
    let (tallies, seen) = queues::during(stage.world, work).await?;
    step.done();
    let (write, read, search, extra) = tallies?;
    let what = format!(
        "creates, lists, searches and suggestions, each a quarter, at {MIXED} times the mix's capacity of {}/s",
        number(capacity.round())
    );
    let row = ranked(Row::new("overload_mix", what), [("create", &write), ("list", &read), ("search", &search), ("suggest", &extra)]);
    let all = [&write, &read, &search, &extra];
    let mut row = refused(offered(row, all, how), all);
    row.ok &= all.iter().all(|tally| tally.failed == 0);
    stage.push(bounded(row, &seen));
    // A minute of creates: the next cell is not to pay for them.
    for _ in 0..AFTERWARDS {
        if stage.settle().await?.events.is_some() {
            break;
        }
    }
    Ok(())
}

/// What part of each kind's requests was done, in percent: none less than of a kind that matters less, and of the first more than of the last.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
fn ranked(mut row: Row, kinds: [(&str, &Tally); 4]) -> Row {
    let mut parts = Vec::new();
    for (kind, tally) in kinds {
        let done = tally.latencies.count() as f64;
        let asked = done + (tally.refusals.count() + tally.failed + tally.skipped) as f64;
        parts.push(done / asked.max(1.0));
        row = row
            .figure(&format!("{kind}_per_second"), tally.per_second())
            .figure(&format!("{kind}_done_percent"), done / asked.max(1.0) * 100.0);
    }
    let in_order = parts.windows(2).all(|two| two[0] + CHANCE >= two[1]) && parts.first() > parts.last();
    row.wanted("done in this order: create, list, search, suggest", in_order)
}

/// What is asked while somebody types; no beginning twice.
fn suggest(stage: &Stage<'_>) -> Ask {
    let (people, words, next) = (stage.people.clone(), Arc::clone(&stage.words), AtomicU64::new(0));
    Arc::new(move |turn: Turn| {
        let question = words.question(next.fetch_add(1, Ordering::Relaxed)).replace(' ', "+");
        people.customer(turn.worker).get(&people.api(&format!("suggest?q={question}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Reply;

    fn second(millis: u64, not_done: u64) -> Second {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(millis));
        Second { latencies, not_done }
    }

    #[test]
    fn it_is_normal_when_it_stays_normal() {
        let seconds = [second(900, 3), second(9, 0), second(9, 1), second(9, 0), second(8, 0)];
        assert_eq!(back_after(&seconds, 20.0), Some(3.0));
        assert_eq!(back_after(&seconds[3..], 20.0), Some(0.0));
        assert_eq!(back_after(&seconds[..1], 20.0), None);
    }

    fn done(done: u64, of: u64) -> Tally {
        let mut tally = Tally::new(Duration::from_secs(1));
        for number in 0..of {
            let status = if number < done { 200 } else { 503 };
            tally.count(&Reply { status, ..Reply::default() }, Duration::ZERO, Duration::ZERO);
        }
        tally
    }

    #[test]
    fn what_matters_more_is_done_more_often() {
        let ranked = |parts: [u64; 4]| {
            let [one, two, three, four] = parts.map(|part| done(part, 100));
            ranked(Row::new("mix", "mix"), [("create", &one), ("list", &two), ("search", &three), ("suggest", &four)]).ok
        };
        assert!(ranked([90, 50, 20, 5]) && ranked([90, 50, 51, 5]));
        assert!(!ranked([90, 20, 50, 5]) && !ranked([5, 50, 20, 90]) && !ranked([40, 40, 40, 40]));
    }

    #[test]
    fn what_was_not_offered_was_no_overload() {
        let how = Open { rate: 100.0, connections: 1, warmup: Duration::ZERO, measured: Duration::from_secs(10), by_second: false };
        let skipped = |skipped| Tally { skipped, ..Tally::new(Duration::from_secs(10)) };
        assert!(offered(Row::new("x", "x"), [&skipped(10)], how).ok);
        assert!(!offered(Row::new("x", "x"), [&skipped(11)], how).ok);
    }
}
