//! One of the demo's people at the JSON API.

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, PORTAL, text};
use crate::operator;
use crate::status::Status;

/// Somebody who is signed in.
#[derive(Debug)]
pub struct Session {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Session {
    /// Signs in with the demo's password.
    pub async fn sign_in(status: &Status, email: &str) -> Result<Self> {
        let base = format!("{}/api/v1/portals/{PORTAL}", status.public);
        let guest = Self { http: operator::http()?, base, token: String::new() };
        let body = json!({"email": email, "password": PASSWORD});
        let answer = guest.send(Method::POST, "auth/login", None, &body).await.with_context(|| format!("{email} cannot sign in"))?;
        Ok(Self { token: text(&answer, "access_token")?, ..guest })
    }

    /// POST with a key that makes a repeat harmless.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(key), body).await
    }

    async fn send(&self, method: Method, path: &str, key: Option<&str>, body: &Value) -> Result<Value> {
        let mut request = self.http.request(method.clone(), format!("{}/{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = operator::patiently(request).await.with_context(|| format!("{method} {path}"))?;
        if !answer.status().is_success() {
            bail!("{method} {path}: {}", operator::complaint(answer).await);
        }
        let bytes = answer.bytes().await?;
        Ok(if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? })
    }
}
