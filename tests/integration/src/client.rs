//! Somebody who speaks to the JSON API of one portal: a guest, or a person with a token.

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

use crate::captcha;
use crate::wait::PATIENCE;

/// The pause before a request is sent again that met a busy service.
const AGAIN: Duration = Duration::from_millis(250);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The raw body.
    pub bytes: Vec<u8>,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// Method and path, for messages.
    pub asked: String,
}

impl Answer {
    /// The body of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} answered {}: {}", self.asked, self.status, String::from_utf8_lossy(&self.bytes));
        self.body
    }

    /// Asserts a refusal with this status and code, as a problem document.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        let kind = self.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let asked = self.asked.clone();
        let body = self.expect(status);
        assert!(kind.starts_with("application/problem+json"), "{asked}: a refusal is a problem document, not {kind}");
        assert_eq!(body["code"], code, "{asked}: {body}");
        body
    }

    /// Asserts that the input was refused because of this field.
    #[track_caller]
    pub fn refused_field(self, field: &str) -> Value {
        let asked = self.asked.clone();
        let body = self.expect(422);
        let fields: Vec<&str> = body["errors"].as_array().into_iter().flatten().filter_map(|error| error["field"].as_str()).collect();
        assert!(fields.contains(&field), "{asked}: the refusal names {fields:?}, not {field}: {body}");
        body
    }

    /// A header's text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// One user of one portal.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    public: String,
    slug: String,
    token: Option<String>,
    /// The person, as the API tells it; null for a guest.
    pub user: Value,
    /// What `register` or `login` answered.
    pub session: Value,
}

impl Client {
    /// A guest.
    pub fn guest(public: &str, slug: &str) -> Self {
        portico_chassis::run::install_tls();
        // No redirects: a test wants to see them.
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client");
        Self { http, public: public.to_owned(), slug: slug.to_owned(), token: None, user: Value::Null, session: Value::Null }
    }

    /// The same guest as a person who has just been given a session.
    pub fn with_session(&self, session: Value) -> Self {
        let mut client = self.clone();
        client.token = session["access_token"].as_str().map(str::to_owned);
        client.user = session["user"].clone();
        client.session = session;
        client
    }

    /// The same with a bearer token of any kind.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The base URL of the stack.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The bare HTTP client.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The person's id.
    pub fn id(&self) -> &str {
        self.user["id"].as_str().expect("a signed-in person has an id")
    }

    /// The person's address.
    pub fn email(&self) -> &str {
        self.user["email"].as_str().expect("a signed-in person has an address")
    }

    /// `P` + path; an absolute path (`/api/…`) as it is.
    pub fn url(&self, path: &str) -> String {
        match path.strip_prefix('/') {
            Some(_) => format!("{}{path}", self.public),
            None if path.is_empty() => format!("{}/api/v1/portals/{}", self.public, self.slug),
            None => format!("{}/api/v1/portals/{}/{path}", self.public, self.slug),
        }
    }

    /// A request with this person's token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, self.url(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer whole. What is asked to come again later (503) comes again, with the same key.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let end = Instant::now() + PATIENCE;
        let mut request = request.build().expect("a request");
        loop {
            let again = request.try_clone();
            let answer = self.send_once(request).await;
            match again {
                Some(again) if answer.status == 503 && Instant::now() < end => request = again,
                _ => return answer,
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn send_once(&self, request: reqwest::Request) -> Answer {
        let asked = format!("{} {}", request.method(), request.url());
        let answer = self.http.execute(request).await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap_or_else(|error| panic!("{asked}: {error:?}")).to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: status.as_u16(), headers, bytes, body, asked }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of JSON, with a key of its own.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_once(path, &fresh_key(), &body).await
    }

    /// POST of JSON with a given idempotency key.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A solved captcha for a purpose.
    pub async fn captcha(&self, purpose: &str) -> Value {
        let body = self.post("captcha", json!({"purpose": purpose})).await.expect(200);
        captcha::solve(&body["challenge"])
    }

    /// Uploads a file; returns its upload id.
    pub async fn upload(&self, name: &str, kind: &str, bytes: Vec<u8>) -> String {
        let request = self.request(Method::POST, "uploads").query(&[("name", name)]).header("content-type", kind).body(bytes);
        let body = self.send(request).await.expect(201);
        body["upload_id"].as_str().expect("an upload has an id").to_owned()
    }

    /// Creates a ticket; returns it.
    pub async fn ticket(&self, subject: &str) -> Value {
        self.post("tickets", json!({"subject": subject, "description": format!("All about: {subject}.")})).await.expect(201)
    }

    /// Signs in.
    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("auth/login", json!({"email": email, "password": password})).await
    }

    /// How many bell marks are unread.
    pub async fn unread(&self) -> u64 {
        self.get("notifications?unread=true").await.expect(200)["unread_count"].as_u64().expect("a list of notifications has a count")
    }
}

/// A ticket's number.
#[track_caller]
pub fn number(ticket: &Value) -> String {
    ticket["number"].as_str().expect("a ticket has a number").to_owned()
}

/// A key that nobody used before.
pub fn fresh_key() -> String {
    Uuid::now_v7().to_string()
}

/// A header value for tests of odd input.
pub fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a header value")
}

/// Whether a status is a refusal of the caller's input or rights.
pub fn is_refusal(status: u16) -> bool {
    StatusCode::from_u16(status).is_ok_and(|status| status.is_client_error())
}
