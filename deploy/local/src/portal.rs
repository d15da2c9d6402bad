//! Portals, as the operator makes them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use clap::Args;
use portico_proto::identity::v1::ListInboundSecretsRequest;
use portico_proto::identity::v1::portals_service_client::PortalsServiceClient;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::operator;
use crate::status::Status;

/// A portal to be made.
#[derive(Debug, Args, Serialize)]
pub struct NewPortal {
    /// The portal's name in addresses: a-z, 0-9 and hyphens, at most 40.
    #[arg(value_name = "NAME")]
    pub slug: String,
    /// What people read at the top of its pages.
    #[arg(long)]
    pub title: String,
    /// product-help, client-cases, service-desk, helpdesk or agency-support.
    #[arg(long)]
    pub profile: String,
    /// The address of its first administrator.
    #[arg(long = "admin", value_name = "EMAIL")]
    pub admin_email: String,
    /// Its first language.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Made {
    invitation: Invitation,
}

#[derive(Debug, Deserialize)]
struct Invitation {
    url: String,
}

/// Makes a portal; returns the one-time link of its first administrator.
pub async fn create(status: &Status, new: &NewPortal) -> Result<String> {
    let request = operator::http()?
        .post(format!("{}/api/v1/portals", status.public))
        .bearer_auth(&status.operator_token)
        .header("idempotency-key", Uuid::now_v7().to_string())
        .json(new);
    let answer = operator::patiently(request).await?;
    if !answer.status().is_success() {
        bail!(operator::complaint(answer).await);
    }
    let made: Made = answer.json().await.context("the gateway's answer is not understood")?;
    Ok(made.invitation.url)
}

/// The secret of every portal's inbound mail.
pub async fn inbound_secrets(status: &Status) -> Result<BTreeMap<String, String>> {
    let mut client = PortalsServiceClient::new(operator::channel(status, "identity").await?);
    let request = operator::request(status, ListInboundSecretsRequest { portal: String::new() })?;
    let answer = client.list_inbound_secrets(request).await.context("identity does not tell the secrets")?.into_inner();
    Ok(answer.secrets.into_iter().map(|one| (one.portal, one.secret)).collect())
}
