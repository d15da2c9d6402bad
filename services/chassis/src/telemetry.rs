//! Logs, traces and metrics.
//!
//! Logs are JSON lines (or pretty ones for people). Traces go to an OTLP collector if one is configured and connect the browser's
//! request, gRPC hops, the journal and NATS headers by W3C trace context. Metrics are OpenTelemetry's, shown in Prometheus' format.

use std::collections::HashMap;
use std::sync::OnceLock;

use opentelemetry::metrics::Meter;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry as Subscriber};

use crate::config::{Common, LogFormat};

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// Flushes what is left when the process ends.
pub struct Telemetry {
    tracer: SdkTracerProvider,
}

impl Telemetry {
    /// Sends what waits.
    pub fn stop(self) {
        if let Err(error) = self.tracer.shutdown() {
            tracing::debug!(%error, "the tracer did not shut down cleanly");
        }
    }
}

/// Sets up the process' log, tracer and meter.
pub fn start(service: &'static str, common: &Common) -> anyhow::Result<Telemetry> {
    let resource = Resource::builder()
        .with_service_name(format!("portico-{service}"))
        .with_attribute(opentelemetry::KeyValue::new("service.namespace", "portico"))
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(opentelemetry::KeyValue::new("service.instance.id", common.replica.clone()))
        .build();
    let mut tracer = SdkTracerProvider::builder().with_resource(resource.clone());
    if let Some(endpoint) = &common.otlp_endpoint {
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint.clone()).build()?;
        tracer = tracer.with_batch_exporter(exporter);
    }
    let tracer = tracer.build();

    let registry = REGISTRY.get_or_init(Registry::new);
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
    opentelemetry::global::set_meter_provider(SdkMeterProvider::builder().with_resource(resource).with_reader(exporter).build());

    let filter = EnvFilter::try_new(&common.log)?;
    let log = match common.log_format {
        LogFormat::Json => {
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Pretty => tracing_subscriber::fmt::layer().compact().boxed(),
    };
    let traces = tracing_opentelemetry::layer().with_tracer(tracer.tracer(service));
    Subscriber::default().with(filter).with(log).with(traces).init();
    Ok(Telemetry { tracer })
}

/// Where instruments come from.
pub fn meter() -> Meter {
    opentelemetry::global::meter("portico")
}

/// All metrics in Prometheus' text format.
pub fn metrics() -> String {
    let Some(registry) = REGISTRY.get() else { return String::new() };
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), &mut text) {
        tracing::warn!(%error, "metrics could not be written");
    }
    String::from_utf8(text).unwrap_or_default()
}

/// The current span as a W3C `traceparent`; empty outside of any.
pub fn traceparent() -> String {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove("traceparent").unwrap_or_default()
}

/// Makes `span` a child of the span that `traceparent` names; anything unreadable is ignored.
pub fn continue_trace(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    // The span may be disabled by the filter; then there is nothing to connect.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

/// The trace id of the current span, for answers and logs; empty outside of any.
pub fn trace_id() -> String {
    traceparent().split('-').nth(1).unwrap_or_default().to_owned()
}
