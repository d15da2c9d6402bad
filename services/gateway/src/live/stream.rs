//! One stream: what its person is told, a comment now and then, and its end with its session.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::hub::{Delivery, Heard, Listener};
use crate::call::Call;
use crate::error::Problem;

/// A comment line keeps proxies from closing a quiet stream.
const COMMENT: Duration = Duration::from_secs(15);
/// How often it is checked whether the session still stands; a stream ends within 5 seconds of it.
const CHECK: Duration = Duration::from_secs(1);
/// Streams end after this and the browser reconnects where it was, so that they spread over new replicas.
const AGE: Duration = Duration::from_secs(3600);
/// How soon a browser reconnects.
const RETRY: Duration = Duration::from_secs(2);

struct State {
    call: Call,
    listener: Listener,
    check: Interval,
    stopping: CancellationToken,
    until: Instant,
    greeted: bool,
}

/// Opens the stream of a signed-in caller.
///
/// # Errors
/// 401 for guests, 503 and 429 when there are too many streams.
pub fn open(call: Call) -> Result<Response, Problem> {
    let person = call.caller.person()?.clone();
    let last = call.headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(|id| Heard::parse(id).unwrap_or(Heard::NEVER));
    let hub = call.state.hub().clone();
    let listener = hub.listen(person, last)?;
    let mut check = tokio::time::interval(CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = State { call, listener, check, stopping: hub.stopping(), until: Instant::now() + AGE, greeted: false };
    let mut response = Sse::new(events(state)).keep_alive(KeepAlive::new().interval(COMMENT).text("")).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that buffer would hold notes back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn events(state: State) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(state, |mut state| async move {
        if !state.greeted {
            state.greeted = true;
            // The client learns at once that the stream stands.
            return Some((Ok(Event::default().comment("open").retry(RETRY)), state));
        }
        let delivery = state.next().await?;
        Some((Ok(event(&delivery)), state))
    })
}

fn event(delivery: &Delivery) -> Event {
    Event::default().event(delivery.message.event).data(&delivery.message.data).id(delivery.id.to_string())
}

impl State {
    /// The next note; `None` ends the stream.
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            tokio::select! {
                delivery = self.listener.deliveries.recv() => return delivery,
                _ = self.check.tick() => {
                    if Instant::now() >= self.until || !self.stands().await {
                        return None;
                    }
                }
                () = self.stopping.cancelled() => return None,
            }
        }
    }

    /// Whether the session still stands and the person's rights are those that the stream was opened with.
    async fn stands(&mut self) -> bool {
        // Nobody can say at the moment, and the token has ended: the client asks again.
        self.call.refresh().await.unwrap_or(false)
    }
}
