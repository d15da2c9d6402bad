//! Mails and bells that could not be delivered, as the operator sees them and has them tried again.

use anyhow::{Result, bail};
use clap::Subcommand;
use portico_proto::common::v1::PageRequest;
use portico_proto::notifier::v1::deliveries_service_client::DeliveriesServiceClient;
use portico_proto::notifier::v1::{FailedDelivery, ListFailedDeliveriesRequest, RetryDeliveryRequest};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tonic::Code;
use tonic::transport::Channel;

use crate::operator;
use crate::status::Status;
use crate::terminal;

/// Whose deliveries they are.
const SERVICE: &str = "notifier";
/// Failed deliveries of one page.
const PAGE: i32 = 100;

/// What may be done with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveryOrder {
    /// Lists those that failed for good, newest first, each with its reason; exit code 1 when there are any.
    Failed,
    /// Makes failed deliveries due again.
    Retry {
        /// Their ids, as `failed` names them.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// Does it; false when deliveries are listed that failed.
pub async fn run(status: &Status, order: &DeliveryOrder) -> Result<bool> {
    let mut client = DeliveriesServiceClient::new(operator::channel(status, SERVICE).await?);
    match order {
        DeliveryOrder::Failed => list(status, &mut client).await,
        DeliveryOrder::Retry { ids } => {
            for id in ids {
                retry(status, &mut client, id).await?;
            }
            Ok(true)
        }
    }
}

async fn list(status: &Status, client: &mut DeliveriesServiceClient<Channel>) -> Result<bool> {
    let (mut page_token, mut none) = (String::new(), true);
    loop {
        let request = ListFailedDeliveriesRequest { page: Some(PageRequest { page_size: PAGE, page_token }) };
        let answer = client.list_failed_deliveries(operator::request(status, request)?).await;
        let answer = answer.map_err(|refused| operator::refusal(SERVICE, &refused))?.into_inner();
        for failed in answer.items {
            none = false;
            terminal::say(line(&failed));
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(none);
        }
    }
}

fn line(failed: &FailedDelivery) -> String {
    let at = failed.failed_at.as_ref().and_then(|at| OffsetDateTime::from_unix_timestamp(at.seconds).ok());
    let at = at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
    let FailedDelivery { id, portal, channel, kind, attempts, reason, .. } = failed;
    format!("{id}  {at}  {portal}  {channel} {kind}  {attempts} attempts  {reason}")
}

async fn retry(status: &Status, client: &mut DeliveriesServiceClient<Channel>, id: &str) -> Result<()> {
    let request = operator::request(status, RetryDeliveryRequest { id: id.to_owned() })?;
    match client.retry_delivery(request).await {
        Ok(_) => terminal::say(format!("{id} is due again")),
        Err(refused) if refused.code() == Code::NotFound => bail!("no failed delivery {id}"),
        Err(refused) => return Err(operator::refusal(SERVICE, &refused).context(format!("{id} was not made due again"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_failed_and_why() {
        let failed = FailedDelivery {
            id: "d1".into(),
            portal: "demo".into(),
            channel: "mail".into(),
            kind: "receipt".into(),
            reason: "smtp 550".into(),
            attempts: 1,
            failed_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
        };
        assert_eq!(line(&failed), "d1  2023-11-14T22:13:20Z  demo  mail receipt  1 attempts  smtp 550");
    }
}
