//! One trace from the browser's request to the mail (K26), taken by a real OTLP collector.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use portico_integration_tests::client::{fresh_key, number};
use portico_integration_tests::collector::Seen;
use portico_integration_tests::{Collector, World, WorldOptions, wait};
use reqwest::Method;
use serde_json::json;

/// A trace that a browser began.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const BROWSER: &str = "00f067aa0ba902b7";
/// Words that stand nowhere but in what people wrote.
const SUBJECT: &str = "Zweispitz marmalade outage";
const TEXT: &str = "The quokka at +43 660 1234567 ate the invoice.";

const CREATE: &str = "portico.tickets.v1.TicketsService/CreateTicket";
const RENDER: &str = "portico.common.v1.RenderService/RenderFor";

/// What must be in the trace: service, name, side.
const WAY: [(&str, &str, SpanKind); 10] = [
    ("portico-gateway", "POST /api/v1/portals/{portal}/tickets", SpanKind::Server),
    ("portico-gateway", CREATE, SpanKind::Client),
    ("portico-tickets", CREATE, SpanKind::Server),
    ("portico-tickets", "COMMIT journal", SpanKind::Client),
    ("portico-tickets", "send ev.tickets", SpanKind::Producer),
    ("portico-notifier", "process ev.tickets", SpanKind::Consumer),
    ("portico-notifier", "deliver mail", SpanKind::Internal),
    ("portico-notifier", RENDER, SpanKind::Client),
    ("portico-tickets", RENDER, SpanKind::Server),
    ("portico-notifier", "send mail", SpanKind::Client),
];

/// K26, S09, S66g: a customer's request is one trace through gateway, gRPC, journal, NATS and inbox to the mail, and holds nothing that a
/// person wrote.
#[tokio::test]
async fn one_trace_leads_from_the_browsers_request_to_the_mail() {
    let collector = Collector::start().await;
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "200")];
    let world = World::own_in(&WorldOptions::default(), &environment).await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;

    let request = alice
        .request(Method::POST, "tickets")
        .header("traceparent", format!("00-{TRACE}-{BROWSER}-01"))
        .header("idempotency-key", fresh_key())
        .json(&json!({"subject": SUBJECT, "description": TEXT}));
    let answer = alice.send(request).await;
    assert_eq!(answer.header("x-request-id"), TRACE, "the answer names the trace");
    let ticket = answer.expect(201);
    portal.mailbox().about(alice.email(), "receipt", &number(&ticket)).await;

    let spans = wait::until("the whole way to be in the trace", async || {
        let spans = collector.of_trace(TRACE);
        let missing = WAY.iter().find(|(service, name, kind)| find(&spans, service, name, *kind).is_none());
        (missing.is_none() && a_delivery_is_whole(&spans)).then_some(spans)
    })
    .await;
    each_span_hangs_on_another(&spans);
    names_and_attributes_follow_the_conventions(&spans);
    let all = collector.all();
    assert!(all.iter().all(|span| span.events.is_empty()), "log lines stay in the log");
    for canary in ["Zweispitz", "marmalade", "quokka", "1234567", alice.email(), portal.admin.email(), "nine quiet otters", "alice"] {
        let found: Vec<&Seen> = all.iter().filter(|span| span.texts().any(|text| text.contains(canary))).collect();
        assert!(found.is_empty(), "{canary} is in {found:#?}");
    }
}

fn find<'s>(spans: &'s [Seen], service: &str, name: &str, kind: SpanKind) -> Option<&'s Seen> {
    spans.iter().find(|span| span.service == service && span.name == name && span.kind == kind)
}

/// From the browser down: the gateway's span is the browser's child, a server's span its client's.
fn each_span_hangs_on_another(spans: &[Seen]) {
    let of = |(service, name, kind): (&str, &str, SpanKind)| find(spans, service, name, kind).unwrap();
    let [http, client, server, commit, send, process, ..] = WAY.map(of);
    assert_eq!(http.parent, BROWSER);
    assert_eq!(client.parent, http.id);
    assert_eq!(server.parent, client.id);
    for span in [commit, send, process] {
        assert_eq!(span.parent, server.id, "{span:#?}");
    }
}

/// Agents are told as well: each mail has a delivery, a question for its words and an answer to it. One of them is there from end to end.
fn a_delivery_is_whole(spans: &[Seen]) -> bool {
    let [server, deliver, ask, render, mail] = [WAY[2], WAY[6], WAY[7], WAY[8], WAY[9]];
    let under = |parent: &str, (service, name, kind): (&str, &str, SpanKind)| {
        spans
            .iter()
            .filter(move |span| span.service == service && span.name == name && span.kind == kind && span.parent == parent)
            .collect()
    };
    let below =
        |parents: Vec<&Seen>, way| -> Vec<&Seen> { parents.iter().flat_map(|parent| -> Vec<&Seen> { under(&parent.id, way) }).collect() };
    let Some(server) = find(spans, server.0, server.1, server.2) else { return false };
    below(vec![server], deliver)
        .into_iter()
        .any(|delivery| !below(vec![delivery], mail).is_empty() && !below(below(vec![delivery], ask), render).is_empty())
}

/// HTTP (stable), RPC (release candidate), messaging and database.
fn names_and_attributes_follow_the_conventions(spans: &[Seen]) {
    let expect = |(service, name, kind), pairs: &[(&str, &str)]| {
        let span = find(spans, service, name, kind).unwrap();
        for (key, value) in pairs {
            assert_eq!(span.attribute(key), *value, "{key} of {span:#?}");
        }
    };
    let route = "/api/v1/portals/{portal}/tickets";
    expect(WAY[0], &[("http.request.method", "POST"), ("http.route", route), ("http.response.status_code", "201")]);
    for end in [WAY[1], WAY[2]] {
        expect(end, &[("rpc.system.name", "grpc"), ("rpc.method", CREATE), ("rpc.response.status_code", "OK")]);
    }
    expect(WAY[3], &[("db.system.name", "postgresql"), ("db.operation.name", "COMMIT")]);
    expect(WAY[4], &[("messaging.system", "nats"), ("messaging.operation.type", "send"), ("messaging.destination.name", "ev.tickets")]);
    expect(WAY[5], &[("messaging.system", "nats"), ("messaging.operation.type", "process"), ("messaging.destination.name", "ev.tickets")]);
    expect(WAY[9], &[("network.protocol.name", "smtp")]);
    for span in spans {
        for key in ["service.version", "service.instance.id"] {
            assert!(span.resource.get(key).is_some_and(|value| !value.is_empty()), "{key} of {span:#?}");
        }
        assert_eq!(span.resource.get("service.namespace").map(String::as_str), Some("portico"));
    }
}
