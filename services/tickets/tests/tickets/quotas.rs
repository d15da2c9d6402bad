//! How much one person may write in an hour (`limits` of the settings); agents may write as much as they like.
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::{MailOutcome, Status};

use crate::common::{World, helpdesk, told};

fn limited(tickets: u32, comments: u32) -> serde_json::Value {
    let mut settings = helpdesk();
    settings["limits"] = serde_json::json!({"tickets_per_hour_per_person": tickets, "comments_per_hour_per_person": comments});
    settings
}

fn mail(id: &str, ticket: &str) -> wire::SubmitMailRequest {
    wire::SubmitMailRequest {
        portal: "demo".into(),
        request_id: id.into(),
        message_id: format!("{id}@mail.test"),
        from_address: "alice@acme.test".into(),
        proven: true,
        reply_ticket_id: ticket.into(),
        subject: "By mail".into(),
        body: "Once more".into(),
        ..wire::SubmitMailRequest::default()
    }
}

#[tokio::test]
async fn comments_have_an_hourly_limit_through_every_door() {
    let world = World::with(limited(100, 2), 1).await;
    let ticket = world.create(&world.alice, world.plain("Chatty")).await.unwrap();
    let repeated = world.words(&ticket.number, "One");
    let first = world.comment(&world.alice, repeated.clone()).await.unwrap();
    world.comment(&world.alice, world.words(&ticket.number, "Two")).await.unwrap();
    let refused = world.comment(&world.alice, world.words(&ticket.number, "Three")).await.unwrap_err();
    assert_eq!((refused.http_status(), refused.code()), (429, "rate_limited"));
    assert_eq!(world.comment(&world.alice, repeated).await.unwrap().item, first.item, "a repeated request is no other one");
    let by_mail = told(world.inbound().submit_mail(world.stage.as_service("notifier", mail("m1", &ticket.id))).await).unwrap();
    assert_eq!((by_mail.outcome(), by_mail.reason.as_str()), (MailOutcome::Ignored, "rate_limited"));
    for word in ["a", "b", "c"] {
        world.comment(&world.agent, world.words(&ticket.number, word)).await.unwrap();
    }
    world.reply(&world.agent, &ticket.number, "Done", Status::Resolved).await.unwrap();
    assert_eq!(world.reopen(&world.alice, &ticket.number, "No").await.unwrap_err().http_status(), 429, "a reopening says something too");
    world.comment(&world.bob, world.words(&ticket.number, "I am somebody else")).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn follow_ups_and_comments_that_become_tickets_count_as_tickets() {
    let world = World::with(limited(2, 100), 1).await;
    world.create(&world.alice, world.plain("First")).await.unwrap();
    world.close(&world.alice, "DEMO-1", 0, "").await.unwrap();
    world.comment(&world.alice, world.words("DEMO-1", "Again")).await.unwrap();
    assert_eq!(world.follow_up(&world.alice, "DEMO-1", world.plain("Third")).await.unwrap_err().http_status(), 429);
    assert_eq!(world.comment(&world.alice, world.words("DEMO-1", "And again")).await.unwrap_err().http_status(), 429);
    assert_eq!(world.create(&world.alice, world.plain("Third")).await.unwrap_err().http_status(), 429);
    // What an agent makes for her is not hers to pay for.
    let made = wire::CreateTicketRequest { requester: world.bob.id.to_string(), ..world.plain("For Bob") };
    world.create(&world.agent, made).await.unwrap();
    world.create(&world.bob, world.plain("One")).await.unwrap();
    world.create(&world.bob, world.plain("Two")).await.unwrap();
    assert_eq!(world.create(&world.bob, world.plain("Three")).await.unwrap_err().http_status(), 429);
    world.end().await;
}
