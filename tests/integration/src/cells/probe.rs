//! Somebody who files tickets while something breaks, without asking again, and notes what came. The history has these tickets like all others.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::fresh_key;
use crate::history::{Doing, Kind};
use crate::load::Crowd;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);
/// The gateway answers within its own deadline of 10 s; an answer that takes longer counts as none.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// When it was asked, since the questions began.
    pub at: Duration,
    /// The status; 0 without an answer.
    pub status: u16,
    /// Whether it says when to come again.
    pub retry_after: bool,
    /// How long the answer took.
    pub took: Duration,
    answer: String,
}

impl Heard {
    /// Whether it was done.
    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// One ticket of the first portal's first customer.
pub(super) struct Probe<'c> {
    crowd: &'c Crowd,
    client: String,
    key: String,
    body: Value,
}

impl<'c> Probe<'c> {
    /// Notes that it begins.
    pub(super) fn begin(crowd: &'c Crowd) -> Self {
        let (slug, key) = (&crowd.camps[0].slug, fresh_key());
        let body = json!({"subject": format!("Probe {key} of {slug}"), "description": "Is it back?"});
        let probe = Self { crowd, client: format!("{slug}/customer0"), key, body };
        crowd.recorder.note(probe.doing(), Kind::Invoke, probe.asked());
        probe
    }

    fn asked(&self) -> Value {
        let sent = json!({"method": "POST", "path": "tickets", "body": self.body});
        json!({"body": self.body, "file": null, "customer": 0, "sent": sent})
    }

    /// Asks once; every time under the same key.
    pub(super) async fn ask(&self, patience: Duration) -> Heard {
        let customer = &self.crowd.camps[0].customers[0];
        let request = customer.request(Method::POST, "tickets").header("idempotency-key", &self.key).json(&self.body);
        let begun = Instant::now();
        let Ok(answer) = request.timeout(patience).send().await else { return Heard::nothing(begun.elapsed()) };
        let (status, retry_after) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        match answer.text().await {
            Ok(answer) => Heard { at: Duration::ZERO, status, retry_after, took: begun.elapsed(), answer },
            Err(_) => Heard::nothing(begun.elapsed()),
        }
    }

    /// Notes how it ended: without success it may have taken effect or not.
    pub(super) fn end(&self, heard: &Heard) {
        let kind = if heard.is_ok() { Kind::Ok } else { Kind::Unknown };
        self.crowd.recorder.note(self.doing(), kind, json!({"tries": [heard.status], "status": heard.status, "answer": heard.answer}));
    }

    fn doing(&self) -> Doing<'_> {
        Doing { client: &self.client, op: "ticket", key: &self.key, portal: &self.crowd.camps[0].slug }
    }
}

impl Heard {
    fn nothing(took: Duration) -> Self {
        Self { at: Duration::ZERO, status: 0, retry_after: false, took, answer: String::new() }
    }
}

/// Asks four times a second, each time for another ticket, for as long as `meanwhile` takes; all that was heard, in the order of asking.
pub(super) async fn during(crowd: &Crowd, meanwhile: impl Future<Output = ()>) -> Vec<Heard> {
    let mut asked = JoinSet::new();
    let begun = Instant::now();
    let asking = async {
        let mut clock = interval(PAUSE);
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            clock.tick().await;
            let (crowd, at) = (crowd.clone(), begun.elapsed());
            asked.spawn(async move {
                let probe = Probe::begin(&crowd);
                let heard = Heard { at, ..probe.ask(PATIENCE).await };
                probe.end(&heard);
                heard
            });
        }
    };
    tokio::select! {
        () = asking => {}
        () = meanwhile => {}
    }
    let mut heard = asked.join_all().await;
    heard.sort_by_key(|one| one.at);
    heard
}

/// A refusal says when to come again, and hardly anything but a 503 is heard in place of success. At the moment of the blow itself an answer
/// may break: a quarter and two are granted.
///
/// # Panics
/// When it is not so.
pub(super) fn refusals_are_clean(heard: &[Heard], id: &str) {
    let refused: Vec<&Heard> = heard.iter().filter(|one| !one.is_ok()).collect();
    let silent = refused.iter().find(|one| one.status == 503 && !one.retry_after);
    assert!(silent.is_none(), "a 503 does not say when to come again ({id}): {silent:?}");
    let other: Vec<u16> = refused.iter().map(|one| one.status).filter(|status| *status != 503).collect();
    assert!(other.len() <= refused.len() / 4 + 2, "of {} refusals these are no 503 ({id}): {other:?}", refused.len());
}
