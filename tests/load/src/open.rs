//! Open loop: requests are due at their times whether earlier ones were answered or not, and latency counts from when they were due. So a
//! stall is seen by every request that it delays, not only by those that were under way (no coordinated omission).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::closed::{Ask, Turn};
use crate::http::{Connection, Target};
use crate::measure::Tally;

/// A request that could not be sent for so long is given up and counted as not sent: nobody answers what was not asked.
const GIVE_UP: Duration = Duration::from_secs(2);
/// Tallies that workers share: a histogram for each of a thousand workers would be a lot of memory.
const SHARDS: usize = 8;

/// When requests are due.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Requests a second.
    pub rate: f64,
}

impl Schedule {
    /// When the n-th request, from 0, is due after the start.
    #[allow(clippy::cast_precision_loss)] // Requests of a run.
    pub fn offset(self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.rate.max(0.001))
    }
}

/// How a loop is run.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// Requests a second.
    pub rate: f64,
    /// Connections at most: as many may be unanswered at once.
    pub connections: usize,
    /// Not counted.
    pub warmup: Duration,
    /// Counted.
    pub measured: Duration,
    /// Whether each second is counted on its own too.
    pub by_second: bool,
}

struct Shared {
    how: Open,
    start: Instant,
    next: AtomicU64,
    tallies: Vec<Mutex<Tally>>,
    ask: Ask,
}

/// Runs the loop.
///
/// # Errors
/// When a worker ends too soon.
pub async fn run(target: &Arc<Target>, how: Open, ask: &Ask) -> Result<Tally> {
    let tallies = (0..SHARDS).map(|_| Mutex::new(Tally::new(how.measured))).collect();
    let shared = Arc::new(Shared { how, start: Instant::now(), next: AtomicU64::new(0), tallies, ask: Arc::clone(ask) });
    let mut workers = JoinSet::new();
    for worker in 0..how.connections {
        workers.spawn(work(Arc::clone(&shared), Connection::new(target), worker % SHARDS));
    }
    while let Some(done) = workers.join_next().await {
        done.context("a worker ended")?;
    }
    let mut total = Tally::new(how.measured);
    for tally in &shared.tallies {
        total.add(&tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
    Ok(total)
}

async fn work(shared: Arc<Shared>, mut connection: Connection, shard: usize) {
    let schedule = Schedule { rate: shared.how.rate };
    let end = shared.how.warmup + shared.how.measured;
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let offset = schedule.offset(number);
        if offset >= end {
            return;
        }
        let due = shared.start + offset;
        sleep_until(due).await;
        let sent = Instant::now();
        let counts = offset >= shared.how.warmup;
        let tally = || shared.tallies[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if sent - due > GIVE_UP {
            tally().skipped += u64::from(counts);
            continue;
        }
        let reply = connection.send((shared.ask)(Turn { worker: number, count: number })).await;
        let now = Instant::now();
        if counts {
            let mut tally = tally();
            tally.count(&reply, now - due, now - sent);
            if shared.how.by_second {
                let second = usize::try_from((offset - shared.how.warmup).as_secs()).unwrap_or(usize::MAX);
                tally.count_in(second, &reply, now - due);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    #[test]
    fn requests_are_due_at_even_times() {
        let schedule = Schedule { rate: 250.0 };
        assert_eq!([0, 1, 250, 2500].map(|number| schedule.offset(number).as_millis()), [0, 4, 1000, 10_000]);
    }

    /// A server that stands still for 300 ms: with one connection everything that was due meanwhile is late, not only the one request.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stall_is_felt_by_all_that_were_due_meanwhile() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0_u8; 4096];
            for answered in 0.. {
                if !matches!(stream.read(&mut request), Ok(length) if length > 0) {
                    return;
                }
                if answered == 10 {
                    std::thread::sleep(Duration::from_millis(300));
                }
                if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
                    return;
                }
            }
        });
        let target = Arc::new(Target::read(&url).unwrap());
        let how = Open { rate: 100.0, connections: 1, warmup: Duration::ZERO, measured: Duration::from_millis(500), by_second: false };
        let ask: Ask = Arc::new(|_| http::Request::new(Full::<Bytes>::default()));
        let tally = run(&target, how, &ask).await.unwrap();
        assert_eq!((tally.latencies.count(), tally.failed), (50, 0));
        // Thirty of the fifty were due while it stood still: on average they waited for half of it.
        assert!(tally.latencies.millis_at(0.6) > 60.0, "{}", tally.latencies.millis_at(0.6));
    }
}
