//! An OpenTelemetry collector in the test's own process: it takes traces over OTLP/gRPC and keeps their spans.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// One span that arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `service.name`.
    pub service: String,
    /// All attributes of the resource.
    pub resource: BTreeMap<String, String>,
    /// The span's name.
    pub name: String,
    /// What side of a call it is.
    pub kind: SpanKind,
    /// The trace, in hexadecimal.
    pub trace: String,
    /// Its own id, in hexadecimal.
    pub id: String,
    /// The parent's id; empty for a root.
    pub parent: String,
    /// Traces that it is linked to.
    pub links: Vec<String>,
    /// Names of its events.
    pub events: Vec<String>,
    /// The schema of its scope: which version of the conventions it follows.
    pub schema: String,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
}

impl Seen {
    /// An attribute; empty when there is none.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map(String::as_str).unwrap_or_default()
    }

    /// Every text of it: names and values.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let attributes = self.attributes.iter().chain(&self.resource).flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        attributes.chain([self.name.as_str()]).chain(self.events.iter().map(String::as_str))
    }
}

/// The collector.
#[derive(Debug, Clone)]
pub struct Collector {
    /// Where services send to.
    pub endpoint: String,
    spans: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    /// Listens on a free port until the test ends.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let spans: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let sink = TraceServiceServer::new(Sink(spans.clone())).max_decoding_message_size(64 * 1024 * 1024);
        tokio::spawn(tonic::transport::Server::builder().add_service(sink).serve_with_incoming(TcpListenerStream::new(listener)));
        Self { endpoint, spans }
    }

    /// Everything that arrived so far.
    pub fn all(&self) -> Vec<Seen> {
        self.spans.lock().expect("no panic while taking spans").clone()
    }

    /// The spans of one trace so far, and those of other traces that are linked to it.
    pub fn of_trace(&self, trace: &str) -> Vec<Seen> {
        self.all().into_iter().filter(|span| span.trace == trace || span.links.iter().any(|link| link == trace)).collect()
    }
}

struct Sink(Arc<Mutex<Vec<Seen>>>);

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut taken = Vec::new();
        for group in request.into_inner().resource_spans {
            let resource = texts(group.resource.map(|resource| resource.attributes).unwrap_or_default());
            for scope in group.scope_spans {
                taken.extend(scope.spans.into_iter().map(|span| seen(&resource, &scope.schema_url, span)));
            }
        }
        self.0.lock().expect("no panic while taking spans").extend(taken);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn seen(resource: &BTreeMap<String, String>, schema: &str, span: Span) -> Seen {
    let hex = |bytes: &[u8]| hex::encode(bytes);
    Seen {
        service: resource.get("service.name").cloned().unwrap_or_default(),
        resource: resource.clone(),
        kind: span.kind(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
        events: span.events.into_iter().map(|event| event.name).collect(),
        schema: schema.to_owned(),
        attributes: texts(span.attributes),
        name: span.name,
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|pair| (pair.key, text(pair.value.and_then(|value| value.value)))).collect()
}
