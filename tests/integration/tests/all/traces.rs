//! One trace from the browser's request to the mail (K26), taken by a real OTLP collector.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use portico_integration_tests::client::{fresh_key, number};
use portico_integration_tests::collector::Seen;
use portico_integration_tests::page::{attribute, main_part};
use portico_integration_tests::{Client, Collector, Portal, World, WorldOptions, wait};
use reqwest::Method;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A trace that a browser began.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// One that began with a form, and one with the reply that armed a timer.
const FORM: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const ARMED: &str = "1f2e3d4c5b6a79880796a5b4c3d2e1f0";
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

/// K26, S09, S66g: a customer's request, sent by a script or by a form, is one trace through gateway, gRPC, journal, NATS and inbox to the mail;
/// what a timer does later is linked to it; and no trace holds anything that a person wrote.
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
    a_form_goes_the_same_way(&portal, &alice, &collector).await;
    what_a_timer_does_is_linked_to_what_armed_it(&portal, &alice, &collector).await;
    let all = collector.all();
    assert!(all.iter().all(|span| span.events.is_empty()), "log lines stay in the log");
    for canary in ["Zweispitz", "marmalade", "quokka", "1234567", alice.email(), portal.admin.email(), "nine quiet otters", "alice"] {
        let found: Vec<&Seen> = all.iter().filter(|span| span.texts().any(|text| text.contains(canary))).collect();
        assert!(found.is_empty(), "{canary} is in {found:#?}");
    }
}

/// A page's form without scripts: the same way from the gateway on.
async fn a_form_goes_the_same_way(portal: &Portal<'_>, alice: &Client, collector: &Collector) {
    let mut own = portal.browser_of(alice).await;
    let page = own.new_request().await;
    let mut fields = hidden(&page);
    fields.insert("subject".to_owned(), SUBJECT.to_owned());
    fields.insert("description".to_owned(), TEXT.to_owned());
    let form = own.request(Method::POST, "/requests").header("traceparent", format!("00-{FORM}-{BROWSER}-01")).form(&fields);
    let sent = own.send(form).await;
    assert_eq!((sent.status, sent.header("x-request-id")), (303, FORM));
    wait::until("the way of the form to be in the trace", async || {
        let spans = collector.of_trace(FORM);
        let page = find(&spans, "portico-gateway", "POST /portal/{portal}/requests", SpanKind::Server)?;
        let whole = WAY[1..].iter().all(|(service, name, kind)| find(&spans, service, name, *kind).is_some());
        (page.parent == BROWSER && whole).then_some(())
    })
    .await;
}

/// The hidden fields of a page's forms.
fn hidden(page: &str) -> BTreeMap<String, String> {
    let tags = main_part(page).split("<input ").skip(1).filter_map(|rest| rest.split('>').next());
    tags.filter(|tag| tag.contains("type=\"hidden\"")).map(|tag| (attribute(tag, "name"), attribute(tag, "value"))).collect()
}

/// Where time passes: a timer's trace is its own, linked to that of the reply that armed it, and goes on to the mail.
async fn what_a_timer_does_is_linked_to_what_armed_it(portal: &Portal<'_>, alice: &Client, collector: &Collector) {
    let agent = portal.agent("agnes").await;
    portal.settings(json!({"timers": {"waiting_reminder_seconds": [], "auto_resolve_seconds": 4}})).await;
    timers_are_short(alice, &agent).await;
    let n = number(&alice.ticket("A lamp").await);
    let reply = agent
        .request(Method::POST, &format!("tickets/{n}/comments"))
        .header("traceparent", format!("00-{ARMED}-{BROWSER}-01"))
        .header("idempotency-key", fresh_key())
        .json(&json!({"body": "Which floor?", "status": "waiting_customer"}));
    agent.send(reply).await.expect(201);
    portal.mailbox().about(alice.email(), "auto_resolved", &n).await;
    let linked = |span: &Seen| span.name == "timer due" && span.links.iter().any(|link| link == ARMED);
    let timer = wait::until("the timer to be linked to the reply", async || collector.all().into_iter().find(linked)).await;
    assert_ne!(timer.trace, ARMED, "a trace of its own");
    wait::until("the mail to be in the timer's trace", async || {
        let spans = collector.of_trace(&timer.trace);
        find(&spans, "portico-notifier", "send mail", SpanKind::Client).filter(|mail| mail.trace == timer.trace).map(drop)
    })
    .await;
}

/// Settings take effect within two seconds: another ticket tells when.
async fn timers_are_short(alice: &Client, agent: &Client) {
    let probe = number(&alice.ticket("A probe").await);
    wait::until("the timers are short", async || {
        for status in ["assigned", "waiting_customer"] {
            agent.post(&format!("tickets/{probe}/comments"), json!({"body": "?", "status": status})).await.expect(201);
        }
        let ticket = alice.get(&format!("tickets/{probe}")).await.expect(200);
        let due = ticket["due"].as_array()?.first()?["at"].as_str()?.to_owned();
        let at = OffsetDateTime::parse(&due, &Rfc3339).expect("a time");
        (at < OffsetDateTime::now_utc() + Duration::from_secs(60)).then_some(())
    })
    .await;
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
    expect(WAY[0], &[("http.request.method", "POST"), ("url.scheme", "http"), ("http.route", route), ("http.response.status_code", "201")]);
    for end in [WAY[1], WAY[2]] {
        expect(end, &[("rpc.system.name", "grpc"), ("rpc.method", CREATE), ("rpc.response.status_code", "OK")]);
    }
    expect(WAY[3], &[("db.system.name", "postgresql"), ("db.operation.name", "COMMIT")]);
    expect(
        WAY[4],
        &[
            ("messaging.system", "nats"),
            ("messaging.operation.type", "send"),
            ("messaging.operation.name", "send"),
            ("messaging.destination.name", "ev.tickets"),
        ],
    );
    expect(WAY[5], &[("messaging.system", "nats"), ("messaging.operation.type", "process"), ("messaging.destination.name", "ev.tickets")]);
    expect(WAY[9], &[("network.protocol.name", "smtp")]);
    for span in spans {
        for key in ["service.version", "service.instance.id"] {
            assert!(span.resource.get(key).is_some_and(|value| !value.is_empty()), "{key} of {span:#?}");
        }
        assert!(span.schema.starts_with("https://opentelemetry.io/schemas/1."), "the version of the conventions: {span:#?}");
        assert_eq!(span.resource.get("service.namespace").map(String::as_str), Some("portico"));
    }
}
