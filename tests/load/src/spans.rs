//! Spans of the services with their times, and what they say about where the time of a request goes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use self::proto::span::SpanKind;
use self::proto::trace_service_server::{TraceService, TraceServiceServer};
use self::proto::{ExportTraceServiceRequest, ExportTraceServiceResponse, Resource};
use crate::measure::rounded;

/// The contract.
mod proto {
    #![allow(missing_docs, dead_code, clippy::all, clippy::pedantic)]
    tonic::include_proto!("opentelemetry.proto.collector.trace.v1");
}

/// Bytes of one message at most.
const MESSAGE: usize = 64 << 20;
/// Services send every fifth of a second: when nothing came for so long, all has come …
const QUIET: Duration = Duration::from_secs(1);
/// … and it is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// One span.
#[derive(Debug, Clone)]
pub struct Span {
    /// `service.name`.
    pub service: String,
    /// Its name, and what side of a call it is where it is one.
    pub name: String,
    /// The trace.
    pub trace: Vec<u8>,
    /// Its id.
    pub id: Vec<u8>,
    /// The id of the span that it is part of.
    pub parent: Vec<u8>,
    /// When it began, in nanoseconds of the machine's clock.
    pub begun: u64,
    /// When it ended.
    pub ended: u64,
}

/// A step of a request: a span with its service, as medians over the requests in which it occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// The span's name.
    pub what: String,
    /// The service.
    pub service: String,
    /// From the gateway's beginning to its own, in milliseconds.
    pub after_ms: f64,
    /// How long it took, in milliseconds; several of one request are added.
    pub took_ms: f64,
    /// What of it no step inside of it explains.
    pub own_ms: f64,
    /// How many a request has.
    pub times: f64,
}

