//! Guests: an unverified ticket waits until its address is proven (CR-20, IA-9, S18, S63).

use portico_chassis::testing::eventually;
use portico_proto::events::v1::tickets_event::Event;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::TicketFilter;

use crate::common::neighbour::facts;
use crate::common::{World, fields, helpdesk, told};

fn entry(email: &str, captcha: &str, number: &str) -> Option<wire::GuestEntry> {
    let captcha = Some(wire::CaptchaAnswer { token: captcha.into(), number: number.into(), code: String::new() });
    Some(wire::GuestEntry { email: email.into(), name: "Gus".into(), captcha })
}

async fn ask(world: &World, request: wire::CreateTicketRequest) -> Result<wire::Ticket, portico_chassis::error::Error> {
    told(world.tickets().create_ticket(world.stage.as_guest("street", request)).await).map(|answer| answer.ticket.unwrap())
}

#[tokio::test]
async fn a_guests_ticket_waits_and_is_claimed_when_the_address_is_proven() {
    let world = World::new().await;
    let request = wire::CreateTicketRequest { guest: entry("Gus@Guest.test", "c1", "42"), ..world.plain("Help a guest") };
    let made = ask(&world, request.clone()).await.unwrap();
    assert!(!made.verified && made.subject.is_empty() && made.requester.is_none(), "a guest learns nothing but the number");
    assert_eq!(ask(&world, request).await.unwrap(), made, "the same key again costs no other captcha");
    let (envelope, event) = world.events().await.into_iter().next().unwrap();
    assert!(matches!(&event.event, Some(Event::TicketCreated(created)) if !created.verified));
    assert!(event.notices.is_empty(), "nobody is mailed before the address is proven");

    let asked = wire::GetUnverifiedAddressRequest { portal: "demo".into(), ticket_id: envelope.aggregate_id.clone() };
    let address = told(world.guests().get_unverified_address(world.stage.as_service("identity", asked.clone())).await).unwrap();
    assert_eq!((address.email.as_str(), address.name.as_str()), ("gus@guest.test", "Gus"));
    let refused = told(world.guests().get_unverified_address(world.stage.as_service("community", asked.clone())).await);
    assert_eq!(refused.unwrap_err().http_status(), 403);

    assert!(world.list(&world.agent, TicketFilter::default()).await.unwrap().is_empty(), "it waits in a queue of its own");
    let queue = TicketFilter { unverified: true, ..TicketFilter::default() };
    assert_eq!(world.list(&world.agent, queue.clone()).await.unwrap(), ["DEMO-1"]);
    assert_eq!(world.list(&world.alice, queue).await.unwrap_err().http_status(), 403);

    // Whoever proves the address sees it at once, before any event.
    let mut gus = portico_chassis::testing::person(20, portico_chassis::auth::Role::Customer);
    gus.name = "Gus G.".into();
    gus.email = "gus@guest.test".into();
    assert_eq!(world.list(&gus, TicketFilter::default()).await.unwrap(), ["DEMO-1"]);
    assert!(!world.get(&gus, "DEMO-1").await.unwrap().verified);

    world.neighbour.add(facts(&gus));
    world.neighbour.proven("demo", &gus.id.to_string());
    let claimed = eventually("the claim", || async { world.get(&gus, "DEMO-1").await.ok().filter(|ticket| ticket.verified) }).await;
    assert_eq!(claimed.requester.unwrap().id, gus.id.to_string());
    assert_eq!(world.list(&world.agent, TicketFilter::default()).await.unwrap(), ["DEMO-1"]);
    let gone = told(world.guests().get_unverified_address(world.stage.as_service("identity", asked)).await);
    assert_eq!(gone.unwrap_err().http_status(), 404);
    let receipts: Vec<_> =
        world.events().await.into_iter().flat_map(|(_, event)| event.notices).filter(|notice| notice.kind == "receipt").collect();
    assert_eq!((receipts.len(), receipts[0].person_ids.clone()), (1, vec![gus.id.to_string()]));
    world.end().await;
}

#[tokio::test]
async fn writing_on_it_claims_it_too() {
    let world = World::new().await;
    let request = wire::CreateTicketRequest { guest: entry("alice@acme.test", "c1", "42"), ..world.plain("Forgot to sign in") };
    ask(&world, request).await.unwrap();
    let said = world.comment(&world.alice, world.words("DEMO-1", "It is me")).await.unwrap().ticket.unwrap();
    assert!(said.verified);
    assert_eq!(said.requester.unwrap().name, "Alice");
    assert_eq!(said.organization.unwrap().name, "ACME");
    world.end().await;
}

