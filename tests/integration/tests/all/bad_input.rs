//! Bad input on every route of the OpenAPI document: a 4xx that says what is wrong, never a 5xx, and nothing changes (section 5; S15, S36, S44, S47).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::{Answer, Client, World};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// One operation of the document.
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    has_json_body: bool,
    properties: Vec<(String, Value)>,
}

async fn operations(client: &Client, slug: &str) -> Vec<Operation> {
    let document = client.get("/api/v1/openapi.json").await.expect(200);
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a document has paths") {
        for (method, operation) in item.as_object().expect("a path has methods") {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            if ![Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&method) {
                continue;
            }
            let schema = resolve(&document, &operation["requestBody"]["content"]["application/json"]["schema"]);
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            let whole = if path.starts_with("/api/") { path.clone() } else { format!("/api/v1{path}") };
            let path = whole.replace("{portal}", slug).replace(['{', '}'], "");
            found.push(Operation {
                method,
                path: foreign_ids(&path, &whole),
                has_json_body: schema.is_object(),
                properties: properties.into_iter().map(|(name, schema)| (name, resolve(&document, &schema))).collect(),
            });
        }
    }
    assert!(found.len() > 40, "the document lists the routes: {}", found.len());
    found
}

/// Every parameter but the portal becomes an id that exists nowhere.
fn foreign_ids(path: &str, template: &str) -> String {
    let parts = path.split('/').zip(template.split('/'));
    let filled = parts.map(
        |(part, original)| if original.starts_with('{') && original != "{portal}" { "00000000-0000-7000-8000-000000000000" } else { part },
    );
    filled.collect::<Vec<_>>().join("/")
}

fn resolve(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return document.pointer(reference.trim_start_matches('#')).map(|target| resolve(document, target)).unwrap_or_default();
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(one) = schema[key].as_array().and_then(|list| list.iter().find(|one| one["type"] != "null")) {
            return resolve(document, one);
        }
    }
    schema.clone()
}

/// A refusal: 4xx, a problem document with a code and a trace id, no insides.
#[track_caller]
fn is_a_good_refusal(answer: &Answer, what: &str) {
    let text = String::from_utf8_lossy(&answer.bytes);
    assert!((400..500).contains(&answer.status), "{what}: {} answered {}: {text}", answer.asked, answer.status);
    assert!(
        answer.header("content-type").starts_with("application/problem+json"),
        "{what}: {} has {}",
        answer.asked,
        answer.header("content-type")
    );
    for member in ["type", "title", "status", "code", "trace_id"] {
        assert!(answer.body.get(member).is_some(), "{what}: {} lacks {member}: {text}", answer.asked);
    }
    for inside in ["sqlx", "panicked", "SELECT ", "/src/", "PgDatabaseError"] {
        assert!(!text.contains(inside), "{what}: {} shows {inside}: {text}", answer.asked);
    }
}

async fn send(client: &Client, operation: &Operation, kind: &str, body: Vec<u8>) -> Answer {
    client.send(client.request(operation.method.clone(), &operation.path).header("content-type", kind).body(body)).await
}

fn writes(operation: &Operation) -> bool {
    operation.has_json_body && operation.method != Method::GET && !operation.path.ends_with("/auth/logout")
}

#[tokio::test]
async fn a_broken_body_is_refused_on_every_route() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    for operation in operations(&portal.admin, &portal.slug).await.iter().filter(|operation| writes(operation)) {
        let broken: [(&str, &str, Vec<u8>); 5] = [
            ("broken JSON", "application/json", b"{\"a\":".to_vec()),
            ("broken UTF-8", "application/json", b"{\"subject\":\"\xff\xfe\"}".to_vec()),
            ("an array", "application/json", b"[]".to_vec()),
            ("another type", "text/plain", b"{}".to_vec()),
            ("deep nesting", "application/json", [b"[".repeat(200), b"]".repeat(200)].concat()),
        ];
        for (what, kind, body) in broken {
            is_a_good_refusal(&send(&portal.admin, operation, kind, body).await, what);
        }
    }
}

