//! Bad input is named by field and changes nothing (S15, S36, S42, CR-18).
use crate::common::{World, fields, helpdesk, told};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::{Scope, Status, TicketFilter};

#[tokio::test]
async fn every_bad_field_of_a_new_ticket_is_named() {
    let world = World::new().await;
    let good = || world.plain("Good");
    let nobody = uuid::Uuid::now_v7().to_string();
    let cases: Vec<(wire::CreateTicketRequest, &str)> = vec![
        (wire::CreateTicketRequest { subject: " ".into(), ..good() }, "subject"),
        (wire::CreateTicketRequest { subject: "x".repeat(201), ..good() }, "subject"),
        (wire::CreateTicketRequest { subject: "a\nBcc: b".into(), ..good() }, "subject"),
        (wire::CreateTicketRequest { description: String::new(), ..good() }, "description"),
        (wire::CreateTicketRequest { description: "x".repeat(60_001), ..good() }, "description"),
        (wire::CreateTicketRequest { description: "a\0b".into(), ..good() }, "description"),
        (wire::CreateTicketRequest { product_id: "super".into(), ..good() }, "product"),
        (wire::CreateTicketRequest { product_id: nobody.clone(), ..good() }, "product"),
        (wire::CreateTicketRequest { department_id: nobody.clone(), ..good() }, "department"),
        (wire::CreateTicketRequest { category_id: nobody.clone(), ..good() }, "category"),
        (wire::CreateTicketRequest { priority: 77, ..good() }, "priority"),
        (wire::CreateTicketRequest { r#type: -1, ..good() }, "type"),
        (wire::CreateTicketRequest { contact_name: "x".repeat(121), ..good() }, "contact_name"),
        (wire::CreateTicketRequest { collaborators: vec!["not an address".into()], ..good() }, "collaborators"),
        (
            wire::CreateTicketRequest { uploads: vec![portico_proto::common::v1::UploadTicket { token: "forged".into() }], ..good() },
            "uploads",
        ),
        (wire::CreateTicketRequest { tags: vec!["vip".into()], ..good() }, "tags"),
        (wire::CreateTicketRequest { assignee_id: "me".into(), ..good() }, "assignee"),
        (wire::CreateTicketRequest { request_id: "ü".into(), ..good() }, "request_id"),
    ];
    for (request, field) in cases {
        let refused = world.create(&world.alice, request).await.unwrap_err();
        assert_eq!(fields(&refused), [field], "{refused:?}");
    }
    let asked = world.create(&world.alice, wire::CreateTicketRequest { requester: world.bob.id.to_string(), ..good() }).await;
    assert_eq!(asked.unwrap_err().http_status(), 403);
    let unknown = world.create(&world.agent, wire::CreateTicketRequest { requester: nobody, ..good() }).await;
    assert_eq!(fields(&unknown.unwrap_err()), ["requester"]);
    assert!(world.list(&world.agent, TicketFilter::default()).await.unwrap().is_empty(), "nothing was made");
    world.end().await;
}

#[tokio::test]
async fn what_the_policy_keeps_from_customers_is_not_allowed() {
    // CR-15, CR-16.
    let mut settings = helpdesk();
    settings["policies"]["priority_entry"] = "matrix".into();
    let world = World::with(settings, 1).await;
    let urgent = wire::CreateTicketRequest { priority: wire::Priority::Urgent.into(), ..world.plain("Now!") };
    let refused = world.create(&world.alice, urgent.clone()).await.unwrap_err();
    assert_eq!(fields(&refused), ["priority"]);
    let weighed = wire::CreateTicketRequest { impact: wire::Level::High.into(), urgency: wire::Level::High.into(), ..world.plain("Now!") };
    assert_eq!(world.create(&world.alice, weighed).await.unwrap().priority(), wire::Priority::Urgent);
    world.create(&world.agent, wire::CreateTicketRequest { requester: world.alice.id.to_string(), ..urgent }).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn bad_comments_closes_and_changes_are_refused_and_change_nothing() {
    let world = World::new().await;
    let number = world.create(&world.alice, world.plain("Steady")).await.unwrap().number;
    let before = world.get(&world.agent, &number).await.unwrap();
    let empty = world.comment(&world.alice, world.words(&number, " \n ")).await.unwrap_err();
    assert_eq!(fields(&empty), ["body"]);
    for (status, http) in [(Status::Resolved, 403), (Status::New, 403)] {
        let request = wire::AddCommentRequest { status: status.into(), ..world.words(&number, "Do it") };
        assert_eq!(world.comment(&world.alice, request).await.unwrap_err().http_status(), http);
    }
    assert_eq!(fields(&world.reply(&world.agent, &number, "Wait", Status::WaitingThirdParty).await.unwrap_err()), ["sub_status"]);
    assert_eq!(world.reply(&world.agent, &number, "New?", Status::New).await.unwrap_err().code(), "invalid_transition");
    assert_eq!(fields(&world.close(&world.alice, &number, 6, "").await.unwrap_err()), ["satisfaction"]);
    assert_eq!(world.reopen(&world.alice, &number, "why").await.unwrap_err().code(), "invalid_transition");
    assert_eq!(fields(&world.reopen(&world.alice, &number, "").await.unwrap_err()), ["comment"]);
    let set = |changes| world.update(&world.agent, &number, &["assignee_id", "nothing"], changes);
    let changes = wire::TicketChanges { assignee_id: "nobody".into(), ..Default::default() };
    assert_eq!(fields(&set(changes).await.unwrap_err()), ["assignee", "update_mask"]);
    let customer = wire::TicketChanges { assignee_id: world.alice.id.to_string(), ..Default::default() };
    assert_eq!(fields(&world.update(&world.agent, &number, &["assignee_id"], customer).await.unwrap_err()), ["assignee"]);
    let by_customer = world.update(&world.alice, &number, &["subject"], wire::TicketChanges::default()).await;
    assert_eq!(by_customer.unwrap_err().http_status(), 403);
    assert_eq!(world.get(&world.agent, &number).await.unwrap(), before, "nothing changed");
    world.end().await;
}

#[tokio::test]
async fn questions_are_text_and_no_pattern() {
    // VL-14, S42, S43.
    let world = World::new().await;
    world.create(&world.alice, world.plain("100% of_users")).await.unwrap();
    world.create(&world.alice, world.plain("Invoice")).await.unwrap();
    world.comment(&world.alice, world.words("DEMO-2", "The Überweisung was returned")).await.unwrap();
    let by = |filter: TicketFilter| TicketFilter { scope: Scope::Visible.into(), ..filter };
    for (filter, found) in [
        (TicketFilter { subject: "%".into(), ..Default::default() }, vec!["DEMO-1"]),
        (TicketFilter { subject: "_".into(), ..Default::default() }, vec!["DEMO-1"]),
        (TicketFilter { subject: "VOIC".into(), ..Default::default() }, vec!["DEMO-2"]),
        (TicketFilter { q: "überw".into(), ..Default::default() }, vec!["DEMO-2"]),
        (TicketFilter { q: "demo-1".into(), ..Default::default() }, vec!["DEMO-1"]),
        (TicketFilter { q: "invoice returned".into(), ..Default::default() }, vec!["DEMO-2"]),
        (TicketFilter { q: "'; DROP TABLE ticket; --".into(), ..Default::default() }, vec![]),
        (TicketFilter { q: "&|!:*".into(), ..Default::default() }, vec![]),
        (TicketFilter { number: "demo-2".into(), ..Default::default() }, vec!["DEMO-2"]),
        (TicketFilter { email: "Alice@acme.test".into(), ..Default::default() }, vec!["DEMO-2", "DEMO-1"]),
        (TicketFilter { priority: wire::Priority::Urgent.into(), ..Default::default() }, vec![]),
        (TicketFilter { state: wire::StatusCategory::Open.into(), ..Default::default() }, vec!["DEMO-2", "DEMO-1"]),
        (TicketFilter { state: wire::StatusCategory::Closed.into(), ..Default::default() }, vec![]),
        (TicketFilter { assignee: "none".into(), ..Default::default() }, vec!["DEMO-2", "DEMO-1"]),
        (TicketFilter { requester_id: world.alice.id.to_string(), ..Default::default() }, vec!["DEMO-2", "DEMO-1"]),
    ] {
        assert_eq!(world.list(&world.alice, by(filter.clone())).await.unwrap(), found, "{filter:?}");
        assert_eq!(world.count(&world.bob, by(filter)).await as usize, found.len());
    }
    let long = world.list(&world.alice, TicketFilter { q: "x".repeat(201), ..Default::default() }).await.unwrap_err();
    assert_eq!(fields(&long), ["q"]);
    let bad = world.list(&world.alice, TicketFilter { state: 9, assignee: "you".into(), ..Default::default() }).await.unwrap_err();
    assert_eq!(fields(&bad), ["assignee", "state"]);
    let page = Some(portico_proto::common::v1::PageRequest { page_size: 101, page_token: String::new() });
    let request = wire::ListTicketsRequest { portal: "demo".into(), page, ..Default::default() };
    let refused = told(world.tickets().list_tickets(world.stage.as_person(&world.alice, request)).await).unwrap_err();
    assert_eq!(fields(&refused), ["limit"]);
    world.end().await;
}
