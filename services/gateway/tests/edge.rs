//! The public port as a stranger meets it while every other service is down: refusals, headers, bounds. What the services answer is tested with
//! all of them, in tests/integration.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::Duration;

use portico_chassis::run::Running;
use portico_chassis::testing::Stage;
use portico_gateway::config::Config;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Edge {
    // Keeps the folder with keys and blobs.
    _stage: Stage,
    running: Running,
    http: Client,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Edge {
    async fn open() -> Self {
        Self::open_on(Stage::new().await).await
    }

    async fn open_on(mut stage: Stage) -> Self {
        let config: Config = serde_json::from_str(r#"{"http_listen": "127.0.0.1:0"}"#).unwrap();
        let boot = stage.boot("gateway", config).await;
        let running = portico_gateway::start(boot).await.unwrap();
        portico_chassis::run::install_tls();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { _stage: stage, running, http }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.http.unwrap())
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let mut request = self.http.request(method, self.url(path)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, body: serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_no_banner_s31() {
    let edge = Edge::open().await;
    for path in ["/api/v1/openapi.json", "/api/v1/nothing", "/nothing", "/api/v1/portals/demo"] {
        let answer = edge.get(path).await;
        for name in
            ["content-security-policy", "strict-transport-security", "x-content-type-options", "referrer-policy", "permissions-policy"]
        {
            assert!(answer.headers.contains_key(name), "{path} lacks {name}");
        }
        assert!(!answer.headers.contains_key("server"), "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path} (S32)");
        assert!(answer.headers.contains_key("x-request-id"), "{path}");
    }
    let docs = edge.get("/api/docs/").await;
    assert_eq!(docs.status, 200);
    assert!(docs.headers["content-security-policy"].to_str().unwrap().contains("style-src 'self' 'unsafe-inline'"));
}

#[tokio::test]
async fn unknown_paths_methods_and_types_are_refused_as_problems_s29_s47() {
    let edge = Edge::open().await;
    let unknown = edge.get("/api/v1/nothing").await;
    assert_eq!((unknown.status, unknown.body["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
    assert_eq!(unknown.body["trace_id"], unknown.headers["x-request-id"].to_str().unwrap());
    let method = edge.ask(Method::DELETE, "/api/v1/portals/demo/tickets", &[], "").await;
    assert_eq!((method.status, method.body["code"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, Some("method_not_allowed")));
    assert!(method.headers["allow"].to_str().unwrap().contains("POST"));
    assert_eq!(edge.ask(Method::TRACE, "/api/v1/portals/demo/tickets", &[], "").await.status, 405);
    for path in ["/api/v1/portals/UPPER/catalog", "/api/v1/portals/demo/tickets/%00", "/api/v1/portals/a%2Fb/catalog"] {
        assert_eq!(edge.get(path).await.status, 404, "{path}");
    }
    assert_eq!(edge.get("/api/v1/portals/demo/tickets/%ff").await.status, 400);
}

#[tokio::test]
async fn while_identity_is_away_the_answer_is_503_and_says_when_to_come_back() {
    let edge = Edge::open().await;
    let answer = edge.get("/api/v1/portals/demo").await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("unavailable")));
    assert!(answer.headers.contains_key("retry-after"));
    let ready = edge.http.get(format!("http://{}/readyz", edge.running.operations.unwrap())).send().await.unwrap();
    assert_eq!(ready.status(), 503);
}

#[tokio::test]
async fn a_token_that_is_none_of_ours_is_401_before_anybody_is_asked() {
    let edge = Edge::open().await;
    for value in ["Bearer nonsense", "Basic YTpi", "Bearer ", "Bearer v4.public.AAAA"] {
        let answer = edge.ask(Method::GET, "/api/v1/portals/demo/me", &[("authorization", value)], "").await;
        assert_eq!(answer.status, 401, "{value}");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    let portal =
        edge.ask(Method::POST, "/api/v1/portals", &[("authorization", "Bearer wrong"), ("content-type", "application/json")], "{}").await;
    assert_eq!((portal.status, portal.body["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("bad_credentials")));
}

#[tokio::test]
async fn the_operator_s_token_opens_what_only_the_operator_may_and_all_wrong_fields_are_named() {
    let edge = Edge::open().await;
    let token = format!("Bearer {}", portico_chassis::testing::OPERATOR);
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let answer = edge.ask(Method::POST, "/api/v1/portals", &headers, r#"{"slug": 7, "role": "x", "title": "T"}"#).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("validation")));
    let mut fields: Vec<_> = answer.body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["admin_email", "profile", "role", "slug"]);
    for (kind, body, status) in [
        ("text/plain", "{}", 415),
        ("application/x-www-form-urlencoded", "a=b", 415),
        ("application/json", "{\"a\":", 400),
        ("application/json", "", 400),
        ("application/json", "[]", 422),
    ] {
        let answer = edge.ask(Method::POST, "/api/v1/portals", &[("authorization", &token), ("content-type", kind)], body).await;
        assert_eq!(answer.status, status, "{kind} {body}");
    }
    let zipped = [("authorization", token.as_str()), ("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(edge.ask(Method::POST, "/api/v1/portals", &zipped, "{}").await.status, 415, "S45");
}

#[tokio::test]
async fn a_body_of_thirty_megabytes_is_read_away_and_refused_on_a_connection_that_lives_on() {
    let edge = Edge::open().await;
    let token = format!("Bearer {}", portico_chassis::testing::OPERATOR);
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let answer = edge.ask(Method::POST, "/api/v1/portals", &headers, vec![b'x'; 30_000_000]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (StatusCode::PAYLOAD_TOO_LARGE, Some("too_large")));
    // Also where nobody looks at the body at all.
    assert_eq!(edge.ask(Method::POST, "/api/v1/nothing", &headers, vec![b'x'; 30_000_000]).await.status, 404);
}

#[tokio::test]
async fn too_many_headers_and_a_client_that_sends_none_are_cut_off_s44() {
    let edge = Edge::open().await;
    let many: String = (0..200).map(|at| format!("x-{at}: y\r\n")).collect();
    let head = format!("GET /api/v1/openapi.json HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    assert!(raw(&edge, head.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let long = format!("GET /api/v1/openapi.json HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(40_000));
    assert!(raw(&edge, long.as_bytes()).await.starts_with("HTTP/1.1 431"));
}

async fn raw(edge: &Edge, bytes: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(edge.running.http.unwrap()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; 64];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn the_same_document_describes_every_route_and_the_docs_page_loads_it() {
    let edge = Edge::open().await;
    let document = edge.get("/api/v1/openapi.json").await;
    assert_eq!(document.status, 200);
    for path in ["", "/tickets", "/tickets/{number}/comments", "/auth/login", "/search", "/topics/{id}/posts", "/inbound-email", "/live"] {
        assert!(document.body["paths"].get(format!("/api/v1/portals/{{portal}}{path}")).is_some(), "{path}");
    }
    let script = edge.http.get(edge.url("/api/docs/swagger-initializer.js")).send().await.unwrap().text().await.unwrap();
    assert!(script.contains("/api/v1/openapi.json"));
}

/// What nobody claimed, and what a killed process left half written, is gone after 48 hours.
#[tokio::test]
async fn staging_is_swept_after_48_hours() {
    let stage = Stage::new().await;
    let staging = stage.path("blobs").join("staging");
    std::fs::create_dir_all(&staging).unwrap();
    let now = portico_chassis::clock::Clock::start().now();
    for (name, hours) in [("old", 49), ("half#1", 49), ("young", 47), ("young-half#1", 47)] {
        let file = std::fs::File::create(staging.join(name)).unwrap();
        file.set_modified((now - time::Duration::hours(hours)).into()).unwrap();
    }
    let _edge = Edge::open_on(stage).await;
    portico_chassis::testing::eventually("the sweep", || async {
        let mut left: Vec<_> = std::fs::read_dir(&staging).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        (left == ["young", "young-half#1"]).then_some(())
    })
    .await;
}
