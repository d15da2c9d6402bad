//! What the notifier shows of its work.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use portico_chassis::telemetry;
use time::Duration;

use crate::domain::delivery::Channel;
use crate::domain::inbound::State;

/// What becomes of a delivery.
const OUTCOMES: [&str; 3] = ["sent", "cancelled", "failed"];

/// The instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Measures {
    ended: Counter<u64>,
    delay: Histogram<f64>,
    settled: Counter<u64>,
    unknown: Counter<u64>,
}

impl Default for Measures {
    fn default() -> Self {
        let meter = telemetry::meter();
        let measures = Self {
            ended: meter
                .u64_counter("portico.notifier.deliveries")
                .with_description("Deliveries that ended, by channel and outcome.")
                .build(),
            delay: meter
                .f64_histogram("portico.notifier.delay")
                .with_unit("s")
                .with_description("How long after its event a delivery left, by channel.")
                .with_boundaries(vec![0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0])
                .build(),
            settled: meter
                .u64_counter("portico.notifier.inbound")
                .with_description("Messages that came in and were settled, by what became of them.")
                .build(),
            unknown: meter
                .u64_counter("portico.notifier.unknown_notices")
                .with_description("Notices of a kind that this version does not know; nobody was told.")
                .build(),
        };
        // A rate is known before the first time.
        for channel in [Channel::Mail, Channel::Bell] {
            OUTCOMES.into_iter().for_each(|outcome| measures.ended.add(0, &ended(channel, outcome)));
        }
        for state in State::ENDS {
            measures.settled.add(0, &[KeyValue::new("state", state.name())]);
        }
        measures.unknown.add(0, &[]);
        measures
    }
}

impl Measures {
    /// A delivery left, `delay` after its event.
    pub fn sent(&self, channel: Channel, delay: Duration) {
        self.ended.add(1, &ended(channel, "sent"));
        self.delay.record(delay.as_seconds_f64().max(0.0), &[KeyValue::new("channel", channel.name())]);
    }

    /// A delivery is not to go out any more.
    pub fn cancelled(&self, channel: Channel) {
        self.ended.add(1, &ended(channel, "cancelled"));
    }

    /// A delivery can't go out.
    pub fn failed(&self, channel: Channel) {
        self.ended.add(1, &ended(channel, "failed"));
    }

    /// Notices had a kind that this version does not know.
    pub fn unknown(&self, notices: usize) {
        self.unknown.add(notices as u64, &[]);
    }

    /// A message that came in was settled.
    pub fn settled(&self, state: State) {
        self.settled.add(1, &[KeyValue::new("state", state.name())]);
    }
}

fn ended(channel: Channel, outcome: &'static str) -> [KeyValue; 2] {
    [KeyValue::new("channel", channel.name()), KeyValue::new("outcome", outcome)]
}