#[tokio::test]
async fn an_unknown_member_or_a_wrong_type_is_named() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    for operation in operations(&portal.admin, &portal.slug).await.iter().filter(|operation| writes(operation)) {
        let answer = send(&portal.admin, operation, "application/json", json!({"no_such_member": 1}).to_string().into_bytes()).await;
        is_a_good_refusal(&answer, "an unknown member");
        if answer.status == 422 {
            assert!(
                String::from_utf8_lossy(&answer.bytes).contains("no_such_member"),
                "{} does not name it: {}",
                answer.asked,
                answer.body
            );
        }
        for (name, schema) in &operation.properties {
            let wrong = wrong_type(schema);
            let body = Map::from_iter([(name.clone(), wrong)]);
            let answer = send(&portal.admin, operation, "application/json", Value::Object(body).to_string().into_bytes()).await;
            is_a_good_refusal(&answer, &format!("{name} of the wrong type"));
        }
    }
}

fn wrong_type(schema: &Value) -> Value {
    let kind = schema["type"].as_str().or_else(|| schema["type"].as_array().and_then(|list| list.first()).and_then(Value::as_str));
    match kind {
        Some("string") => json!({"an": "object"}),
        Some("object") => json!("text"),
        _ => json!({"an": ["object"]}),
    }
}

#[tokio::test]
async fn a_text_without_end_is_refused_on_every_route() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let endless = "x".repeat(300_000);
    for operation in operations(&portal.admin, &portal.slug).await.iter().filter(|operation| writes(operation)) {
        for (name, schema) in &operation.properties {
            if schema["type"] == "string" || schema["type"].as_array().is_some_and(|list| list.contains(&json!("string"))) {
                let body = Map::from_iter([(name.clone(), json!(endless))]);
                let answer = send(&portal.admin, operation, "application/json", Value::Object(body).to_string().into_bytes()).await;
                is_a_good_refusal(&answer, &format!("an endless {name}"));
            }
        }
    }
}

#[tokio::test]
async fn a_body_of_thirty_megabytes_is_too_large_everywhere() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let huge = format!("{{\"subject\":\"{}\"}}", "x".repeat(30_000_000)).into_bytes();
    for path in ["tickets", "topics", "articles", "auth/login", "me/password", "uploads?name=huge.bin"] {
        let request = portal.admin.request(Method::POST, path).header("content-type", "application/json").body(huge.clone());
        // A server may hang up on a body that it does not want; what it then said is lost.
        if let Ok(answer) = portal.admin.http().execute(request.build().unwrap()).await {
            assert_eq!(answer.status().as_u16(), 413, "{path}");
        }
    }
    portal.admin.get("me").await.expect(200);
}

#[tokio::test]
async fn a_guest_gets_401_and_a_foreign_token_too() {
    let world = World::shared().await;
    let (portal, other) = (world.portal("helpdesk").await, world.portal("helpdesk").await);
    for path in ["me", "tickets", "notifications", "users", "settings", "drafts", "tickets/NOPE-1", "me/sessions"] {
        is_a_good_refusal(&portal.guest().get(path).await, "a guest");
        assert_eq!(portal.guest().get(path).await.status, 401, "{path}");
    }
    let stranger = other.admin.session["access_token"].as_str().unwrap();
    portal.guest().with_token(stranger).get("tickets").await.expect(401);
    portal.guest().with_token("nonsense").get("tickets").await.expect(401);
}

#[tokio::test]
async fn odd_methods_paths_and_headers_are_refused_politely() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let admin = &portal.admin;
    let unknown = admin.send(admin.request(Method::DELETE, "tickets")).await;
    assert_eq!(unknown.status, 405);
    assert!(!unknown.header("allow").is_empty(), "405 says what is allowed");
    assert_eq!(admin.send(admin.request(Method::TRACE, "tickets")).await.status, 405, "S29");
    is_a_good_refusal(&admin.get("no-such-thing").await, "an unknown path");
    for number in ["0", "-1", "NOPE-99999999999999999999", "%00", "..%2f..", "💥", "' OR 1=1 --"] {
        let answer = admin.get(&format!("tickets/{number}")).await;
        assert!((400..500).contains(&answer.status), "{number}: {}", answer.status);
    }
    let long = admin
        .send(
            admin
                .request(Method::POST, "tickets")
                .header("idempotency-key", "k".repeat(200))
                .json(&json!({"subject": "s", "description": "d"})),
        )
        .await;
    assert!((400..500).contains(&long.status), "a key of 200 characters: {}", long.status);
    for portal_name in ["UPPER", "no-such-portal", "a%2fb", &"x".repeat(300)] {
        let answer = admin.get(&format!("/api/v1/portals/{portal_name}")).await;
        assert!((400..500).contains(&answer.status), "{portal_name}: {}", answer.status);
    }
}
