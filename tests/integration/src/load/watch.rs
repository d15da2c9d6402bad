//! Notes when nobody of identity serves: what can't be asked can't tell who was signed out (I12).

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::history::Recorder;

const PART: &str = "identity";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// A process that does not answer for so long does not serve.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks until it is dropped; an absence that lasts until then ends with it.
pub(super) struct Watch<'w> {
    recorder: &'w Recorder,
    http: reqwest::Client,
    away: bool,
}

impl<'w> Watch<'w> {
    pub fn new(recorder: &'w Recorder, http: reqwest::Client) -> Self {
        Self { recorder, http, away: false }
    }

    /// Never ends by itself.
    pub async fn look(&mut self) {
        loop {
            let away = !self.serves().await;
            if away != self.away {
                self.away = away;
                if away { self.recorder.away_begins(PART) } else { self.recorder.away_ends(PART) }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether any of its processes says that it may serve.
    async fn serves(&self) -> bool {
        let status = self.recorder.status();
        let own = |process: &&String| process.split('-').next() == Some(PART);
        let operations = status["operations"].as_object();
        let urls = operations.into_iter().flatten().filter(|(process, _)| own(process)).filter_map(|(_, url)| Value::as_str(url));
        let http = &self.http;
        let asked = urls.map(|url| async move {
            let asked = http.get(format!("{url}/readyz")).timeout(PATIENCE).send().await;
            asked.is_ok_and(|answer| answer.status().is_success())
        });
        join_all(asked).await.into_iter().any(|ready| ready)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.away {
            self.recorder.away_ends(PART);
        }
    }
}
