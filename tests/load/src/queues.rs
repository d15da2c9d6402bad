//! What overload must not do to the services: let their queues pass their bounds, or their memory grow. Both are read once a second while
//! something else happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http::{HeaderValue, header};
use portico_integration_tests::World;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::http::{self as client, Connection, Target};
use crate::memory;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// A service that does not show its metrics in this time is not looked at this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How often queues of a service were read.
    pub looks: u64,
    /// How often a queue held more than it can hold.
    pub over: u64,
    /// How full the fullest queue was: 1 is full.
    pub fullest: f64,
    /// Megabytes of all services together, with the time since the beginning.
    pub memory: Vec<(Duration, f64)>,
    /// Whether a process of a service ended.
    pub ended: bool,
}

impl Seen {
    /// The largest of all, in megabytes.
    pub fn peak(&self) -> f64 {
        largest(self.memory.iter())
    }

    /// By how many megabytes the largest of the last third lies above the largest of the first third: about 0 where memory is flat, and what
    /// buffers and connections take at once is in both.
    pub fn growth(&self) -> f64 {
        let end = self.memory.last().map_or(Duration::ZERO, |(at, _)| *at);
        let first = self.memory.iter().filter(|(at, _)| *at <= end / 3);
        let last = self.memory.iter().filter(|(at, _)| *at >= end / 3 * 2);
        largest(last) - largest(first)
    }
}

fn largest<'m>(memory: impl Iterator<Item = &'m (Duration, f64)>) -> f64 {
    memory.map(|(_, megabytes)| *megabytes).fold(0.0, f64::max)
}

struct Watched {
    pid: u32,
    connection: Connection,
}

/// Does the work, and looks at the services meanwhile.
///
/// # Errors
/// When a service does not run.
pub async fn during<T>(world: &World, work: impl Future<Output = T>) -> Result<(T, Seen)> {
    let processes = memory::processes(world)?;
    let services = watched(world, &processes)?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut watcher = JoinSet::new();
    watcher.spawn(watch(services, Arc::clone(&seen)));
    let done = work.await;
    watcher.shutdown().await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ended = memory::processes(world).ok() != Some(processes);
    Ok((done, Seen { ended, ..seen }))
}

fn watched(world: &World, processes: &BTreeMap<String, u32>) -> Result<Vec<Watched>> {
    let status = world.status();
    let one = |(service, pid): (&String, &u32)| {
        let url = status["operations"][service].as_str().with_context(|| format!("{service} has no operations port"))?;
        Ok(Watched { pid: *pid, connection: Connection::new(&Arc::new(Target::read(url)?)) })
    };
    processes.iter().map(one).collect()
}

async fn watch(mut services: Vec<Watched>, seen: Arc<Mutex<Seen>>) {
    let begun = Instant::now();
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let megabytes: f64 = services.iter().filter_map(|service| memory::of(service.pid).ok()).sum();
        seen.lock().unwrap_or_else(PoisonError::into_inner).memory.push((begun.elapsed(), megabytes));
        for service in &mut services {
            let request = client::get("/metrics", header::ACCEPT, HeaderValue::from_static("text/plain"));
            let Ok(reply) = timeout(PATIENCE, service.connection.send(request)).await else { continue };
            if reply.is_ok() {
                note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), &String::from_utf8_lossy(&reply.bytes));
            }
        }
    }
}

fn note(seen: &mut Seen, metrics: &str) {
    seen.looks += 1;
    for (depth, capacity) in queues(metrics).into_values() {
        seen.over += u64::from(depth > capacity);
        if capacity > 0.0 {
            seen.fullest = seen.fullest.max(depth / capacity);
        }
    }
}

/// Depth and capacity of every queue in Prometheus' text, by its name.
fn queues(metrics: &str) -> BTreeMap<&str, (f64, f64)> {
    let depths = named(metrics, "portico_mailbox_depth{");
    let capacities: BTreeMap<&str, f64> = named(metrics, "portico_mailbox_capacity{").collect();
    depths.filter_map(|(name, depth)| Some((name, (depth, *capacities.get(name)?)))).collect()
}

fn named<'t>(metrics: &'t str, metric: &'static str) -> impl Iterator<Item = (&'t str, f64)> {
    metrics.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(metric)?.rsplit_once("} ")?;
        let name = labels.split("mailbox=\"").nth(1)?.split('"').next()?;
        Some((name, value.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "# TYPE portico_mailbox_depth gauge\n\
                           portico_mailbox_capacity{mailbox=\"http\",otel_scope_name=\"portico\"} 1024\n\
                           portico_mailbox_capacity{mailbox=\"live\",otel_scope_name=\"portico\"} 20000\n\
                           portico_mailbox_depth{mailbox=\"http\",otel_scope_name=\"portico\"} 512\n\
                           portico_mailbox_depth{mailbox=\"live\",otel_scope_name=\"portico\"} 1000\n";

    #[test]
    fn queues_are_read_with_their_bounds() {
        assert_eq!(queues(METRICS), BTreeMap::from([("http", (512.0, 1024.0)), ("live", (1000.0, 20_000.0))]));
        let mut seen = Seen::default();
        note(&mut seen, METRICS);
        assert_eq!((seen.looks, seen.over), (1, 0));
        assert!((seen.fullest - 0.5).abs() < 1e-9);
        note(&mut seen, &METRICS.replace(" 512", " 1025"));
        assert_eq!((seen.looks, seen.over), (2, 1));
    }

    #[test]
    fn memory_is_flat_when_its_end_is_as_its_beginning() {
        let of = |megabytes: [f64; 7]| Seen { memory: (0..).map(Duration::from_secs).zip(megabytes).collect(), ..Seen::default() };
        let flat = of([100.0, 180.0, 181.0, 170.0, 180.0, 179.0, 180.0]);
        assert!(flat.growth() < 1.0 && (flat.peak() - 181.0).abs() < 1e-9);
        assert!((of([100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0]).growth() - 40.0).abs() < 1e-9);
        assert!(Seen::default().growth().abs() < 1e-9);
    }
}
