//! The first milestone: one ticket from the gateway through tickets, journal, NATS and notifier to a caught mail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::World;
use portico_integration_tests::client::number;
use serde_json::json;

/// CR-13, CR-14, CR-21, CR-22, NE-2
#[tokio::test]
async fn a_ticket_is_created_and_its_receipt_arrives() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;

    let body = json!({"subject": "The gateway shows no devices", "description": "Since this morning the **device list** is empty."});
    let ticket = alice.post("tickets", body).await.expect(201);
    assert_eq!(number(&ticket), format!("{}-1", portal.slug.to_uppercase()));
    assert_eq!(ticket["status"], "new");
    assert_eq!(ticket["status_category"], "open");
    assert_eq!(ticket["channel"], "portal");
    assert_eq!(ticket["verified"], true);
    assert_eq!(ticket["requester"]["email"], alice.email());
    assert!(ticket["description_html"].as_str().unwrap().contains("<strong>device list</strong>"));

    let receipt = portal.mailbox().about(alice.email(), "receipt", &number(&ticket)).await;
    assert!(receipt.subject.contains(&number(&ticket)), "the number is in the subject: {}", receipt.subject);
    assert!(receipt.raw.contains("Auto-Submitted: auto-generated"), "the mail says that it is automatic");
    assert!(!receipt.message_id.is_empty() && !receipt.text.is_empty() && !receipt.html.is_empty());

    let list = alice.get("tickets").await.expect(200);
    assert_eq!(list["items"][0]["number"], ticket["number"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}
