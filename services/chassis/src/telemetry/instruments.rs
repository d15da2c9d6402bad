//! Instruments that several parts share. What is counted begins with 0, so that a rate is known before the first time.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use sqlx::PgPool;

use super::meter;
use crate::run::Readiness;

/// Counts what one place turned away because too much was there. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shed {
    count: Counter<u64>,
    place: [KeyValue; 1],
}

impl Shed {
    /// Of a place: `http`, `rpc`, `journal`, `hasher`, or the kind of an entity.
    pub fn at(place: &'static str) -> Self {
        let count = meter()
            .u64_counter("portico.shed")
            .with_description("Work that was turned away because too much waited, or too much of one portal.")
            .build();
        let shed = Self { count, place: [KeyValue::new("place", place)] };
        shed.count.add(0, &shed.place);
        shed
    }

    /// Something was turned away.
    pub fn count(&self) {
        self.count.add(1, &self.place);
    }
}

/// Shows how much a bounded place holds (`depth`, asked at each look) of what it can hold. Of actors of one kind it is the fullest mailbox.
pub fn mailbox(name: &'static str, capacity: usize, depth: impl Fn() -> usize + Send + Sync + 'static) {
    let label = [KeyValue::new("mailbox", name)];
    meter()
        .u64_gauge("portico.mailbox.capacity")
        .with_description("How much a bounded place can hold before it sheds.")
        .build()
        .record(capacity as u64, &label);
    meter()
        .u64_observable_gauge("portico.mailbox.depth")
        .with_description("How much a bounded place holds: requests in work, or what waits in the fullest mailbox of a kind of actor.")
        .with_callback(move |gauge| gauge.observe(depth() as u64, &label))
        .build();
}

/// Shows how many requests a gate lets work at once (asked at each look): where that is learnt, it falls when there is too much to do.
pub fn places(gate: &'static str, at_once: impl Fn() -> usize + Send + Sync + 'static) {
    let label = [KeyValue::new("gate", gate)];
    meter()
        .u64_observable_gauge("portico.admission.places")
        .with_description("How many requests may be worked on at once behind a gate.")
        .with_callback(move |gauge| gauge.observe(at_once() as u64, &label))
        .build();
}

/// Shows how many connections of a pool are used and idle.
pub fn pool(name: &'static str, pool: &PgPool) {
    let of = |state: &'static str| [KeyValue::new("pool", name), KeyValue::new("state", state)];
    let (used, idle, shown) = (of("used"), of("idle"), pool.clone());
    meter()
        .u64_gauge("portico.db.connections.max")
        .with_description("Connections that a pool may open.")
        .build()
        .record(u64::from(pool.options().get_max_connections()), &[KeyValue::new("pool", name)]);
    meter()
        .u64_observable_gauge("portico.db.connections")
        .with_description("Connections of a pool that are open.")
        .with_callback(move |gauge| {
            let (open, free) = (u64::from(shown.size()), shown.num_idle() as u64);
            gauge.observe(open.saturating_sub(free), &used);
            gauge.observe(free, &idle);
        })
        .build();
}

/// Shows what `/readyz` answers.
pub fn readiness(readiness: Readiness) {
    meter()
        .u64_observable_gauge("portico.ready")
        .with_description("1 while this replica may serve.")
        .with_callback(move |gauge| gauge.observe(u64::from(readiness.failing().is_empty()), &[]))
        .build();
}
