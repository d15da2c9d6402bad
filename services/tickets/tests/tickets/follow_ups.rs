//! Follow-ups and the new cases that comments on closed tickets become (LC-17, LC-18, CR-26).
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::{Channel, Status, TicketFilter};

use crate::common::{World, fields, told};

/// A ticket of Alice that is resolved, shared with Carol.
async fn resolved(world: &World) -> String {
    let number = world.create(&world.alice, world.plain("Invoice 7")).await.unwrap().number;
    world.share(&world.alice, &number, "carol@globex.test").await.unwrap();
    world.reply(&world.agent, &number, "Corrected", Status::Resolved).await.unwrap();
    number
}

fn again(world: &World) -> wire::CreateTicketRequest {
    wire::CreateTicketRequest { subject: String::new(), ..world.plain("It is wrong again") }
}

#[tokio::test]
async fn collaborators_are_copied_and_those_who_are_named_come_along() {
    let world = World::new().await;
    let number = resolved(&world).await;
    let request = wire::CreateTicketRequest { collaborators: vec!["dora@else.test".into(), "carol@globex.test".into()], ..again(&world) };
    let made = world.follow_up(&world.alice, &number, request).await.unwrap();
    let mut shares: Vec<String> = world.shares(&world.alice, &made.number).await.unwrap().into_iter().map(|share| share.email).collect();
    shares.sort();
    assert_eq!(shares, ["carol@globex.test", "dora@else.test"]);
    assert_eq!((made.organization.unwrap().name.as_str(), made.follow_up_of.as_str()), ("ACME", number.as_str()));
    assert_eq!(world.to_be_invited().await.len(), 1, "Dora has no account");
    assert_eq!(world.get(&world.carol, &made.number).await.unwrap().follow_up_of, number, "who shares both is told of both");
    world.end().await;
}

/// Hardware > Printers > Paper: the ids of the product and its category.
async fn printers(world: &World) -> (String, String) {
    let (catalog, portal) = (world.catalog(), || "demo".to_owned());
    let department = wire::CreateDepartmentRequest { portal: portal(), request_id: world.key(), name: "Hardware".into() };
    let department = told(catalog.clone().create_department(world.stage.as_person(&world.admin, department)).await).unwrap();
    let product =
        wire::CreateProductRequest { portal: portal(), request_id: world.key(), name: "Printers".into(), department_id: department.id };
    let product = told(catalog.clone().create_product(world.stage.as_person(&world.admin, product)).await).unwrap();
    let category = wire::CreateCategoryRequest {
        portal: portal(),
        request_id: world.key(),
        name: "Paper".into(),
        product_id: product.id.clone(),
        parent_id: String::new(),
    };
    let category = told(catalog.clone().create_category(world.stage.as_person(&world.admin, category)).await).unwrap();
    (product.id, category.id)
}

