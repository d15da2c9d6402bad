//! The cheapest client that speaks HTTP/1.1 with keep-alive: the generator shares the cores with what it measures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// What a request carries.
pub type Body = Full<Bytes>;

/// An answer that takes longer counts as none.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the generator's own preparations repeat what was turned away …
const BUSY: Duration = Duration::from_secs(60);
/// … and how often.
const PAUSE: Duration = Duration::from_millis(200);

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Target {
    address: SocketAddr,
    host: HeaderValue,
}

impl Target {
    /// Reads `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// For anything but an address with a port.
    pub fn read(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").with_context(|| format!("{url} is not plain HTTP"))?.trim_end_matches('/');
        Ok(Self { address: host.parse().with_context(|| format!("{url} is no address"))?, host: HeaderValue::from_str(host)? })
    }

    async fn connect(&self) -> Result<SendRequest<Body>> {
        let stream = TcpStream::connect(self.address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// Whether the answer says when to come again.
    pub retry_after: bool,
    /// The body.
    pub bytes: Bytes,
}

impl Reply {
    /// Whether it was done.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it was turned away for being too much.
    pub fn is_refused(&self) -> bool {
        matches!(self.status, 429 | 503)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When the status says no, or the body is none.
    pub fn json(&self) -> Result<Value> {
        if !self.is_ok() {
            bail!("status {}: {}", self.status, String::from_utf8_lossy(&self.bytes));
        }
        serde_json::from_slice(&self.bytes).context("the answer is no JSON")
    }
}

/// One connection, made anew when it breaks.
#[derive(Debug)]
pub struct Connection {
    target: Arc<Target>,
    sender: Option<SendRequest<Body>>,
}

impl Connection {
    /// Connects with the first request.
    pub fn new(target: &Arc<Target>) -> Self {
        Self { target: Arc::clone(target), sender: None }
    }

    /// Sends a request and reads the answer whole.
    pub async fn send(&mut self, request: Request<Body>) -> Reply {
        match timeout(PATIENCE, self.exchange(request)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) | Err(_) => {
                self.sender = None;
                Reply::default()
            }
        }
    }

    /// Sends a request whose answer does not end: the caller reads it.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&mut self, request: Request<Body>) -> Result<Response<Incoming>> {
        self.answer(request).await
    }

    async fn answer(&mut self, mut request: Request<Body>) -> Result<Response<Incoming>> {
        request.headers_mut().insert(header::HOST, self.target.host.clone());
        let mut sender = match self.sender.take() {
            Some(mut kept) => {
                if kept.ready().await.is_ok() {
                    kept
                } else {
                    self.target.connect().await?
                }
            }
            None => self.target.connect().await?,
        };
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut refused) => {
                // The server had closed an idle connection: nothing was sent, so it is no failure.
                let request = refused.take_message().context("the answer did not come")?;
                sender = self.target.connect().await?;
                sender.send_request(request).await?
            }
        };
        self.sender = Some(sender);
        Ok(response)
    }

    async fn exchange(&mut self, request: Request<Body>) -> Result<Reply> {
        let response = self.answer(request).await?;
        let (status, retry_after) = (response.status().as_u16(), response.headers().contains_key(header::RETRY_AFTER));
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok(Reply { status, retry_after, bytes })
    }
}

/// A GET of a path with one more header.
pub fn get(path: &str, name: header::HeaderName, value: HeaderValue) -> Request<Body> {
    let mut request = Request::new(Body::default());
    *request.uri_mut() = uri(path);
    request.headers_mut().insert(name, value);
    request
}

/// A POST of JSON with a key of its own, by whoever the token stands for.
pub fn post(path: &str, bearer: Option<HeaderValue>, body: &Value) -> Request<Body> {
    let mut request = Request::new(Body::from(body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(path);
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(key) = HeaderValue::from_str(&Uuid::now_v7().to_string()) {
        headers.insert("idempotency-key", key);
    }
    if let Some(bearer) = bearer {
        headers.insert(header::AUTHORIZATION, bearer);
    }
    request
}

/// A path of ours; one that is none asks for the root, which answers otherwise than expected.
fn uri(path: &str) -> http::Uri {
    path.parse().unwrap_or_default()
}

/// Sends what a cell needs beforehand, so many at once, and gives the answers in order. What is turned away comes again.
///
/// # Errors
/// The first answer that says no.
pub async fn all(target: &Arc<Target>, at_once: usize, requests: Vec<Request<Body>>) -> Result<Vec<Reply>> {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once.max(1) {
        let (requests, next, mut connection) = (Arc::clone(&requests), Arc::clone(&next), Connection::new(target));
        workers.spawn(async move {
            let mut done = Vec::new();
            while let Some((index, request)) = take(&requests, &next) {
                done.push((index, patiently(&mut connection, request).await?));
            }
            Ok::<_, anyhow::Error>(done)
        });
    }
    let mut replies = vec![Reply::default(); requests.len()];
    while let Some(done) = workers.join_next().await {
        for (index, reply) in done.context("a worker ended")?? {
            replies[index] = reply;
        }
    }
    Ok(replies)
}

fn take<'r>(requests: &'r [Request<Body>], next: &AtomicUsize) -> Option<(usize, &'r Request<Body>)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    requests.get(index).map(|request| (index, request))
}

async fn patiently(connection: &mut Connection, request: &Request<Body>) -> Result<Reply> {
    let end = Instant::now() + BUSY;
    loop {
        let reply = connection.send(request.clone()).await;
        if reply.is_ok() {
            return Ok(reply);
        }
        if !(reply.status == 0 || reply.is_refused()) || Instant::now() >= end {
            bail!("{} {}: status {}: {}", request.method(), request.uri(), reply.status, String::from_utf8_lossy(&reply.bytes));
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_with_a_port() {
        let target = Target::read("http://127.0.0.1:8080/").unwrap();
        assert_eq!((target.address.port(), target.host.to_str().unwrap()), (8080, "127.0.0.1:8080"));
        assert!(Target::read("https://127.0.0.1:8080").is_err() && Target::read("http://portico").is_err());
    }

    #[test]
    fn an_answer_is_done_refused_or_neither() {
        let of = |status| Reply { status, ..Reply::default() };
        assert!(of(201).is_ok() && of(503).is_refused() && of(429).is_refused());
        assert!(!of(0).is_ok() && !of(500).is_refused() && of(404).json().is_err());
    }
}
