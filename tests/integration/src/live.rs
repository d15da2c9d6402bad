//! The live stream, as a browser's EventSource reads it.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::client::Client;
use crate::wait::PATIENCE;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `ticket`, `notification` or `resync`.
    pub kind: String,
    /// Its data.
    pub data: Value,
    /// Its id, for `Last-Event-ID`.
    pub id: String,
}

/// An open stream.
#[derive(Debug)]
pub struct Live {
    answer: reqwest::Response,
    buffer: String,
}

impl Live {
    /// Opens the stream of a person.
    pub async fn open(client: &Client) -> Self {
        Self::resume(client, None).await
    }

    /// Opens it after a known event.
    pub async fn resume(client: &Client, last: Option<&str>) -> Self {
        let mut request = client.request(Method::GET, "live").header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.expect("the live stream opens");
        assert_eq!(answer.status().as_u16(), 200, "the live stream opens");
        Self::of(answer)
    }

    /// Reads an answer that is a stream.
    pub fn of(answer: reqwest::Response) -> Self {
        Self { answer, buffer: String::new() }
    }

    /// The next event within a time; none when there was none.
    pub async fn next_within(&mut self, patience: Duration) -> Option<Event> {
        let end = Instant::now() + patience;
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(block);
                self.buffer = rest.to_owned();
                if let Some(event) = event {
                    return Some(event);
                }
            }
            match timeout_at(end, self.answer.chunk()).await {
                Ok(Ok(Some(chunk))) => self.buffer.push_str(&String::from_utf8_lossy(&chunk).replace('\r', "")),
                _ => return None,
            }
        }
    }

    /// Waits for an event that fits.
    pub async fn wait_for(&mut self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(event) = self.next_within(left).await else { panic!("waited in vain for the live event: {what}") };
            if fits(&event) {
                return event;
            }
        }
    }

    /// Waits for a note about a ticket.
    pub async fn ticket(&mut self, number: &str) -> Event {
        self.wait_for(&format!("ticket {number}"), |event| event.kind == "ticket" && event.data["number"] == number).await
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
    let data = field("data:")?;
    Some(Event {
        kind: field("event:").unwrap_or_default(),
        data: serde_json::from_str(&data).unwrap_or(Value::String(data)),
        id: field("id:").unwrap_or_default(),
    })
}