/// Takes spans until the program ends.
pub struct Receiver {
    /// Where services send to.
    pub endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?.with_nodelay(Some(true));
        let endpoint = format!("http://{}", incoming.local_addr()?);
        let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
        let sink = TraceServiceServer::new(Sink(Arc::clone(&spans))).max_decoding_message_size(MESSAGE);
        tokio::spawn(Server::builder().add_service(sink).serve_with_incoming(incoming));
        Ok(Self { endpoint, spans })
    }

    /// Everything, once nothing more comes.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn all(&self) -> Result<Vec<Span>> {
        let count = || self.spans.lock().unwrap_or_else(PoisonError::into_inner).len();
        let (begun, mut seen, mut since) = (Instant::now(), count(), Instant::now());
        while since.elapsed() < QUIET {
            if begun.elapsed() > PATIENCE {
                bail!("the services do not stop sending spans");
            }
            sleep(PAUSE).await;
            let now = count();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        Ok(self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

struct Sink(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut taken = Vec::new();
        for group in request.into_inner().resource_spans {
            let service = service(&group.resource.unwrap_or_default());
            taken.extend(group.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| read(&service, span)));
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(taken);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn service(resource: &Resource) -> String {
    let name = resource.attributes.iter().find(|pair| pair.key == "service.name").and_then(|pair| pair.value.as_ref());
    name.map(|value| value.string_value.trim_start_matches("portico-").to_owned()).unwrap_or_default()
}

fn read(service: &str, span: proto::Span) -> Span {
    // The two sides of a call have one name.
    let side = match span.kind() {
        SpanKind::Server => ", answered",
        SpanKind::Client => ", asked",
        _ => "",
    };
    Span {
        service: service.to_owned(),
        name: format!("{}{side}", span.name),
        trace: span.trace_id,
        id: span.span_id,
        parent: span.parent_span_id,
        begun: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
    }
}

/// The steps of requests of one kind, in the order in which they begin. `root` is the parent of the first span of each.
///
/// # Errors
/// When a request has no first span.
pub fn steps(spans: &[Span], requests: &[Vec<u8>], root: &[u8]) -> Result<Vec<StepTime>> {
    let mut traces: HashMap<&[u8], Vec<&Span>> = HashMap::new();
    for span in spans {
        traces.entry(&span.trace).or_default().push(span);
    }
    let mut found: BTreeMap<(&str, &str), Vec<Part>> = BTreeMap::new();
    for request in requests {
        let trace = traces.get(request.as_slice()).map(Vec::as_slice).unwrap_or_default();
        let Some(first) = trace.iter().find(|span| span.parent == root) else { bail!("a request left no span at the gateway") };
        for (step, part) in parts(trace, first.begun) {
            found.entry(step).or_default().push(part);
        }
    }
    let mut steps: Vec<StepTime> = found.into_iter().map(|((service, what), parts)| step(service, what, &parts)).collect();
    steps.sort_by(|one, other| one.after_ms.total_cmp(&other.after_ms));
    Ok(steps)
}

/// A step in one request.
#[derive(Debug, Clone, Copy)]
struct Part {
    after: i64,
    took: u64,
    own: u64,
    times: u32,
}

fn parts<'s>(trace: &[&'s Span], begun: u64) -> HashMap<(&'s str, &'s str), Part> {
    let mut parts: HashMap<(&str, &str), Part> = HashMap::new();
    for span in trace {
        // Clocks of one machine: a difference of nanoseconds fits.
        let after = span.begun.cast_signed() - begun.cast_signed();
        let part = parts.entry((span.service.as_str(), span.name.as_str())).or_insert(Part { after, took: 0, own: 0, times: 0 });
        part.after = part.after.min(after);
        part.took += span.ended.saturating_sub(span.begun);
        part.own += own(span, trace);
        part.times += 1;
    }
    parts
}

/// What of a span lies in none of its children.
fn own(span: &Span, trace: &[&Span]) -> u64 {
    let children = trace.iter().filter(|child| child.parent == span.id);
    let mut inside: Vec<(u64, u64)> = children.map(|child| (child.begun.max(span.begun), child.ended.min(span.ended))).collect();
    inside.sort_unstable();
    let (mut covered, mut until) = (0, span.begun);
    for (begun, ended) in inside {
        covered += ended.saturating_sub(begun.max(until));
        until = until.max(ended);
    }
    span.ended.saturating_sub(span.begun).saturating_sub(covered)
}

#[allow(clippy::cast_precision_loss)] // Nanoseconds of a request.
fn step(service: &str, what: &str, parts: &[Part]) -> StepTime {
    let millis = |of: fn(&Part) -> f64| rounded(median(parts.iter().map(of).collect()) / 1e6);
    StepTime {
        what: what.to_owned(),
        service: service.to_owned(),
        after_ms: millis(|part| part.after as f64),
        took_ms: millis(|part| part.took as f64),
        own_ms: millis(|part| part.own as f64),
        times: rounded(parts.iter().map(|part| f64::from(part.times)).sum::<f64>() / parts.len().max(1) as f64),
    }
}

/// The value in the middle; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    fn span(name: &str, [trace, id, parent]: [u8; 3], begun: u64, ended: u64) -> Span {
        let [trace, id, parent] = [trace, id, parent].map(|byte| vec![byte]);
        Span { service: "tickets".into(), name: name.into(), trace, id, parent, begun: begun * MILLI, ended: ended * MILLI }
    }

    #[test]
    fn what_no_child_explains_is_a_steps_own() {
        let whole = span("whole", [1, 1, 0], 100, 110);
        // Two that overlap, one that goes on after the end, one that begins after it.
        let parts = [
            span("a", [1, 2, 1], 101, 104),
            span("b", [1, 3, 1], 103, 105),
            span("c", [1, 4, 1], 108, 115),
            span("d", [1, 5, 1], 120, 130),
        ];
        let trace: Vec<&Span> = [&whole].into_iter().chain(&parts).collect();
        assert_eq!(own(&whole, &trace), 4 * MILLI);
        assert_eq!(own(&parts[0], &trace), 3 * MILLI);
    }

    #[test]
    fn steps_are_medians_in_the_order_of_their_beginning() {
        let mut spans = Vec::new();
        for (trace, took) in [(1, 4), (2, 6), (3, 50)] {
            spans.push(span("inner", [trace, 2, 1], 102, 102 + took));
            spans.push(span("outer", [trace, 1, 9], 100, 103 + took));
        }
        spans.push(span("alien", [7, 1, 9], 0, 1));
        let requests = [vec![1], vec![2], vec![3]];
        let steps = super::steps(&spans, &requests, &[9]).unwrap();
        let seen: Vec<_> = steps.iter().map(|step| (step.what.as_str(), step.after_ms, step.took_ms, step.own_ms, step.times)).collect();
        assert_eq!(seen, [("outer", 0.0, 9.0, 3.0, 1.0), ("inner", 2.0, 6.0, 6.0, 1.0)]);
        assert!(super::steps(&spans, &[vec![8]], &[9]).is_err(), "a request without spans is no measurement");
    }
}
