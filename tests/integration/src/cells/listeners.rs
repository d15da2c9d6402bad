//! Live streams that are opened again when they end, as a browser does: from the last event that was seen, and with a look at the bell when
//! the stream says that it can't tell what was missed.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::time::sleep;

use crate::client::Client;
use crate::live::Live;

/// A stream without a word for so long is opened again.
const STREAM: Duration = Duration::from_secs(60);
/// The pause before a stream is opened again.
const AGAIN: Duration = Duration::from_millis(100);
/// How long a look at the bell may take.
const LOOK: Duration = Duration::from_secs(20);

/// The bells that listeners heard, by their ids.
#[derive(Debug, Default)]
pub(super) struct Rung(Mutex<BTreeSet<String>>);

impl Rung {
    /// Whether somebody heard this one.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.lock().expect("no panic while noting").contains(id)
    }

    fn add(&self, id: &Value) {
        self.0.lock().expect("no panic while noting").extend(id.as_str().map(str::to_owned));
    }
}

/// Sends a request over another client's connections. Nothing that was begun is sent again.
pub(super) async fn send(http: &reqwest::Client, request: RequestBuilder) -> Result<Response, reqwest::Error> {
    http.execute(request.build()?).await
}

/// Listens for as long as it is polled; opening a stream, and looking, must always work.
pub(super) async fn listen(http: &reqwest::Client, client: &Client, rung: &Rung, failed: &impl Fn(String)) {
    let mut last: Option<String> = None;
    loop {
        let mut request = client.request(Method::GET, "live").header("accept", "text/event-stream");
        if let Some(last) = &last {
            request = request.header("last-event-id", last.as_str());
        }
        match send(http, request).await {
            Ok(answer) if answer.status().is_success() => {
                if last.is_none() {
                    look(http, client, rung, failed).await;
                }
                let mut live = Live::of(answer);
                while let Some(event) = live.next_within(STREAM).await {
                    match event.kind.as_str() {
                        "notification" => rung.add(&event.data["id"]),
                        "resync" => look(http, client, rung, failed).await,
                        _ => {}
                    }
                    last = Some(event.id).filter(|id| !id.is_empty()).or(last);
                }
            }
            Ok(answer) => failed(format!("live: {}", answer.status())),
            Err(error) => failed(format!("live: {error:?}")),
        }
        sleep(AGAIN).await;
    }
}

/// Reads the newest bells.
async fn look(http: &reqwest::Client, client: &Client, rung: &Rung, failed: &impl Fn(String)) {
    let request = client.request(Method::GET, "notifications?limit=100").timeout(LOOK);
    let read = async { send(http, request).await?.error_for_status()?.json::<Value>().await };
    match read.await {
        Ok(bell) => bell["items"].as_array().into_iter().flatten().for_each(|item| rung.add(&item["id"])),
        Err(error) => failed(format!("bell: {error:?}")),
    }
}
