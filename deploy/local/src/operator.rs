//! Speaking to a running stack as its operator.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use portico_chassis::error::Error;
use portico_chassis::grpc::OPERATOR_TOKEN;
use reqwest::StatusCode;
use serde_json::Value;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::status::Status;

/// No call of the operator's takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a request is repeated that meets a busy stack …
const BUSY: Duration = Duration::from_secs(30);
/// … and how often.
const PAUSE: Duration = Duration::from_millis(250);

/// A client for the gateway's JSON API.
pub fn http() -> Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().context("no HTTP client")
}

/// Sends a request again while the stack is busy or a part of it is being started again. The request must be harmless to repeat.
pub async fn patiently(request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
    let end = Instant::now() + BUSY;
    loop {
        let attempt = request.try_clone().context("the request cannot be repeated")?;
        let answer = attempt.send().await.context("the gateway does not answer")?;
        let busy = matches!(answer.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        if !busy || Instant::now() >= end {
            return Ok(answer);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A channel to one service.
pub async fn channel(status: &Status, service: &str) -> Result<Channel> {
    patient_channel(status, service, PATIENCE).await
}

/// A channel to one service whose calls may take long.
pub async fn patient_channel(status: &Status, service: &str, patience: Duration) -> Result<Channel> {
    let address = status.grpc.get(service).with_context(|| format!("{service} has no address"))?;
    Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(Duration::from_secs(5))
        .timeout(patience)
        .connect()
        .await
        .with_context(|| format!("{service} does not answer"))
}

/// A request that carries the operator's token.
pub fn request<T>(status: &Status, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    let token = status.operator_token.parse().context("the operator's token is damaged")?;
    request.metadata_mut().insert(OPERATOR_TOKEN, token);
    Ok(request)
}

/// What a service that refused says, for a person: every field that does not fit.
pub fn refusal(service: &str, status: &tonic::Status) -> anyhow::Error {
    match Error::from_status(status) {
        Error::Invalid(fields) => {
            let lines: Vec<String> = fields.into_iter().map(|wrong| format!("  {}: {}", wrong.field, wrong.message)).collect();
            anyhow::anyhow!("{service} refuses:\n{}", lines.join("\n"))
        }
        _ => anyhow::anyhow!("{service} refuses: {}", status.message()),
    }
}

/// What a refused call says, for a person.
pub async fn complaint(answer: reqwest::Response) -> String {
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap_or_default();
    let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut lines = vec![format!("{status}: {} {}", text("title"), text("detail")).trim().to_owned()];
    for error in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("  {}: {}", part("field"), part("message")));
    }
    lines.join("\n")
}
