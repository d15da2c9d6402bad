//! The story of one case, from the first word to the follow-up (CR-13 to CR-22, LC-2 to LC-18, CF-1 to CF-9).

use crate::common::{World, told};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::{ItemKind, Status};

#[tokio::test]
async fn a_case_travels_its_whole_way() {
    let world = World::new().await;
    let made = world.create(&world.alice, world.plain("The printer does not print")).await.unwrap();
    assert_eq!(made.number, "DEMO-1");
    assert_eq!((made.status(), made.status_label.as_str()), (Status::New, "Open"));
    assert_eq!(made.organization.as_ref().unwrap().name, "ACME");
    assert!(made.verified && made.actions.as_ref().unwrap().comment);
    assert_eq!(world.get(&world.alice, "demo-1").await.unwrap(), made, "what was answered is what is read");

    // LC-3: the agent's first reply takes it.
    let answered = world.comment(&world.agent, world.words("DEMO-1", "Have you switched it on?")).await.unwrap();
    let ticket = answered.ticket.unwrap();
    assert_eq!(ticket.status(), Status::Assigned);
    assert_eq!(ticket.assignee.unwrap().name, "Agnes");

    // LC-4, LC-9: a question, and the answer moves it back.
    let asked = world.reply(&world.agent, "DEMO-1", "Which model is it?", Status::WaitingCustomer).await.unwrap().ticket.unwrap();
    assert_eq!((asked.status_label.as_str(), asked.due.len()), ("On hold", 4));
    let said = world.comment(&world.alice, world.words("DEMO-1", "An LX-800")).await.unwrap().ticket.unwrap();
    assert_eq!((said.status(), said.due.len()), (Status::PendingSupport, 0));

    world.note(&world.agent, "DEMO-1", "Call the vendor").await.unwrap();
    let resolved = world.reply(&world.agent, "DEMO-1", "New ribbon sent", Status::Resolved).await.unwrap().ticket.unwrap();
    assert_eq!((resolved.status(), resolved.reason()), (Status::Resolved, wire::Reason::Answered));

    // LC-12, LC-13: reopened with a comment, resolved again.
    let reopened = world.reopen(&world.alice, "DEMO-1", "It still does not print").await.unwrap();
    assert_eq!((reopened.status(), reopened.reopen_count), (Status::PendingSupport, 1));
    world.reply(&world.agent, "DEMO-1", "Now the right ribbon", Status::Resolved).await.unwrap();

    // LC-14, LC-15, LC-16: closed by the customer with a score, and final.
    let closed = world.close(&world.alice, "DEMO-1", 4, "Took two ribbons").await.unwrap();
    assert_eq!((closed.status(), closed.satisfaction.as_ref().unwrap().score), (Status::Closed, 4));
    assert!(closed.actions.as_ref().unwrap().follow_up);
    assert_eq!(world.reopen(&world.alice, "DEMO-1", "Again!").await.unwrap_err().code(), "invalid_transition");

    // LC-17: a comment on the closed one makes a new one, linked both ways.
    let late = world.comment(&world.alice, world.words("DEMO-1", "It stopped again")).await.unwrap();
    assert_eq!(late.follow_up_number, "DEMO-2");
    let new = world.get(&world.alice, "DEMO-2").await.unwrap();
    assert_eq!((new.follow_up_of.as_str(), new.subject.as_str()), ("DEMO-1", "The printer does not print"));
    assert_eq!(new.description, "It stopped again");
    assert_eq!(world.get(&world.alice, "DEMO-1").await.unwrap().follow_ups, ["DEMO-2"]);

    let kinds: Vec<ItemKind> = world.timeline(&world.alice, "DEMO-1").await.unwrap().iter().map(wire::TimelineItem::kind).collect();
    assert_eq!(kinds.first(), Some(&ItemKind::Created));
    assert_eq!(kinds.last(), Some(&ItemKind::FollowUp));
    assert_eq!(kinds.iter().filter(|kind| **kind == ItemKind::Comment).count(), 6, "six public comments, no note: {kinds:?}");
    world.end().await;
}

