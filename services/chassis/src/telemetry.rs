//! Logs, traces and metrics.
//!
//! Logs are JSON lines (or pretty ones for people). Traces go to an OTLP collector if one is configured and connect the browser's
//! request, gRPC hops, the journal and NATS headers by W3C trace context. Metrics are OpenTelemetry's, shown in Prometheus' format.
//!
//! Names and attributes of spans and metrics follow OpenTelemetry's semantic conventions: HTTP (stable), RPC (release candidate), messaging
//! and database, of the version that the spans' schema names. Attributes hold routes, methods, ids and states, never a path, a text that a
//! person wrote, or an address. Labels of metrics hold no ids and no portals either: what they can be is known before the first request.

mod instruments;
mod log;
mod process;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::Meter;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use portico_proto::events::v1::Envelope;
use prometheus::{Encoder, Registry, TextEncoder};
use tracing::{Level, Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry as Subscriber, reload};

pub use self::instruments::{Shed, mailbox, places, pool, readiness};

use self::log::Correlated;
use crate::clock::{self, Clock};
use crate::config::{Common, LogFormat};

/// The version of OpenTelemetry's semantic conventions that names and attributes of spans follow.
const CONVENTIONS: &str = "https://opentelemetry.io/schemas/1.39.0";
static REGISTRY: OnceLock<Registry> = OnceLock::new();
/// Work that begins later than this after what caused it gets a trace of its own, linked to the cause's: a trace of days helps nobody.
const ONE_TRACE: Duration = Duration::from_secs(60);

/// Flushes what is left when the process ends.
pub struct Telemetry {
    tracer: SdkTracerProvider,
    filter: LogFilter,
}

/// Which lines the log has. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogFilter(reload::Handle<EnvFilter, Subscriber>);

impl LogFilter {
    /// From now on the log has what this filter lets through: `info,portico_chassis=debug`.
    ///
    /// # Errors
    /// What can't be read as a filter changes nothing.
    pub fn set(&self, filter: &str) -> anyhow::Result<()> {
        self.0.reload(EnvFilter::try_new(filter)?)?;
        Ok(())
    }
}

impl Telemetry {
    /// Changes which lines the log has.
    pub fn log_filter(&self) -> LogFilter {
        self.filter.clone()
    }

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
    process::show();

    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&common.log)?);
    let log = match common.log_format {
        LogFormat::Json => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
            json.map_event_format(Correlated).boxed()
        }
        LogFormat::Pretty => tracing_subscriber::fmt::layer().compact().boxed(),
    };
    let scope = InstrumentationScope::builder(service).with_version(env!("CARGO_PKG_VERSION")).with_schema_url(CONVENTIONS).build();
    let traces = tracing_opentelemetry::layer()
        .with_tracer(tracer.tracer_with_scope(scope))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false);
    Subscriber::default().with(log.with_filter(filter)).with(traces.with_filter(filter_fn(is_traced))).init();
    Ok(Telemetry { tracer, filter: LogFilter(handle) })
}

/// Our own spans, whatever the log's filter says. Log lines stay in the log: their texts are not made for a collector.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= Level::INFO && metadata.target().starts_with("portico_")
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
    // The span may be disabled by the filter; then there is nothing to connect.
    let _ = span.set_parent(remote(traceparent));
}

/// Connects `span` with what caused it `passed` ago: in the same trace while it is fresh, later by a link from a trace of its own.
pub fn follow_trace(span: &Span, traceparent: &str, passed: Duration) {
    if passed <= ONE_TRACE {
        return continue_trace(span, traceparent);
    }
    link_trace(span, traceparent);
}

/// Connects the span of an event's publication or application with what caused the event.
pub(crate) fn follow_event(span: &Span, event: &Envelope, clock: &Clock) {
    let at = event.at.as_ref().and_then(clock::from_proto);
    follow_trace(span, &event.traceparent, at.map(|at| clock.since(at)).unwrap_or_default());
}

/// Links `span`, which is in a trace of its own, with what caused it; anything unreadable is ignored.
pub fn link_trace(span: &Span, traceparent: &str) {
    let cause = remote(traceparent).span().span_context().clone();
    if cause.is_valid() {
        span.add_link(cause);
    }
}

fn remote(traceparent: &str) -> opentelemetry::Context {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&opentelemetry::Context::new(), &carrier)
}

/// Notes how a gRPC call ended, in the words of the conventions; a code that the server is to blame for marks the span as failed.
pub(crate) fn record_rpc(span: &Span, code: tonic::Code) {
    span.record("rpc.response.status_code", code_name(code));
    if is_failure(code) {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", code_name(code));
    }
}

/// Whether the server is to blame for a code.
pub(crate) fn is_failure(code: tonic::Code) -> bool {
    use tonic::Code;
    matches!(code, Code::Unknown | Code::DeadlineExceeded | Code::Unimplemented | Code::Internal | Code::Unavailable | Code::DataLoss)
}

/// The name of a gRPC code as the conventions write it.
pub(crate) fn code_name(code: tonic::Code) -> &'static str {
    use tonic::Code;
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The trace id of the current span, for answers and logs; empty outside of any.
pub fn trace_id() -> String {
    traceparent().split('-').nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
