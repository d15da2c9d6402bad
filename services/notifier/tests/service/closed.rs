//! What somebody hears whose mail came too late for a ticket (LC-17).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use crate::kit::door::{PROVEN, ingest, message, settled};
use crate::kit::smtp::Caught;
use crate::kit::{PORTAL, World, customer};
use portico_chassis::testing::eventually;
use portico_proto::identity::v1::PersonFacts;
use portico_proto::notifier::v1::{InboundState, PutPreferencesRequest};
use portico_proto::tickets::v1::{MailOutcome, SubmitMailResponse};

/// Alice, who wants no mail about her tickets, answers a closed one; the answer that she gets all the same.
async fn answered(reason: &str, locale: &str) -> (World, Caught) {
    let world = World::new().await;
    let alice = customer(1);
    let facts = PersonFacts {
        id: alice.id.to_string(),
        email: "alice@acme.test".into(),
        name: "Alice".into(),
        locale: locale.into(),
        ..PersonFacts::default()
    };
    world.identity.people.lock().unwrap().insert(alice.id.to_string(), facts);
    let off = PutPreferencesRequest {
        portal: PORTAL.into(),
        request_id: "off".into(),
        mail: [("ticket_update".to_owned(), false)].into(),
        ..PutPreferencesRequest::default()
    };
    world.preferences().put_preferences(world.stage.as_person(&alice, off)).await.unwrap();
    world.tickets.with(|state| {
        state.outcomes.push(Ok(SubmitMailResponse {
            outcome: MailOutcome::Ignored.into(),
            number: "DEMO-7".into(),
            reason: reason.into(),
            person_id: alice.id.to_string(),
            ..SubmitMailResponse::default()
        }));
    });
    let id = ingest(&world, message("z1@acme.test", "support@demo.portico.test", PROVEN, "Still broken.")).await;
    let mail = settled(&world, &id).await;
    assert_eq!((mail.state(), mail.reason.as_str(), mail.ticket_number.as_str()), (InboundState::Ignored, reason, "DEMO-7"));
    let answer = eventually("the answer", async || world.sink.caught().first().cloned()).await;
    assert_eq!(answer.to, ["alice@acme.test"]);
    assert_eq!(answer.header("X-Portico-Ticket").as_deref(), Some("DEMO-7"));
    assert!(answer.message().subject().unwrap().contains("DEMO-7"), "the number is in the subject too");
    assert!(!answer.message().body_text(0).unwrap().contains("Still broken"));
    (world, answer)
}

/// LC-17 by mail: who writes to a closed ticket hears that it was not added, whatever mails they switched off: their words are gone.
#[tokio::test]
async fn an_answer_to_a_closed_ticket_is_answered() {
    let (world, answer) = answered("ticket_closed_follow_up", "de").await;
    let message = answer.message();
    let text = message.body_text(0).unwrap();
    assert!(text.contains("Folgeanfrage anlegen") && text.contains("/portal/demo/requests/DEMO-7/follow-up"), "{text}");
    assert!(!text.contains("Einstellungen"), "it is no matter of the settings: {text}");
    world.end().await;
}

/// LC-17 by mail, where there is no follow-up: the button leads to the ticket.
#[tokio::test]
async fn an_answer_to_a_closed_ticket_without_a_follow_up_leads_to_the_ticket() {
    let (world, answer) = answered("ticket_closed", "en").await;
    let message = answer.message();
    let text = message.body_text(0).unwrap();
    assert!(text.contains("create a new request") && !text.contains("follow-up"), "{text}");
    assert!(text.contains("/portal/demo/requests/DEMO-7"), "{text}");
    world.end().await;
}
