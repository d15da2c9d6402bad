//! Asking a server whether it may serve.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(40);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// A client for health questions: short, without proxies.
pub fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(ANSWER).build().context("no HTTP client")
}

/// Whether a URL answers 200 now.
pub async fn ok(client: &reqwest::Client, url: &str) -> bool {
    matches!(client.get(url).send().await, Ok(answer) if answer.status().is_success())
}

/// Waits until a URL answers 200.
pub async fn wait_for(client: &reqwest::Client, who: &str, url: &str, patience: Duration) -> Result<()> {
    let end = Instant::now() + patience;
    while !ok(client, url).await {
        if Instant::now() >= end {
            bail!("{who} is not ready after {} s; its output is log/{who}.log", patience.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
