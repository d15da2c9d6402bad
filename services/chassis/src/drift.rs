//! Whether what lies at the broker is as this version makes it (K23). Streams and consumers are made on demand and not changed afterwards:
//! somebody may have had a reason. What differs is shown, and said in the log.

use async_nats::jetstream::{consumer, stream};
use opentelemetry::KeyValue;

use crate::telemetry;

/// What of a stream that was found is not as it would be made.
pub(crate) fn of_stream(found: &stream::Config, wanted: &stream::Config) -> Vec<&'static str> {
    differing([
        ("subjects", found.subjects == wanted.subjects),
        ("max_age", found.max_age == wanted.max_age),
        ("num_replicas", found.num_replicas == wanted.num_replicas),
    ])
}

/// What of a consumer that was found is not as it would be made.
pub(crate) fn of_consumer(found: &consumer::Config, wanted: &consumer::pull::Config) -> Vec<&'static str> {
    differing([
        ("ack_policy", found.ack_policy == wanted.ack_policy),
        ("ack_wait", found.ack_wait == wanted.ack_wait),
        ("max_ack_pending", found.max_ack_pending == wanted.max_ack_pending),
    ])
}

fn differing<const N: usize>(parts: [(&'static str, bool); N]) -> Vec<&'static str> {
    parts.into_iter().filter(|(_, same)| !same).map(|(part, _)| part).collect()
}

/// Shows what was found: `thing` is `stream` or `consumer`, of the events of `producer`.
pub(crate) fn show(thing: &'static str, producer: &'static str, differs: &[&'static str]) {
    telemetry::meter()
        .u64_gauge("portico.broker.drift")
        .with_description("1 when a stream or a consumer at the broker is not as this version makes it.")
        .build()
        .record(u64::from(!differs.is_empty()), &[KeyValue::new("thing", thing), KeyValue::new("producer", producer)]);
    if !differs.is_empty() {
        tracing::warn!(thing, producer, ?differs, "what lies at the broker is not as this version makes it");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_differs_is_named() {
        let wanted = stream::Config { subjects: vec!["ev.tickets.>".into()], num_replicas: 3, ..Default::default() };
        assert!(of_stream(&wanted, &wanted).is_empty());
        let found = stream::Config { num_replicas: 1, max_age: Duration::from_secs(60), ..wanted.clone() };
        assert_eq!(of_stream(&found, &wanted), ["max_age", "num_replicas"]);
        let wanted = consumer::pull::Config { ack_policy: consumer::AckPolicy::Explicit, max_ack_pending: 2048, ..Default::default() };
        let found = consumer::Config { ack_policy: consumer::AckPolicy::Explicit, max_ack_pending: 10, ..Default::default() };
        assert_eq!(of_consumer(&found, &wanted), ["max_ack_pending"]);
    }
}
