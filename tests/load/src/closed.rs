//! Closed loop: so many callers, each asks again as soon as it was answered. It finds out how much there is room for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http::Request;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::{Body, Connection, Reply, Target};
use crate::measure::Tally;

/// Which of a worker's requests.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// The worker, from 0; an open loop counts its requests here.
    pub worker: u64,
    /// Its request, from 0.
    pub count: u64,
}

/// Makes a request.
pub type Ask = Arc<dyn Fn(Turn) -> Request<Body> + Send + Sync>;

/// How a loop is run.
#[derive(Debug, Clone, Copy)]
pub struct Closed {
    /// Callers.
    pub at_once: usize,
    /// Not counted.
    pub warmup: Duration,
    /// Counted.
    pub measured: Duration,
}

/// Runs the loop. With several steps they are one operation: each is asked after the one before it was answered.
///
/// # Errors
/// When a worker ends too soon.
pub async fn run(target: &Arc<Target>, how: Closed, steps: &[Ask]) -> Result<Tally> {
    let begin = Instant::now() + how.warmup;
    let end = begin + how.measured;
    let mut workers = JoinSet::new();
    for worker in 0..how.at_once as u64 {
        let (connection, steps) = (Connection::new(target), steps.to_vec());
        workers.spawn(work(connection, steps, worker, begin, end));
    }
    let mut total = Tally::new(how.measured);
    while let Some(tally) = workers.join_next().await {
        total.add(&tally.context("a worker ended")?);
    }
    Ok(total)
}

async fn work(mut connection: Connection, steps: Vec<Ask>, worker: u64, begin: Instant, end: Instant) -> Tally {
    let mut tally = Tally::new(end - begin);
    for count in 0.. {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        let mut reply = Reply::default();
        for step in &steps {
            reply = connection.send(step(Turn { worker, count })).await;
            if !reply.is_ok() {
                break;
            }
        }
        let now = Instant::now();
        // What ends within the measured time is what was done in it.
        if now >= begin && now < end {
            tally.count(&reply, now - sent, now - sent);
        }
        if reply.status == 0 {
            // Whoever refuses connections must not be asked in a spin.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    tally
}
