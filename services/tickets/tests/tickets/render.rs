//! What mails and bells say, with the permission of the moment (CR-21, NE-2 to NE-4, NE-9, I06).

use portico_proto::events::v1::tickets_event::Event;
use portico_proto::tickets::v1::Status;

use crate::common::World;

#[tokio::test]
async fn each_notice_can_be_rendered_for_each_of_its_people() {
    let world = World::new().await;
    world.wait_for_agents().await;
    let number = world.create(&world.alice, world.plain("Printer on fire")).await.unwrap().number;
    world.share(&world.alice, &number, "carol@globex.test").await.unwrap();
    world.reply(&world.agent, &number, "Is it **still** burning?", Status::WaitingCustomer).await.unwrap();
    world.comment(&world.alice, world.words(&number, "Yes")).await.unwrap();
    world.reply(&world.agent, &number, "Put it out", Status::Resolved).await.unwrap();
    let mut kinds = Vec::new();
    for (envelope, event) in world.events().await {
        for notice in &event.notices {
            for person in &notice.person_ids {
                let sent = world.render(&envelope.event_id, person, &notice.kind).await.unwrap();
                assert!(sent.subject.starts_with(&format!("[{number}]")) && sent.subject.contains("Printer on fire"), "{}", sent.subject);
                assert!(!sent.to_address.is_empty() && !sent.intro.is_empty() && sent.answerable);
                assert_eq!((sent.portal_title.as_str(), sent.action_path.as_str()), ("Demo", "/requests/DEMO-1"));
                assert_eq!(sent.thread_root, envelope.aggregate_id);
                if matches!(event.event, Some(Event::CommentAdded(_))) {
                    assert!(!sent.body_markdown.is_empty() && !sent.author_name.is_empty());
                }
                kinds.push((notice.kind.clone(), sent.to_name));
            }
        }
    }
    let got = |kind: &str, who: &str| kinds.iter().filter(|(k, w)| k == kind && w == who).count();
    assert_eq!((got("receipt", "Alice"), got("collaborator_added", "Carol")), (1, 1));
    assert_eq!((got("ticket_update", "Alice"), got("ticket_update", "Carol"), got("ticket_update", "Agnes")), (2, 3, 2), "{kinds:?}");
    world.end().await;
}

#[tokio::test]
async fn whoever_may_not_see_it_any_more_gets_nothing() {
    let world = World::new().await;
    let number = world.create(&world.alice, world.plain("Secret")).await.unwrap().number;
    let share = world.share(&world.alice, &number, "carol@globex.test").await.unwrap();
    world.comment(&world.agent, world.words(&number, "For you three")).await.unwrap();
    world.note(&world.agent, &number, "Hush").await.unwrap();
    let carol = world.carol.id.to_string();
    let events = world.events().await;
    let said = events.iter().find(|(_, event)| matches!(&event.event, Some(Event::CommentAdded(said)) if !said.internal)).unwrap();
    let note = events.iter().find(|(_, event)| matches!(&event.event, Some(Event::CommentAdded(said)) if said.internal)).unwrap();
    world.render(&said.0.event_id, &carol, "ticket_update").await.unwrap();
    world.unshare(&world.alice, &number, &share.id).await.unwrap();
    let gone = world.render(&said.0.event_id, &carol, "ticket_update").await.unwrap_err();
    assert_eq!(gone.http_status(), 404);
    let hushed = world.render(&note.0.event_id, &world.alice.id.to_string(), "ticket_update").await.unwrap_err();
    assert_eq!(hushed.http_status(), 404, "a note is for agents");
    // A reminder that no longer matters is not sent.
    assert!(world.render(&said.0.event_id, &world.alice.id.to_string(), "waiting_reminder").await.is_err());
    assert!(world.render(&uuid::Uuid::now_v7().to_string(), &carol, "ticket_update").await.is_err());
    world.end().await;
}

#[tokio::test]
async fn a_resolve_that_closes_at_once_offers_nothing_to_keep_open() {
    // LC-7 in a portal of profile product-help.
    let mut settings = crate::common::helpdesk();
    settings["timers"]["auto_resolve_seconds"] = 1.into();
    settings["timers"]["auto_close_seconds"] = 0.into();
    let world = World::with(settings, 1).await;
    let number = world.create(&world.alice, world.plain("Quiet")).await.unwrap().number;
    world.reply(&world.agent, &number, "Which one?", Status::WaitingCustomer).await.unwrap();
    let alice = world.alice.id.to_string();
    let event = portico_chassis::testing::eventually("the auto-resolve", || async {
        let told = |event: &portico_proto::events::v1::TicketsEvent| event.notices.iter().any(|notice| notice.kind == "auto_resolved");
        world.events().await.into_iter().find(|(_, event)| told(event)).map(|(envelope, _)| envelope.event_id)
    })
    .await;
    let sent = world.render(&event, &alice, "auto_resolved").await.unwrap();
    assert_eq!(world.get(&world.alice, &number).await.unwrap().status(), Status::Closed);
    assert_eq!(sent.action_label, "View the request");
    assert!(!sent.intro.join(" ").contains("unless you write"), "{:?}", sent.intro);
    world.end().await;
}

#[tokio::test]
async fn a_mail_names_whom_support_waits_for_where_the_status_does_not() {
    // LC-5.
    let world = World::new().await;
    let number = world.create(&world.alice, world.plain("Down")).await.unwrap().number;
    let waits = portico_proto::tickets::v1::AddCommentRequest {
        status: Status::WaitingThirdParty.into(),
        sub_status: "Hetzner".into(),
        ..world.words(&number, "We asked the data centre")
    };
    let ticket = world.comment(&world.agent, waits).await.unwrap().ticket.unwrap();
    assert_eq!(world.get(&world.alice, &number).await.unwrap().sub_status, "Hetzner");
    let (envelope, _) = world.events().await.into_iter().find(|(_, event)| matches!(event.event, Some(Event::CommentAdded(_)))).unwrap();
    let sent = world.render(&envelope.event_id, &world.alice.id.to_string(), "ticket_update").await.unwrap();
    let named = ticket.status_label.contains("Hetzner") || sent.facts.iter().any(|fact| fact.value == "Hetzner");
    assert!(named, "{:?}", sent.facts);
    world.end().await;
}
