//! What an inbox shows of itself.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};

use super::order::Order;
use crate::telemetry;

/// The instruments of one producer's inbox.
pub(super) struct Meters {
    producer: [KeyValue; 1],
    lag: Gauge<i64>,
    healed: Counter<u64>,
    duplicates: Counter<u64>,
}

impl Meters {
    pub(super) fn of(producer: &'static str) -> Self {
        let meter = telemetry::meter();
        let meters = Self {
            producer: [KeyValue::new("producer", producer)],
            lag: meter
                .i64_gauge("portico.inbox.lag")
                .with_description("Events of a producer that this replica knows of and has not applied; 0 where another one applies them.")
                .build(),
            healed: meter
                .u64_counter("portico.inbox.healed")
                .with_description("Events that were fetched from the producer because the broker had not delivered them.")
                .build(),
            duplicates: meter
                .u64_counter("portico.inbox.duplicates")
                .with_description("Deliveries that were dropped because the event was known.")
                .build(),
        };
        meters.lag(0);
        meters.healed(0);
        meters.duplicates.add(0, &meters.producer);
        meters
    }

    pub(super) fn lag(&self, events: i64) {
        self.lag.record(events.max(0), &self.producer);
    }

    pub(super) fn healed(&self, events: usize) {
        self.healed.add(events as u64, &self.producer);
    }

    /// Counts what `order` has dropped since the last time.
    pub(super) fn duplicates(&self, order: &mut Order) {
        self.duplicates.add(std::mem::take(&mut order.duplicates), &self.producer);
    }
}
