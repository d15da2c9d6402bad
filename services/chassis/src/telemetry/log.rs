//! Puts the trace into each line of the log: what a request did is found by the id that its answer names (`x-request-id`).

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, TraceId};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes JSON lines as the formatter within does, with `trace_id` at their end when they belong to a trace.
pub(super) struct Correlated<F>(pub F);

impl<S, N, F> FormatEvent<S, N> for Correlated<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(trace) = trace_of(event) else { return self.0.format_event(context, writer, event) };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_suffix("}\n") {
            Some(begun) => writeln!(writer, "{begun},\"trace_id\":\"{trace}\"}}"),
            None => writer.write_str(&line),
        }
    }
}

/// The trace that is worked on: not the span's that the log's filter lets through, which may be none at all.
fn trace_of(event: &Event<'_>) -> Option<TraceId> {
    // Told while the context itself is changed, when it can't be asked.
    if event.metadata().target().starts_with("opentelemetry") {
        return None;
    }
    let trace = Context::map_current(|context| context.span().span_context().trace_id());
    (trace != TraceId::INVALID).then_some(trace)
}
