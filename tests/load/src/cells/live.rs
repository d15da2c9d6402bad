//! From a reply to the bell in other browsers, with a thousand streams open.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::http::{Connection, Target};
use crate::measure::Latencies;
use crate::open::Schedule;
use crate::people::Person;
use crate::row::Row;
use crate::stage::Stage;
use crate::terminal::Step;

/// Replies a second.
const RATE: f64 = 50.0;
/// At least so long: the 99th percentile rests on several hundred replies.
const LEAST: Duration = Duration::from_secs(12);
/// Streams that are opened at once.
const OPENING: usize = 32;
/// How long the last bells may take.
const LAST: Duration = Duration::from_secs(5);
/// Connections of the agents who reply.
const WRITERS: usize = 16;

/// When each customer was last written to, and what their windows saw of it.
struct Watch {
    written: Vec<Mutex<Option<Instant>>>,
    seen: Mutex<Latencies>,
    open: AtomicU64,
}

impl Watch {
    fn write(&self, customer: usize) {
        *self.written[customer].lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn bell(&self, customer: usize) {
        let now = Instant::now();
        let written = *self.written[customer].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = written {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).record(now - written);
        }
    }

    fn count(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).count()
    }
}

/// Measures it.
///
/// # Errors
/// When a stream does not open, or a reply is refused.
#[allow(clippy::cast_precision_loss)] // Counts of a run.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    stage.people.refresh().await?;
    let watch = Arc::new(Watch {
        written: stage.own.iter().map(|_| Mutex::new(None)).collect(),
        seen: Mutex::new(Latencies::new()),
        open: AtomicU64::new(0),
    });
    let listeners = stage.options.listeners.min(stage.people.customers.len() * 16);
    let step = Step::begin(format!("{listeners} listeners, {RATE} replies a second"));
    let mut windows = open_all(stage, &watch, listeners).await?;
    let time = stage.options.measured().max(LEAST);
    let written = write(stage, &watch, time).await?;
    // Each reply rings in every window of its customer.
    let people = stage.people.customers.len();
    let expected: u64 = (0..written).map(|reply| windows_of(reply % people as u64, listeners, people)).sum();
    let end = Instant::now() + LAST;
    while watch.count() < expected && Instant::now() < end {
        sleep(Duration::from_millis(20)).await;
    }
    step.done();
    let (seen, open) = (watch.seen.lock().unwrap_or_else(PoisonError::into_inner).clone(), watch.open.load(Ordering::Relaxed));
    windows.shutdown().await;
    let missing = expected.saturating_sub(seen.count());
    let row = Row::new("live", format!("reply → bell in other browsers (live stream), {listeners} listeners connected"))
        .figure("bells", seen.count() as f64)
        .figure("missing", missing as f64)
        .figure("listeners", open as f64)
        .figure("p50_ms", seen.millis_at(0.50))
        .figure("p99_ms", seen.millis_at(0.99))
        .note("counted from the sending of the reply: the time to its commit is in it");
    stage.push(row.at_most("p50_ms", 30.0).at_most("p99_ms", 200.0).at_most("missing", 0.0).at_least("listeners", listeners as f64));
    stage.settle().await?;
    Ok(())
}

/// How many of the windows are a customer's: they are given out in turn.
fn windows_of(customer: u64, listeners: usize, people: usize) -> u64 {
    let (listeners, people) = (listeners as u64, people.max(1) as u64);
    listeners / people + u64::from(customer < listeners % people)
}