/// LC-17, LC-18: a follow-up, and a comment that becomes a new case, stand where the closed one stood.
#[tokio::test]
async fn product_and_category_are_copied() {
    let world = World::new().await;
    let (product_id, category_id) = printers(&world).await;
    let request = wire::CreateTicketRequest { product_id, category_id, ..world.plain("Jam") };
    let number = world.create(&world.alice, request).await.unwrap().number;
    world.close(&world.alice, &number, 0, "").await.unwrap();
    let made = world.follow_up(&world.alice, &number, again(&world)).await.unwrap().number;
    let late = world.comment(&world.alice, world.words(&number, "It jams again")).await.unwrap().follow_up_number;
    for number in [made, late] {
        let new = world.get(&world.alice, &number).await.unwrap();
        let names = [new.department.unwrap().name, new.product.unwrap().name, new.category.unwrap().name];
        assert_eq!(names, ["Hardware", "Printers", "Paper"], "{number}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_follow_up_that_is_refused_makes_and_invites_nobody() {
    let world = World::new().await;
    let open = world.create(&world.alice, world.plain("Open")).await.unwrap().number;
    let named = || wire::CreateTicketRequest { collaborators: vec!["dora@else.test".into()], ..again(&world) };
    assert_eq!(world.follow_up(&world.alice, &open, named()).await.unwrap_err().code(), "invalid_transition");
    let number = resolved(&world).await;
    assert_eq!(world.follow_up(&world.carol, &number, named()).await.unwrap_err().http_status(), 403, "a collaborator goes on by writing");
    let tagged = wire::CreateTicketRequest { tags: vec!["vip".into()], ..named() };
    assert_eq!(fields(&world.follow_up(&world.alice, &number, tagged).await.unwrap_err()), ["tags"]);
    assert!(!world.neighbour.knows("dora@else.test"));
    assert!(world.to_be_invited().await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_agent_makes_it_for_the_requester_or_for_whom_they_name() {
    let world = World::new().await;
    let number = resolved(&world).await;
    let owned = wire::CreateTicketRequest { tags: vec!["vip".into()], assignee_id: world.agent2.id.to_string(), ..again(&world) };
    let made = world.follow_up(&world.agent, &number, owned).await.unwrap();
    assert_eq!(made.channel(), Channel::Agent, "somebody else asks");
    assert_eq!(made.requester.unwrap().id, world.alice.id.to_string());
    assert_eq!((made.tags, made.assignee.unwrap().name.as_str(), made.status), (vec!["vip".to_owned()], "Aron", Status::Assigned.into()));
    assert_eq!(made.organization.unwrap().name, "ACME");

    let named = wire::CreateTicketRequest { requester: "new@else.test".into(), ..again(&world) };
    let made = world.follow_up(&world.agent, &number, named).await.unwrap();
    assert_eq!((made.requester.unwrap().email.as_str(), made.organization), ("new@else.test", None));
    assert_eq!(world.to_be_invited().await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_colleague_goes_on_and_whoever_asked_first_sees_it() {
    let world = World::new().await;
    world.wait_for_agents().await;
    let number = resolved(&world).await;
    world.close(&world.alice, &number, 0, "").await.unwrap();
    let late = world.comment(&world.bob, world.words(&number, "It stopped again")).await.unwrap();
    let new = world.get(&world.bob, &late.follow_up_number).await.unwrap();
    assert_eq!(new.requester.unwrap().name, "Bob");
    let seen = world.get(&world.alice, &late.follow_up_number).await.unwrap();
    assert_eq!(seen.follow_up_of, number);
    assert!(world.told_with("collaborator_added").await.contains(&world.alice.id.to_string()));
    // Nobody owns the new one, so all of support hears of it, although the parent has an agent.
    let (_, event) =
        world.events().await.into_iter().rfind(|(_, event)| event.notices.iter().any(|notice| notice.kind == "receipt")).unwrap();
    let told = event.notices.iter().find(|notice| notice.kind == "ticket_update").unwrap();
    let support = [world.agent.id.to_string(), world.agent2.id.to_string()];
    assert!(support.iter().all(|agent| told.person_ids.contains(agent)), "{:?}", told.person_ids);
    world.end().await;
}

#[tokio::test]
async fn a_link_is_shown_to_those_who_see_the_other_end_in_lists_too() {
    let world = World::new().await;
    let number = resolved(&world).await;
    let own = world.follow_up(&world.alice, &number, again(&world)).await.unwrap().number;
    let foreign = wire::CreateTicketRequest { requester: world.carol.id.to_string(), ..again(&world) };
    // Carol's, whom an agent named: Alice, who asked for the parent, has a share of it.
    let foreign = world.follow_up(&world.agent, &number, foreign).await.unwrap().number;
    let rows = async |who| {
        let request = wire::ListTicketsRequest {
            portal: "demo".into(),
            filter: Some(TicketFilter { scope: wire::Scope::Visible.into(), ..TicketFilter::default() }),
            ..wire::ListTicketsRequest::default()
        };
        told(world.tickets().list_tickets(world.stage.as_person(who, request)).await).unwrap().tickets
    };
    for (who, links, others) in [
        (&world.agent, vec![own.clone(), foreign.clone()], 2),
        (&world.alice, vec![own.clone(), foreign.clone()], 2),
        (&world.carol, vec![own.clone(), foreign.clone()], 2),
    ] {
        let list = rows(who).await;
        let parent = list.iter().find(|row| row.number == number).unwrap();
        assert_eq!(parent.follow_ups, links, "{}", who.name);
        assert_eq!(world.get(who, &number).await.unwrap().follow_ups, links, "{}", who.name);
        assert_eq!(list.iter().filter(|row| row.follow_up_of == number).count(), others, "{}", who.name);
        for link in links {
            world.get(who, &link).await.unwrap();
        }
    }
    // Alice leaves Carol's ticket: the link leaves with her.
    let share = world.shares(&world.alice, &foreign).await.unwrap().into_iter().find(|share| share.me).unwrap();
    world.unshare(&world.alice, &foreign, &share.id).await.unwrap();
    assert_eq!(world.get(&world.alice, &number).await.unwrap().follow_ups, std::slice::from_ref(&own));
    let listed = rows(&world.alice).await;
    assert_eq!(listed.iter().find(|row| row.number == number).unwrap().follow_ups, [own]);
    let numbers: Vec<String> = world.timeline(&world.alice, &number).await.unwrap().into_iter().map(|item| item.related_number).collect();
    assert!(!numbers.contains(&foreign), "the history does not name it either");
    world.end().await;
}