#[tokio::test]
async fn a_guest_needs_the_check_and_a_portal_that_takes_guests() {
    let world = World::new().await;
    let wrong = wire::CreateTicketRequest { guest: entry("gus@guest.test", "c1", "41"), ..world.plain("x") };
    assert_eq!(fields(&ask(&world, wrong).await.unwrap_err()), ["captcha"]);
    let missing = wire::CreateTicketRequest {
        guest: Some(wire::GuestEntry { email: "no".into(), name: String::new(), captcha: None }),
        ..world.plain("x")
    };
    let mut named = fields(&ask(&world, missing).await.unwrap_err()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    named.sort();
    assert_eq!(named, ["captcha", "email", "name"]);
    let first = wire::CreateTicketRequest { guest: entry("gus@guest.test", "c2", "42"), ..world.plain("x") };
    ask(&world, first).await.unwrap();
    let replayed = wire::CreateTicketRequest { guest: entry("gus@guest.test", "c2", "42"), ..world.plain("y") };
    assert_eq!(fields(&ask(&world, replayed).await.unwrap_err()), ["captcha"], "an answer is good once");
    assert_eq!(ask(&world, world.plain("Who am I?")).await.unwrap_err().http_status(), 401);
    let signed_in = wire::CreateTicketRequest { guest: entry("gus@guest.test", "c3", "42"), ..world.plain("x") };
    assert_eq!(fields(&world.create(&world.alice, signed_in).await.unwrap_err()), ["email"]);
    world.end().await;

    let mut closed = helpdesk();
    closed["policies"]["guest_requests"] = false.into();
    let world = World::with(closed, 1).await;
    let request = wire::CreateTicketRequest { guest: entry("gus@guest.test", "c1", "42"), ..world.plain("x") };
    assert_eq!(ask(&world, request).await.unwrap_err().http_status(), 401);
    assert!(world.neighbour.known.lock().unwrap().spent.is_empty(), "nothing was spent on it");
    world.end().await;
}

/// S63: a captcha is not yet a proof of the address, so nobody hears of what stands in the form.
#[tokio::test]
async fn whom_a_guest_names_hears_nothing_before_the_address_is_proven_and_they_are_confirmed() {
    let world = World::new().await;
    let named = |captcha: &str, number: &str| wire::CreateTicketRequest {
        guest: entry("gus@guest.test", captcha, number),
        collaborators: vec!["carol@globex.test".into(), "victim@else.test".into(), "gus@guest.test".into()],
        ..world.plain("Buy my pills")
    };
    assert_eq!(fields(&ask(&world, named("c1", "41")).await.unwrap_err()), ["captcha"]);
    assert!(!world.neighbour.knows("victim@else.test"), "a wrong captcha makes and invites nobody");
    let number = ask(&world, named("c2", "42")).await.unwrap().number;
    assert!(world.events().await.iter().all(|(_, event)| event.notices.is_empty()), "nobody is told");
    assert!(world.to_be_invited().await.is_empty());
    assert_eq!(world.get(&world.carol, &number).await.unwrap_err().http_status(), 404);

    // An agent may share it, but what nobody has proven to have written is not passed on.
    world.share(&world.agent, &number, "bob@acme.test").await.unwrap();
    let (shared, _) = world.events().await.pop().unwrap();
    let sent = world.render(&shared.event_id, &world.bob.id.to_string(), "collaborator_added").await.unwrap();
    assert_eq!((sent.body_markdown.as_str(), sent.author_name.as_str()), ("", ""));

    let mut gus = portico_chassis::testing::person(20, portico_chassis::auth::Role::Customer);
    gus.email = "gus@guest.test".into();
    world.comment(&gus, world.words(&number, "It is me")).await.unwrap();
    assert!(!world.told_with("collaborator_added").await.contains(&world.carol.id.to_string()), "the proof alone shares nothing");
    let shares = world.shares(&gus, &number).await.unwrap();
    let mut pending: Vec<_> = shares.iter().filter(|share| share.state() == wire::CollaboratorState::Pending).collect();
    pending.sort_by_key(|share| share.email.clone());
    assert_eq!(pending.iter().map(|share| share.email.as_str()).collect::<Vec<_>>(), ["carol@globex.test", "victim@else.test"]);
    for share in pending {
        assert_eq!(world.confirm(&gus, &number, &share.id).await.unwrap().state(), wire::CollaboratorState::Active);
    }
    world.get(&world.carol, &number).await.unwrap();
    assert!(world.told_with("collaborator_added").await.contains(&world.carol.id.to_string()));
    assert_eq!(world.to_be_invited().await.len(), 1, "whoever has no account is invited now");
    world.end().await;
}

#[tokio::test]
async fn support_is_told_when_a_guests_ticket_becomes_verified_and_the_guest_gets_the_receipt() {
    let world = World::new().await;
    world.wait_for_agents().await;
    let request = wire::CreateTicketRequest { guest: entry("alice@acme.test", "c1", "42"), ..world.plain("Forgot to sign in") };
    let number = ask(&world, request).await.unwrap().number;
    assert!(world.told_with("ticket_update").await.is_empty());
    world.comment(&world.alice, world.words(&number, "It is me")).await.unwrap();
    assert_eq!(world.told_with("receipt").await, [world.alice.id.to_string()], "also for whoever proves it by writing");
    let (verified, event) =
        world.events().await.into_iter().find(|(_, event)| matches!(event.event, Some(Event::TicketVerified(_)))).unwrap();
    let told = event.notices.iter().find(|notice| notice.kind == "ticket_update").unwrap();
    assert!(told.person_ids.contains(&world.agent.id.to_string()));
    let sent = world.render(&verified.event_id, &world.agent.id.to_string(), "ticket_update").await.unwrap();
    assert!(sent.subject.contains("New request"), "{}", sent.subject);
    world.end().await;
}
