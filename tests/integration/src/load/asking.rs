//! How somebody of the load asks, and how that is noted.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Camp, Crowd, NOTE};
use crate::client::Client;
use crate::history::{Doing, Kind};
use crate::plan::Step;

/// A caller repeats a request that got no answer, or a 5xx, with the same key until this is over; then its outcome is unknown.
const RETRIES: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(250);
/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);

/// Somebody at work.
#[derive(Debug, Clone)]
pub(super) struct Person<'c> {
    pub client: Client,
    pub name: String,
    pub camp: &'c Camp,
}

impl<'c> Person<'c> {
    pub fn customer(camp: &'c Camp, index: usize) -> Self {
        Self::named(camp, camp.customers[index].clone(), &format!("customer{index}"))
    }

    pub fn agent(camp: &'c Camp) -> Self {
        Self::named(camp, camp.agent.clone(), "agent")
    }

    pub fn named(camp: &'c Camp, client: Client, name: &str) -> Self {
        Self { client, name: format!("{}/{name}", camp.slug), camp }
    }

    pub fn doing<'d>(&'d self, op: &'d str, key: &'d str) -> Doing<'d> {
        Doing { client: &self.name, op, key, portal: &self.camp.slug }
    }

    fn may_read_notes(&self) -> bool {
        self.name.ends_with("/agent") || self.name.ends_with("/admin")
    }
}

/// A write: under which name it is noted, and how it is sent.
pub(super) struct Write<'w> {
    pub op: &'w str,
    pub method: Method,
    pub path: String,
    /// Null for none.
    pub body: Value,
    /// What the invariants need to know of it besides.
    pub asked: Value,
}

impl<'w> Write<'w> {
    pub fn post(op: &'w str, path: impl Into<String>, body: Value, asked: Value) -> Self {
        Self { op, method: Method::POST, path: path.into(), body, asked }
    }
}

impl Crowd {
    /// Sends a write until it is acknowledged; none when its outcome stays unknown or it was refused.
    pub(super) async fn write(&self, who: &Person<'_>, key: &str, write: Write<'_>) -> Option<Value> {
        let Write { op, method, path, body, mut asked } = write;
        asked["sent"] = json!({"method": method.as_str(), "path": path, "body": body});
        let send = || {
            let request = who.client.request(method.clone(), &path).header("idempotency-key", key);
            if body.is_null() { request } else { request.json(&body) }
        };
        self.until_acknowledged(who, op, key, asked, send).await
    }

    pub(super) async fn until_acknowledged(
        &self,
        who: &Person<'_>,
        op: &str,
        key: &str,
        asked: Value,
        request: impl Fn() -> RequestBuilder,
    ) -> Option<Value> {
        let doing = who.doing(op, key);
        self.recorder.note(doing, Kind::Invoke, asked);
        let (end, mut tries) = (Instant::now() + RETRIES, Vec::new());
        while Instant::now() < end {
            let (status, bytes) = attempt(request()).await;
            tries.push(status);
            self.hear(who, &bytes);
            let answer = String::from_utf8_lossy(&bytes);
            match status {
                200..300 => {
                    self.recorder.note(doing, Kind::Ok, json!({"tries": tries, "status": status, "answer": answer}));
                    return Some(serde_json::from_slice(&bytes).unwrap_or_default());
                }
                0 | 409 | 429 | 500.. => {}
                _ => {
                    self.recorder.note(doing, Kind::Fail, json!({"tries": tries, "answer": answer}));
                    return None;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.recorder.note(doing, Kind::Unknown, json!({ "tries": tries }));
        None
    }

    /// Reads a ticket; its version and status are noted.
    pub(super) async fn look(&self, who: &Person<'_>, number: &str, step: &mut Step) {
        let key = step.key();
        let doing = who.doing("look", &key);
        self.recorder.note(doing, Kind::Invoke, json!({ "number": number }));
        let (kind, status, bytes) = self.get(who, &format!("tickets/{number}")).await;
        let ticket: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        self.recorder.note(doing, kind, json!({"tries": [status], "version": ticket["version"], "status": ticket["status"]}));
    }

    /// Reads something; `told` says what of it is noted besides.
    pub(super) async fn read(
        &self,
        who: &Person<'_>,
        op: &str,
        key: &str,
        path: &str,
        asked: Value,
        told: impl FnOnce(u16, &[u8]) -> Value,
    ) -> Value {
        let doing = who.doing(op, key);
        self.recorder.note(doing, Kind::Invoke, asked);
        let (kind, status, bytes) = self.get(who, path).await;
        let mut noted = told(status, &bytes);
        noted["tries"] = json!([status]);
        self.recorder.note(doing, kind, noted);
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    async fn get(&self, who: &Person<'_>, path: &str) -> (Kind, u16, Vec<u8>) {
        let (status, bytes) = attempt(who.client.request(Method::GET, path)).await;
        self.hear(who, &bytes);
        let kind = match status {
            200..300 => Kind::Ok,
            0 | 429 | 500.. => Kind::Unknown,
            _ => Kind::Fail,
        };
        (kind, status, bytes)
    }

    /// `ok` when it was taken, which it must not be.
    pub(super) async fn must_be_refused(&self, who: &Person<'_>, doing: Doing<'_>, path: &str) {
        let (status, _) = attempt(who.client.request(Method::GET, path)).await;
        let kind = match status {
            200..300 => Kind::Ok,
            400..500 => Kind::Fail,
            _ => Kind::Unknown,
        };
        self.recorder.note(doing, kind, json!({"tries": [status]}));
    }

    /// Notes an answer that speaks of another portal, and one that tells a customer an internal note.
    fn hear(&self, who: &Person<'_>, bytes: &[u8]) {
        let said = String::from_utf8_lossy(bytes);
        let others = self.camps.iter().filter(|camp| camp.slug != who.camp.slug);
        let foreign = others.filter(|camp| said.contains(&camp.slug)).map(|camp| ("foreign", camp.slug.as_str()));
        let overheard = (!who.may_read_notes() && said.contains(NOTE)).then_some(("overheard", NOTE));
        for (op, key) in foreign.chain(overheard) {
            let doing = who.doing(op, key);
            self.recorder.note(doing, Kind::Invoke, Value::Null);
            self.recorder.note(doing, Kind::Ok, json!({ "answer": said }));
        }
    }
}

/// One try: its status and body, 0 without a whole answer.
async fn attempt(request: RequestBuilder) -> (u16, Vec<u8>) {
    let Ok(answer) = request.timeout(TRY).send().await else { return (0, Vec::new()) };
    let status = answer.status().as_u16();
    answer.bytes().await.map_or_else(|_| (0, Vec::new()), |bytes| (status, bytes.to_vec()))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
