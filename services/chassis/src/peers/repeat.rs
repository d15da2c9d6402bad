//! A call that is sent again while nobody answers it: at once when a process is not there, and to a second process when the first one keeps
//! silent. Every mutation carries a request id and so takes effect once. When both are at it, only the one whose effect it is can say so: a
//! refusal of the other, which finds the way taken (an upload used, a limit reached), waits for it. What costs something even when it is refused
//! ([`super::once`]) is left to the first.
//!
//! A process that says that what it needs is away is believed: the next one would say the same. And each channel has a [`Budget`], so that a
//! service in trouble is not asked several times as much as usual.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt;

use super::budget::Budget;
use super::replicas::{Replica, Replicas};
use crate::deadline::{Deadline, parse_grpc_timeout};
use crate::grpc::{SAME_ELSEWHERE, grpc_code};

/// How often a call is sent at most.
const TRIES: u32 = 3;
/// After this time without an answer another process is asked as well.
const SILENCE: Duration = Duration::from_secs(2);
/// So long a refusal waits for the other process, if there is one at it: what it was refused for that one did a moment ago.
const LAST_WORD: Duration = Duration::from_secs(1);
/// Second processes that are asked at once, so that a slow service does not get its work doubled.
const SECONDS_AT_ONCE: usize = 32;

/// Marks a request that one process is asked at a time.
#[derive(Clone, Copy)]
pub(super) struct Once;

type Answer = Result<http::Response<Body>, tonic::transport::Error>;

/// What a channel whose calls are repeated shares among them.
#[derive(Clone)]
pub(super) struct Repeats {
    seconds: Arc<Semaphore>,
    budget: Arc<Mutex<Budget>>,
}

impl Repeats {
    /// For one channel.
    pub fn new() -> Self {
        Self { seconds: Arc::new(Semaphore::new(SECONDS_AT_ONCE)), budget: Arc::default() }
    }

    /// A call is sent for the first time.
    fn earn(&self) {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).earn();
    }

    /// Whether a call may be sent again.
    fn pay(&self) -> bool {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).pay()
    }

    /// A place beside a process that keeps silent, if one is free and paid for.
    fn second(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.seconds.clone().try_acquire_owned().ok()?;
        self.pay().then_some(place)
    }
}

/// Sends a call to one of the processes.
pub(super) async fn send(replicas: &Replicas, replica: Replica, request: http::Request<Body>) -> Answer {
    let Some(channel) = replicas.channel(replica) else {
        return Ok(Status::unavailable("the service has no address").into_http());
    };
    let answer = channel.oneshot(request).await;
    if is_away(&answer) {
        replicas.rest(replica);
    }
    answer
}

/// Sends a unary call until somebody answers it, at most until its deadline.
pub(super) async fn send_again(replicas: &Replicas, repeats: &Repeats, request: http::Request<Body>) -> Answer {
    let (parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(status) => return Ok(status.into_http()),
    };
    let deadline = deadline(&parts);
    let may_double = replicas.several() && parts.extensions.get::<Once>().is_none();
    let mut running: FuturesUnordered<BoxFuture<'_, (Replica, Answer)>> = FuturesUnordered::new();
    let ask = |replica: Replica| -> BoxFuture<'_, (Replica, Answer)> {
        let request = copy(&parts, &body, deadline);
        Box::pin(async move { (replica, send(replicas, replica, request).await) })
    };
    let (mut last, mut sent, mut pause) = (replicas.next(None), 1, Duration::from_millis(20));
    repeats.earn();
    running.push(ask(last));
    let mut silence = pin!(tokio::time::sleep(SILENCE));
    let mut second = None;
    loop {
        let (replica, answer) = tokio::select! {
            Some(answered) = running.next() => answered,
            () = &mut silence, if second.is_none() && may_double => {
                second = repeats.second();
                if second.is_some() {
                    replicas.rest(last);
                    running.push(ask(replicas.next(Some(last))));
                    sent += 1;
                } else {
                    silence.as_mut().reset(tokio::time::Instant::now() + SILENCE);
                }
                continue;
            }
        };
        if code(&answer) == Code::Ok {
            return answer;
        }
        if !helps_elsewhere(&answer) {
            return last_word(&mut running, answer).await;
        }
        if running.is_empty() {
            if sent >= TRIES || deadline.remaining().unwrap_or_default() <= pause || !repeats.pay() {
                return answer;
            }
            tokio::time::sleep(pause).await;
            pause *= 5;
            last = replicas.next(Some(replica));
            running.push(ask(last));
            sent += 1;
        }
    }
}

/// The refusal of one process, unless the other, which may have done it, is about to say so.
async fn last_word(others: &mut FuturesUnordered<BoxFuture<'_, (Replica, Answer)>>, refusal: Answer) -> Answer {
    let done = async {
        while let Some((_, other)) = others.next().await {
            if code(&other) == Code::Ok {
                return Some(other);
            }
        }
        None
    };
    tokio::time::timeout(LAST_WORD, done).await.ok().flatten().unwrap_or(refusal)
}

fn deadline(parts: &Parts) -> Deadline {
    let told = parts.headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse_grpc_timeout);
    told.map_or_else(Deadline::default, Deadline::within)
}

/// The same call with the time that is left of it.
fn copy(parts: &Parts, body: &Bytes, deadline: Deadline) -> http::Request<Body> {
    let mut request = http::Request::from_parts(parts.clone(), Body::new(Full::new(body.clone())));
    let left = deadline.remaining().unwrap_or_default().as_millis().max(1);
    super::put(request.headers_mut(), "grpc-timeout", &format!("{left}m"));
    request
}

/// Whether nobody did anything: the process is not there, or says that it can't now.
fn is_away(answer: &Answer) -> bool {
    code(answer) == Code::Unavailable
}

/// Whether another process may answer better: this one is not there, ends or is not ready, rather than without its database.
fn helps_elsewhere(answer: &Answer) -> bool {
    let same_elsewhere = answer.as_ref().is_ok_and(|answer| answer.headers().contains_key(SAME_ELSEWHERE));
    is_away(answer) && !same_elsewhere
}

/// What became of the call; a process that is not there is unavailable too.
fn code(answer: &Answer) -> Code {
    answer.as_ref().map_or(Code::Unavailable, |answer| grpc_code(answer.headers()))
}