async fn open_all(stage: &Stage<'_>, watch: &Arc<Watch>, listeners: usize) -> Result<JoinSet<()>> {
    let (mut windows, mut opening) = (JoinSet::new(), JoinSet::new());
    for window in 0..listeners {
        let customer = window % stage.people.customers.len();
        let (person, path) = (Arc::clone(&stage.people.customers[customer]), stage.people.api("live"));
        let target = Arc::clone(&stage.target);
        opening.spawn(async move { Ok::<_, anyhow::Error>((customer, open(&target, &person, &path).await?)) });
        if opening.len() >= OPENING || window + 1 == listeners {
            while let Some(opened) = opening.join_next().await {
                let (customer, (connection, body)) = opened.context("a window ended")??;
                windows.spawn(listen(Arc::clone(watch), customer, connection, body));
            }
        }
    }
    Ok(windows)
}

async fn open(target: &Arc<Target>, person: &Person, path: &str) -> Result<(Connection, Incoming)> {
    let mut connection = Connection::new(target);
    let mut request = person.get(path);
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    let response = connection.open(request).await?;
    anyhow::ensure!(response.status().is_success(), "a live stream was refused: {}", response.status());
    Ok((connection, response.into_body()))
}

/// One window: each bell counts. The connection lives as long as its body is read.
async fn listen(watch: Arc<Watch>, customer: usize, _connection: Connection, mut body: Incoming) {
    watch.open.fetch_add(1, Ordering::Relaxed);
    let mut text = String::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        text.push_str(&String::from_utf8_lossy(&data));
        for _ in 0..bells(&mut text) {
            watch.bell(customer);
        }
    }
    watch.open.fetch_sub(1, Ordering::Relaxed);
}

/// Takes whole events off a stream's text; how many of them were bells.
fn bells(text: &mut String) -> usize {
    let Some((whole, rest)) = text.rsplit_once("\n\n") else { return 0 };
    let count = whole.split("\n\n").filter(|event| event.lines().any(|line| line.trim() == "event: notification")).count();
    *text = rest.to_owned();
    count
}

/// Replies at an even rate, to one customer after the other; how many.
async fn write(stage: &Stage<'_>, watch: &Arc<Watch>, time: Duration) -> Result<u64> {
    let (next, start, schedule) = (Arc::new(AtomicU64::new(0)), Instant::now(), Schedule { rate: RATE });
    let mut writers = JoinSet::new();
    let paths: Arc<Vec<String>> =
        Arc::new(stage.own.iter().map(|number| stage.people.api(&format!("tickets/{number}/comments"))).collect());
    for _ in 0..WRITERS {
        let (next, watch, paths) = (Arc::clone(&next), Arc::clone(watch), Arc::clone(&paths));
        let (agent, mut connection) = (Arc::clone(&stage.people.agent), Connection::new(&stage.target));
        writers.spawn(async move {
            let mut written = 0_u64;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let offset = schedule.offset(number);
                if offset >= time {
                    return Ok(written);
                }
                sleep_until(start + offset).await;
                let customer = crate::words::pick(number, paths.len());
                let request = agent.post(&paths[customer], &json!({"body": format!("We have looked into it, part {number}.")}));
                watch.write(customer);
                let reply = connection.send(request).await;
                anyhow::ensure!(reply.is_ok(), "a reply was answered {}", reply.status);
                written += 1;
            }
        });
    }
    let mut written = 0;
    while let Some(done) = writers.join_next().await {
        written += done.context("a writer ended")??;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bells_are_counted_once_they_are_whole() {
        let mut text =
            ": open\nretry: 2000\n\nevent: notification\ndata: {\"id\":\"a\"}\nid: 1-2\n\nevent: ticket\ndata: {}\n\nevent: notif"
                .to_owned();
        assert_eq!(bells(&mut text), 1);
        text.push_str("ication\ndata: {}\n\n");
        assert_eq!(bells(&mut text), 1);
        assert!(text.is_empty() && bells(&mut text) == 0);
    }

    #[test]
    fn windows_are_given_out_in_turn() {
        assert_eq!([0, 1, 249].map(|customer| windows_of(customer, 1000, 250)), [4, 4, 4]);
        assert_eq!([0, 9, 10].map(|customer| windows_of(customer, 260, 250)), [2, 2, 1]);
    }
}
