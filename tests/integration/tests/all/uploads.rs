//! Files on their way in: what was signed stays what it is, a form that is sent twice is one request, a slow line is no refusal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::Duration;

use portico_integration_tests::client::{Answer, Client, fresh_key};
use portico_integration_tests::page::{attribute, text};
use portico_integration_tests::{World, wait};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde_json::json;

async fn upload(client: &Client, key: &str, name: &str, content: &'static [u8]) -> Answer {
    let request = client.request(Method::POST, "uploads").query(&[("name", name)]).header("content-type", "text/plain");
    client.send(request.header("idempotency-key", key).body(content)).await
}

/// The content of a ticket's first file, once it was looked at.
async fn content(client: &Client, number: &str) -> Vec<u8> {
    let timeline = client.get(&format!("tickets/{number}/timeline")).await.expect(200);
    let file = timeline["items"][0]["attachments"][0]["id"].as_str().unwrap().to_owned();
    wait::until("the file may be read", async || {
        let answer = client.get(&format!("attachments/{file}")).await;
        (answer.status == 200).then_some(answer.bytes)
    })
    .await
}

/// I11, S49: one key, two files. The second is refused, and the first one's ticket stands for the first one's content.
#[tokio::test]
async fn a_used_key_does_not_exchange_the_file_of_its_ticket() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let key = fresh_key();
    let first = upload(&alice, &key, "log.txt", b"all is well").await;
    assert_eq!(first.status, 201);
    for (name, other) in [("log.txt", &b"all is lost"[..]), ("other.txt", b"all is well")] {
        upload(&alice, &key, name, other).await.refused(422, "idempotency_key_reused");
    }
    let again = upload(&alice, &key, "log.txt", b"all is well").await;
    assert_eq!((again.status, &again.bytes), (201, &first.bytes), "the same again is the same answer");
    let body = json!({"subject": "Log", "description": "See the file.", "uploads": [first.body["upload_id"]]});
    let made = alice.post("tickets", body).await.expect(201);
    assert_eq!(content(&alice, made["number"].as_str().unwrap()).await, b"all is well");
}

/// A double click, and sending again after a lost answer: one request, also when the form brings its files each time.
#[tokio::test]
async fn a_form_with_files_that_is_sent_twice_is_one_request() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let mut own = portal.browser_of(&alice).await;
    let page = own.new_request().await;
    let fields = [("subject", "Lamp"), ("description", "It blinks.")];
    let (mut left, mut right) = (own.clone(), own.clone());
    let (one, two) = tokio::join!(
        left.post_file(&page, "/requests", &fields, "lamp.txt", b"blink".to_vec()),
        right.post_file(&page, "/requests", &fields, "lamp.txt", b"blink".to_vec()),
    );
    let three = own.post_file(&page, "/requests", &fields, "lamp.txt", b"blink".to_vec()).await;
    for answer in [&one, &two, &three] {
        assert_eq!((answer.status, answer.header("location")), (303, one.header("location")), "{}", text(answer));
    }
    let list = alice.get("tickets").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    let other = own.post_file(&page, "/requests", &fields, "lamp.txt", b"blank".to_vec()).await;
    assert_eq!(other.status, 422, "another file is another request");

    let number = list["items"][0]["number"].as_str().unwrap();
    let page = text(&own.get(&format!("/requests/{number}")).await);
    let action = format!("/requests/{number}/comments");
    for _ in 0..2 {
        let answer = own.post_file(&page, &action, &[("body", "Here")], "more.txt", b"more".to_vec()).await;
        assert_eq!(answer.status, 303, "{}", text(&answer));
    }
    let timeline = alice.get(&format!("tickets/{number}/timeline")).await.expect(200);
    let comments = timeline["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "comment").count();
    assert_eq!(comments, 1);
}

/// The same for a guest, whose human check the first sending has spent.
#[tokio::test]
async fn a_guests_form_with_files_that_is_sent_twice_is_one_request() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let proof = portal.guest().captcha("guest_ticket").await;
    let (token, number) = (proof["token"].as_str().unwrap().to_owned(), proof["number"].to_string());
    let email = portal.address("gus");
    let mut guest = portal.browser();
    let page = guest.new_request().await;
    let fields = [
        ("captcha_token", token.as_str()),
        ("captcha_number", &number),
        ("name", "Gus"),
        ("email", &email),
        ("subject", "Lamp"),
        ("description", "It blinks."),
    ];
    // The fields of the browser's own challenge give way to these.
    let page = page.replace("name=\"captcha_", "name=\"unused_");
    let one = guest.post_file(&page, "/requests", &fields, "lamp.txt", b"blink".to_vec()).await;
    let two = guest.post_file(&page, "/requests", &fields, "lamp.txt", b"blink".to_vec()).await;
    for answer in [&one, &two] {
        assert_eq!((answer.status, answer.header("location")), (303, one.header("location")), "{}", text(answer));
    }
}

/// A file on a slow line takes longer than an answer may: the services' time begins when the form is there.
#[tokio::test]
async fn a_form_that_arrives_slowly_is_taken() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let mut own = portal.browser_of(&alice).await;
    let page = own.new_request().await;
    let hidden = |name: &str| attribute(page.split_once(&format!("name=\"{name}\"")).unwrap().1, "value");
    let slow = futures_util::stream::unfold(0, async |at| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        (at < 12).then(|| (Ok::<_, std::io::Error>("a line of the log\n"), at + 1))
    });
    let form = Form::new()
        .text("_csrf", hidden("_csrf"))
        .text("_key", hidden("_key"))
        .text("subject", "Slow")
        .text("description", "It takes a while.")
        .part("files", Part::stream(Body::wrap_stream(slow)).file_name("log.txt"));
    let sent = own.send(own.request(Method::POST, "/requests").multipart(form)).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
}