#[tokio::test]
async fn a_follow_up_keeps_what_is_not_said_anew() {
    // LC-18, CR-26.
    let world = World::new().await;
    let request = wire::CreateTicketRequest { contact_name: "Mr Fox".into(), ..world.plain("Invoice 7") };
    world.create(&world.alice, request).await.unwrap();
    let follow_up = |request_id: String| wire::CreateFollowUpRequest {
        number: "DEMO-1".into(),
        ticket: Some(wire::CreateTicketRequest {
            portal: "demo".into(),
            request_id,
            description: "It is wrong again".into(),
            ..wire::CreateTicketRequest::default()
        }),
    };
    let refused = crate::common::told(world.tickets().create_follow_up(world.stage.as_person(&world.alice, follow_up(world.key()))).await);
    assert_eq!(refused.unwrap_err().code(), "invalid_transition");
    world.reply(&world.agent, "DEMO-1", "Corrected", Status::Resolved).await.unwrap();
    let made =
        crate::common::told(world.tickets().create_follow_up(world.stage.as_person(&world.alice, follow_up(world.key()))).await).unwrap();
    let made = made.ticket.unwrap();
    assert_eq!((made.number.as_str(), made.subject.as_str(), made.contact_name.as_str()), ("DEMO-2", "Invoice 7", "Mr Fox"));
    assert_eq!(made.follow_up_of, "DEMO-1");
    assert_eq!(world.get(&world.alice, "DEMO-1").await.unwrap().status(), Status::Resolved);
    world.end().await;
}

#[tokio::test]
async fn a_timeline_is_read_from_either_end_cf_4() {
    let world = World::new().await;
    let made = world.create(&world.alice, world.plain("Long")).await.unwrap();
    for body in ["one", "two", "three"] {
        world.comment(&world.alice, world.words(&made.number, body)).await.unwrap();
    }
    let oldest: Vec<String> = world.timeline(&world.alice, &made.number).await.unwrap().into_iter().map(|item| item.id).collect();
    let ask = |newest_first, token: &str| {
        let request = wire::GetTimelineRequest {
            portal: "demo".to_owned(),
            number: made.number.clone(),
            page: Some(portico_proto::common::v1::PageRequest { page_size: 2, page_token: token.to_owned() }),
            newest_first,
        };
        let request = world.stage.as_person(&world.alice, request);
        let mut client = world.conversation();
        async move { told(client.get_timeline(request).await) }
    };
    let (mut newest, mut token) = (Vec::new(), String::new());
    loop {
        let page = ask(true, &token).await.unwrap();
        newest.extend(page.items.into_iter().map(|item| item.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        assert!(ask(false, &token).await.is_err(), "a token is good for its own order");
    }
    newest.reverse();
    assert_eq!(newest, oldest);
    world.end().await;
}

/// LC-12: a customer who writes on a resolved ticket is told that it stays so, and may reopen it where the portal has it so.
#[tokio::test]
async fn the_hint_to_reopen_comes_with_whether_one_may() {
    for (policy, requester_may) in [("explicit_with_comment", true), ("never", false)] {
        let mut settings = crate::common::helpdesk();
        settings["policies"]["reopen"] = policy.into();
        let world = World::with(settings, 1).await;
        let number = world.create(&world.alice, world.plain("Mine")).await.unwrap().number;
        world.share(&world.alice, &number, "carol@globex.test").await.unwrap();
        world.reply(&world.agent, &number, "Done", Status::Resolved).await.unwrap();
        let cases = [(&world.alice, true, requester_may), (&world.bob, true, requester_may), (&world.carol, true, false)];
        for (who, hint, may) in cases {
            let answer = world.comment(who, world.words(&number, "By the way")).await.unwrap();
            let ticket = answer.ticket.unwrap();
            assert_eq!(ticket.status(), Status::Resolved);
            assert_eq!((answer.reopen_hint, ticket.actions.unwrap().reopen), (hint, may), "{} {policy}", who.name);
        }
        assert!(!world.comment(&world.agent, world.words(&number, "Noted")).await.unwrap().reopen_hint);
        world.end().await;
    }
}
