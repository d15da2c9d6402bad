//! Topics and articles with files, made one after another until a service has reached its point: the load alone has it seldom get there.
//! Like everything else they must be there once, with their files (I01, I02, I11).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::client::{Client, fresh_key};
use crate::invariants::all_items;
use crate::load::Crowd;
use crate::wait;

/// A write is acknowledged within this time: the other replica serves.
const ANSWERED: Duration = Duration::from_secs(45);
const TRY: Duration = Duration::from_secs(10);

/// Something that was acknowledged.
pub(super) struct Made {
    path: &'static str,
    key: String,
    body: Value,
    file: String,
    answer: Vec<u8>,
}

/// Works on what this service keeps until `reached`, which breaks things, is over; nothing to do for a service that the load keeps busy.
pub(super) async fn during(crowd: &Crowd, service: &str, reached: impl Future<Output = ()>) -> Vec<Made> {
    let path = match service {
        "community" => "topics",
        "knowledge" => "articles",
        _ => {
            reached.await;
            return Vec::new();
        }
    };
    let (over, mut made) = (AtomicBool::new(false), Vec::new());
    let making = async {
        while !over.load(Ordering::Relaxed) {
            made.push(one(crowd, path).await);
        }
    };
    let ending = async {
        reached.await;
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(making, ending);
    made
}

fn author<'c>(crowd: &'c Crowd, path: &str) -> &'c Client {
    let camp = &crowd.camps[0];
    if path == "topics" { &camp.customers[0] } else { &camp.agent }
}

async fn one(crowd: &Crowd, path: &'static str) -> Made {
    let (client, key) = (author(crowd, path), fresh_key());
    let title = format!("Nudge {key} of {}", crowd.camps[0].slug);
    let file = format!("File of {title}");
    let file_key = fresh_key();
    let send = || {
        let request = client.request(Method::POST, "uploads").query(&[("name", "note.txt")]).header("content-type", "text/plain");
        request.header("idempotency-key", &file_key).body(file.clone())
    };
    let uploaded: Value = serde_json::from_slice(&acknowledged("uploads", send).await).expect("an upload");
    let mut body = json!({"title": title, "body": format!("Text of {title}"), "uploads": [uploaded["upload_id"]]});
    if path == "topics" {
        let forums = client.get("forums").await.expect(200);
        body["type"] = "question".into();
        body["forum"] = forums["items"][0]["id"].clone();
    } else {
        body["state"] = "published".into();
    }
    let answer = acknowledged(path, || client.request(Method::POST, path).header("idempotency-key", &key).json(&body)).await;
    Made { path, key, body, file, answer }
}

/// Sends it under its key until it is acknowledged; what it answered.
async fn acknowledged(path: &str, request: impl Fn() -> RequestBuilder) -> Vec<u8> {
    wait::within(ANSWERED, &format!("POST {path} is acknowledged"), async || {
        let answer = request().timeout(TRY).send().await.ok()?;
        let status = answer.status();
        let bytes = answer.bytes().await.ok()?;
        let passes = matches!(status.as_u16(), 409 | 429 | 503);
        assert!(status.is_success() || passes, "POST {path}: {status} {}", String::from_utf8_lossy(&bytes));
        status.is_success().then(|| bytes.to_vec())
    })
    .await
}

/// Each is there once, answers its key with the same bytes, and its file has its content.
pub(super) async fn are_there_once(crowd: &Crowd, made: &[Made]) {
    for path in ["topics", "articles"] {
        let of_kind: Vec<&Made> = made.iter().filter(|one| one.path == path).collect();
        if of_kind.is_empty() {
            continue;
        }
        let client = author(crowd, path);
        let there = wait::until("all that was made is listed", async || {
            let there = all_items(client, &format!("{path}?")).await;
            of_kind.iter().all(|one| there.iter().any(|item| item["title"] == one.body["title"])).then_some(there)
        })
        .await;
        for one in of_kind {
            let times = there.iter().filter(|item| item["title"] == one.body["title"]).count();
            assert_eq!(times, 1, "{} is there {times} times (I01)", one.body["title"]);
            let again = client.post_once(path, &one.key, &one.body).await;
            assert_eq!(again.bytes, one.answer, "the same key has another answer (I02)");
            let file = format!("attachments/{}", again.body["attachments"][0]["id"].as_str().expect("a file"));
            wait::until(&format!("the file of {} is there", one.body["title"]), async || {
                let answer = client.get(&file).await;
                assert!(matches!(answer.status, 200 | 409), "{}: {} (I11)", answer.asked, answer.status);
                assert!(answer.status == 409 || answer.bytes == one.file.as_bytes(), "{} has other content (I11)", answer.asked);
                (answer.status == 200).then_some(())
            })
            .await;
        }
    }
}
