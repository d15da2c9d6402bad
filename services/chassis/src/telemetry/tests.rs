use std::sync::{Arc, Mutex};

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn cause() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

/// What was exported.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Does something with a log and a tracer; returns the spans and the lines of the log.
fn seen(work: impl FnOnce()) -> (Vec<SpanData>, Vec<serde_json::Value>) {
    let (kept, lines) = (Kept::default(), Lines::default());
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let writer = lines.clone();
    let log = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(move || writer.clone()).map_event_format(Correlated);
    tracing::subscriber::with_default(Subscriber::default().with(log).with(traces), work);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let spans = kept.0.lock().unwrap().clone();
    (spans, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// K26: what follows at once is in the trace of its cause; what follows later has a trace of its own, with a link.
#[test]
fn where_time_passes_a_link_leads_to_the_cause() {
    let (spans, _) = seen(|| {
        for passed in [ONE_TRACE, ONE_TRACE + Duration::from_millis(1)] {
            let span = tracing::info_span!("work");
            follow_trace(&span, &cause(), passed);
            span.in_scope(|| {});
        }
    });
    let [soon, late] = spans.as_slice() else { panic!("two spans, not {spans:?}") };
    assert_eq!(soon.span_context.trace_id().to_string(), TRACE);
    assert!(soon.links.is_empty());
    assert_ne!(late.span_context.trace_id().to_string(), TRACE);
    let links: Vec<String> = late.links.iter().map(|link| link.span_context.trace_id().to_string()).collect();
    assert_eq!(links, [TRACE]);
}

#[test]
fn a_cause_that_nobody_can_read_is_no_link() {
    let (spans, _) = seen(|| {
        let span = tracing::info_span!("work");
        follow_trace(&span, "00-nothing", ONE_TRACE * 2);
        span.in_scope(|| {});
    });
    assert!(spans[0].links.is_empty());
}

/// S66g: a line of the log says to which trace it belongs, and what was put into a text makes no second line.
#[test]
fn a_line_of_the_log_names_its_trace() {
    let (_, lines) = seen(|| {
        let span = tracing::info_span!("work");
        continue_trace(&span, &cause());
        span.in_scope(|| tracing::info!(text = "one\r\n{\"level\":\"ERROR\"}\u{1b}[31m", "within"));
        tracing::info!("without");
    });
    let [within, without] = lines.as_slice() else { panic!("two lines, not {lines:?}") };
    assert_eq!(within["trace_id"], TRACE);
    assert_eq!(within["message"], "within");
    assert!(within["timestamp"].as_str().unwrap().ends_with('Z'), "the time is UTC");
    assert_eq!(without.get("trace_id"), None);
}
