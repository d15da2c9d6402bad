//! The whole product with its files in a bucket in place of a folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_chassis::testing::s3::{BUCKET, S3Server};
use portico_integration_tests::client::number;
use portico_integration_tests::{World, WorldOptions, wait};
use serde_json::json;

/// CR-18, S49, S51: a file that a customer attaches goes through staging into the bucket and comes back byte for byte.
#[tokio::test]
async fn an_attachment_is_stored_in_the_bucket_and_read_from_it() {
    let server = S3Server::start().await;
    let blobs = format!("s3://{BUCKET}/portico");
    let environment = [
        ("PORTICO_BLOBS", blobs.as_str()),
        ("PORTICO_S3__ENDPOINT", server.endpoint.as_str()),
        ("PORTICO_S3__ALLOW_HTTP", "true"),
        ("PORTICO_S3__ACCESS_KEY_ID", "AKIATEST"),
        ("PORTICO_S3__SECRET_ACCESS_KEY", "the key of a test"),
    ];
    let world = World::own_in(&WorldOptions::default(), &environment).await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let bytes = b"a log, line by line\n".repeat(400_000);
    let upload = alice.upload("gateway.log", "text/plain", bytes.clone()).await;
    assert_eq!(keys(&world, &server, "portico/staging/").await.len(), 1);
    let body = json!({"subject": "Log", "description": "See the file.", "uploads": [upload]});
    let ticket = alice.post("tickets", body).await.expect(201);
    let timeline = alice.get(&format!("tickets/{}/timeline", number(&ticket))).await.expect(200);
    let file = find(&timeline, "gateway.log").or_else(|| find(&ticket, "gateway.log")).expect("the file is shown");
    let id = file["id"].as_str().expect("an attachment has an id");
    let read = wait::until("the scanner to let the file go", async || {
        let read = alice.get(&format!("attachments/{id}")).await;
        (read.status != 409).then_some(read)
    })
    .await;
    assert_eq!(read.status, 200, "{}", read.asked);
    assert!(read.bytes == bytes, "the file comes back as it was");
    wait::until("staging to be empty again", async || keys(&world, &server, "portico/staging/").await.is_empty().then_some(())).await;
    assert_eq!(keys(&world, &server, "portico/tickets/").await.len(), 1);
    let folder = world.status()["data_dir"].as_str().map(|data| std::path::Path::new(data).join("blobs")).expect("a data folder");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "nothing is stored in the folder");
}

/// The member of a JSON document that describes a file of this name.
fn find<'v>(value: &'v serde_json::Value, name: &str) -> Option<&'v serde_json::Value> {
    match value {
        serde_json::Value::Object(members) if members.get("name").is_some_and(|found| found == name) => Some(value),
        serde_json::Value::Object(members) => members.values().find_map(|member| find(member, name)),
        serde_json::Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// Keys in the bucket below a prefix.
async fn keys(world: &World, server: &S3Server, prefix: &str) -> Vec<String> {
    let url = format!("{}/{BUCKET}?list-type=2&prefix={prefix}", server.endpoint);
    let listing = world.guest("").http().get(url).send().await.unwrap().text().await.unwrap();
    listing.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
}
