//! A mail provider's webhook, and an agent who looks what became of a message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    dead_code,
    reason = "tests end at the first surprise; each test file uses its part of the kit"
)]

use hmac::{Hmac, Mac};
use portico_chassis::testing::eventually;
use portico_proto::notifier::v1::{GetInboundMailRequest, InboundMail, InboundState, IngestMailRequest};
use sha2::Sha256;
use time::OffsetDateTime;
use tonic::Status;

use super::{INBOUND_SECRET, PORTAL, World, agent};

/// What proves that alice@acme.test wrote.
pub const PROVEN: &str = "Authentication-Results: mx.portico.test; dmarc=pass header.from=acme.test\n";

pub fn message(id: &str, to: &str, extra: &str, body: &str) -> Vec<u8> {
    format!("{extra}From: Alice <alice@acme.test>\nTo: {to}\nSubject: Printer on fire\nMessage-ID: <{id}>\n\n{body}\n")
        .replace('\n', "\r\n")
        .into_bytes()
}

pub fn sign(secret: &str, timestamp: i64, raw: &[u8]) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(format!("{timestamp}.").as_bytes());
    hmac.update(raw);
    format!("sha256={}", hex::encode(hmac.finalize().into_bytes()))
}

pub async fn ingest_as(world: &World, portal: &str, raw: Vec<u8>, timestamp: i64, signature: String) -> Result<String, Status> {
    let request = IngestMailRequest { portal: portal.into(), raw, timestamp: timestamp.to_string(), signature };
    Ok(world.inbound().ingest_mail(world.stage.as_guest("webhook", request)).await?.into_inner().message_id)
}

pub async fn ingest(world: &World, raw: Vec<u8>) -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let signature = sign(INBOUND_SECRET, now, &raw);
    ingest_as(world, PORTAL, raw, now, signature).await.unwrap()
}

pub async fn look(world: &World, id: &str) -> InboundMail {
    let request = GetInboundMailRequest { portal: PORTAL.into(), message_id: id.into() };
    world.inbound().get_inbound_mail(world.stage.as_person(&agent(1), request)).await.unwrap().into_inner()
}

pub async fn settled(world: &World, id: &str) -> InboundMail {
    eventually("the message to be settled", async || {
        let mail = look(world, id).await;
        (mail.state() != InboundState::Queued).then_some(mail)
    })
    .await
}
