//! Who sees which ticket, and what of it (CO-1 to CO-6, S38, S51).
use crate::common::{World, fields, told};
use portico_chassis::auth::Person;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::{Scope, TicketFilter};

fn scope(scope: Scope) -> TicketFilter {
    TicketFilter { scope: scope.into(), ..TicketFilter::default() }
}

#[tokio::test]
async fn alice_sees_her_own_bob_his_organisation_and_carol_nothing_of_theirs() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Of Alice")).await.unwrap();
    world.create(&world.bob, world.plain("Of Bob")).await.unwrap();
    world.create(&world.carol, world.plain("Of Carol")).await.unwrap();
    for (who, visible) in [
        (&world.alice, vec!["DEMO-1"]),
        (&world.bob, vec!["DEMO-2", "DEMO-1"]),
        (&world.carol, vec!["DEMO-3"]),
        (&world.agent, vec!["DEMO-3", "DEMO-2", "DEMO-1"]),
    ] {
        assert_eq!(world.list(who, scope(Scope::Visible)).await.unwrap(), visible, "{}", who.name);
        for number in ["DEMO-1", "DEMO-2", "DEMO-3"] {
            let readable = visible.contains(&number);
            assert_eq!(world.get(who, number).await.is_ok(), readable, "{} {number}", who.name);
            assert_eq!(world.timeline(who, number).await.is_ok(), readable);
            assert_eq!(world.comment(who, world.words(number, "Hello")).await.is_ok(), readable);
            let count = world.count(who, TicketFilter { number: number.into(), ..scope(Scope::Visible) }).await;
            assert_eq!(count == 1, readable);
        }
    }
    assert_eq!(world.list(&world.alice, TicketFilter::default()).await.unwrap(), ["DEMO-1"], "a customer's default is mine");
    assert_eq!(world.list(&world.bob, scope(Scope::Organization)).await.unwrap(), ["DEMO-2", "DEMO-1"]);
    assert_eq!(
        world.list(&world.alice, scope(Scope::Organization)).await.unwrap(),
        ["DEMO-1"],
        "without organization visibility only her own"
    );
    assert_eq!(world.list(&world.alice, scope(Scope::All)).await.unwrap_err().http_status(), 403);
    let absent = world.get(&world.carol, "DEMO-99").await.unwrap_err();
    assert_eq!(world.get(&world.carol, "DEMO-1").await.unwrap_err(), absent, "hidden and absent look alike");
    world.end().await;
}

#[tokio::test]
async fn a_token_of_another_portal_is_worth_nothing_here() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Of Alice")).await.unwrap();
    world.neighbour.set("other", &crate::common::helpdesk());
    let mut stranger = world.alice.clone();
    stranger.portal = "other".parse().unwrap();
    assert_eq!(world.get(&stranger, "DEMO-1").await.unwrap_err().http_status(), 401);
    let request = wire::GetTicketRequest { portal: "other".into(), number: "DEMO-1".into() };
    let there = told(world.tickets().get_ticket(world.stage.as_person(&stranger, request)).await);
    assert_eq!(there.unwrap_err().http_status(), 404);
    let nowhere = wire::GetTicketRequest { portal: "nowhere".into(), number: "DEMO-1".into() };
    let guest = told(world.tickets().get_ticket(world.stage.as_guest("street", nowhere)).await);
    assert_eq!(guest.unwrap_err().http_status(), 401);
    world.end().await;
}

#[tokio::test]
async fn a_collaborator_sees_this_ticket_only_until_the_share_ends() {
    // CO-3, CO-4, CO-5.
    let world = World::new().await;
    world.create(&world.alice, world.plain("Shared")).await.unwrap();
    world.create(&world.alice, world.plain("Private")).await.unwrap();
    let share = world.share(&world.alice, "DEMO-1", "Carol@Globex.test").await.unwrap();
    assert_eq!((share.email.as_str(), share.name.as_str(), share.state()), ("carol@globex.test", "", wire::CollaboratorState::Active));
    assert_eq!(world.list(&world.carol, scope(Scope::Collaborating)).await.unwrap(), ["DEMO-1"]);
    assert_eq!(world.list(&world.alice, scope(Scope::Shared)).await.unwrap(), ["DEMO-1"]);
    let seen = world.get(&world.carol, "DEMO-1").await.unwrap();
    assert_eq!(seen.requester.as_ref().unwrap().email, "", "an outsider is not told addresses");
    let may = seen.actions.unwrap();
    assert!(may.comment && may.leave && !may.close && !may.reopen && !may.add_collaborator && !may.rate);
    assert!(world.get(&world.carol, "DEMO-2").await.is_err());
    world.comment(&world.carol, world.words("DEMO-1", "I can help")).await.unwrap();
    assert_eq!(world.close(&world.carol, "DEMO-1", 0, "").await.unwrap_err().http_status(), 403);
    assert_eq!(world.share(&world.carol, "DEMO-1", "eve@else.test").await.unwrap_err().http_status(), 403);

    let shares = world.shares(&world.alice, "DEMO-1").await.unwrap();
    assert_eq!(shares[0].name, "Carol", "once she acted her name is known");

    // An address without an account gets the same answer, and an invitation.
    let unknown = world.share(&world.bob, "DEMO-1", "nobody@else.test").await.unwrap();
    assert_eq!((unknown.name.as_str(), unknown.state()), ("", wire::CollaboratorState::Active));
    assert_eq!(world.to_be_invited().await.len(), 1);

    world.unshare(&world.alice, "DEMO-1", &share.id).await.unwrap();
    assert_eq!(world.get(&world.carol, "DEMO-1").await.unwrap_err().http_status(), 404);
    assert!(world.list(&world.carol, scope(Scope::Visible)).await.unwrap().is_empty());
    world.end().await;
}

/// S40: pages of either order meet without gap or double, also where several were added at the same moment.
#[tokio::test]
async fn collaborators_come_page_by_page() {
    let world = World::new().await;
    let collaborators = (0..20).map(|n| format!("first{n}@else.test")).collect();
    world.create(&world.alice, wire::CreateTicketRequest { collaborators, ..world.plain("Shared") }).await.unwrap();
    for n in 0..7 {
        world.share(&world.alice, "DEMO-1", &format!("later{n}@else.test")).await.unwrap();
    }
    let list = async |who: &Person, size, token: &str, newest_first| {
        let page = Some(portico_proto::common::v1::PageRequest { page_size: size, page_token: token.to_owned() });
        let request = wire::ListCollaboratorsRequest { portal: "demo".into(), number: "DEMO-1".into(), page, newest_first };
        told(world.collaborators().list_collaborators(world.stage.as_person(who, request)).await)
    };
    let all = world.shares(&world.alice, "DEMO-1").await.unwrap();
    let later: Vec<&str> = all[20..].iter().map(|share| share.email.split('@').next().unwrap()).collect();
    assert_eq!(later, ["later0", "later1", "later2", "later3", "later4", "later5", "later6"], "oldest first");
    for newest_first in [false, true] {
        let (mut token, mut seen, mut sizes) = (String::new(), Vec::new(), Vec::new());
        loop {
            let page = list(&world.alice, 8, &token, newest_first).await.unwrap();
            sizes.push(page.collaborators.len());
            seen.extend(page.collaborators);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
            assert_eq!(list(&world.bob, 8, &token, newest_first).await.unwrap_err().http_status(), 400, "a token of somebody else");
            assert_eq!(list(&world.alice, 8, &token, !newest_first).await.unwrap_err().http_status(), 400, "a token of the other order");
        }
        if newest_first {
            seen.reverse();
        }
        assert_eq!((sizes, &seen), (vec![8, 8, 8, 3], &all), "newest first: {newest_first}");
    }
    let plain = list(&world.alice, 0, "", true).await.unwrap();
    assert_eq!((plain.collaborators.len(), plain.next_page_token.is_empty()), (25, false), "25 when nobody says");
    assert_eq!(fields(&list(&world.alice, 101, "", true).await.unwrap_err()), ["limit"]);

    // Who leaves between two pages moves nobody.
    let begun = list(&world.alice, 8, "", true).await.unwrap();
    world.unshare(&world.alice, "DEMO-1", &begun.collaborators[7].id).await.unwrap();
    let next = list(&world.alice, 8, &begun.next_page_token, true).await.unwrap();
    assert_eq!(next.collaborators[0], all[18]);
    world.end().await;
}

#[tokio::test]
async fn a_collaborator_may_leave_and_a_share_may_run_out() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Shared")).await.unwrap();
    let share = world.share(&world.alice, "DEMO-1", "carol@globex.test").await.unwrap();
    world.unshare(&world.carol, "DEMO-1", &share.id).await.unwrap();
    assert!(world.get(&world.carol, "DEMO-1").await.is_err());
    let soon = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() + std::time::Duration::from_secs(2);
    let request = wire::AddCollaboratorRequest {
        portal: "demo".into(),
        request_id: world.key(),
        number: "DEMO-1".into(),
        email: "carol@globex.test".into(),
        access: wire::CollaboratorAccess::Read.into(),
        expires_at: Some(prost_types::Timestamp { seconds: soon.as_secs() as i64, nanos: 0 }),
    };
    told(world.collaborators().add_collaborator(world.stage.as_person(&world.alice, request)).await).unwrap();
    let seen = world.get(&world.carol, "DEMO-1").await.unwrap();
    assert!(!seen.actions.unwrap().comment, "a reader does not write");
    assert_eq!(world.comment(&world.carol, world.words("DEMO-1", "Hi")).await.unwrap_err().http_status(), 403);
    let audience = async || world.events().await.pop().unwrap().1.ticket.unwrap().collaborator_ids;
    assert_eq!(audience().await, [world.carol.id.to_string()]);
    portico_chassis::testing::eventually("the share's end", || async { world.get(&world.carol, "DEMO-1").await.err().map(|_| ()) }).await;
    world.comment(&world.alice, world.words("DEMO-1", "After its end")).await.unwrap();
    assert!(audience().await.is_empty(), "live notes go to those who see the ticket now");
    world.end().await;
}

#[tokio::test]
async fn an_internal_note_leaves_no_trace_for_customers() {
    // CF-1, S38: not in the timeline, not in the ticket, not in lists and counts, not by searching.
    let world = World::new().await;
    world.create(&world.alice, world.plain("Printer")).await.unwrap();
    world.share(&world.alice, "DEMO-1", "carol@globex.test").await.unwrap();
    let mut before = Vec::new();
    for who in [&world.alice, &world.bob, &world.carol] {
        before.push((world.get(who, "DEMO-1").await.unwrap(), world.timeline(who, "DEMO-1").await.unwrap()));
    }
    let file = world.upload(&world.agent.id.to_string(), "zebrafile.txt", b"secret").await;
    let note = wire::AddCommentRequest {
        visibility: wire::ItemVisibility::Internal.into(),
        uploads: vec![file],
        ..world.words("DEMO-1", "The customer is a zebracorn")
    };
    let noted = world.comment(&world.agent, note).await.unwrap().item.unwrap();
    world
        .update(&world.agent, "DEMO-1", &["tags"], wire::TicketChanges { tags: vec!["zebratag".into()], ..Default::default() })
        .await
        .unwrap();
    for (who, (ticket, timeline)) in [&world.alice, &world.bob, &world.carol].into_iter().zip(before) {
        assert_eq!(world.get(who, "DEMO-1").await.unwrap(), ticket, "{} sees a change", who.name);
        assert_eq!(world.timeline(who, "DEMO-1").await.unwrap(), timeline);
        for q in ["zebracorn", "zebrafile", "zebra"] {
            let filter = TicketFilter { q: q.into(), ..scope(Scope::Visible) };
            assert!(world.list(who, filter.clone()).await.unwrap().is_empty());
            assert_eq!(world.count(who, filter).await, 0);
        }
        let request = wire::GetAttachmentBlobRequest { portal: "demo".into(), attachment_id: noted.attachments[0].id.clone() };
        let blob = told(world.attachments().get_attachment_blob(world.stage.as_person(who, request)).await);
        assert_eq!(blob.unwrap_err().http_status(), 404);
        let request = wire::ListAttachmentsRequest { portal: "demo".into(), number: "DEMO-1".into(), page: None };
        let files = told(world.attachments().list_attachments(world.stage.as_person(who, request)).await).unwrap();
        assert!(files.files.is_empty());
    }
    assert_eq!(world.list(&world.agent, TicketFilter { q: "zebracorn".into(), ..TicketFilter::default() }).await.unwrap(), ["DEMO-1"]);
    let told: Vec<String> = world
        .events()
        .await
        .into_iter()
        .flat_map(|(_, event)| event.notices)
        .filter(|notice| notice.kind == "ticket_update")
        .flat_map(|notice| notice.person_ids)
        .collect();
    assert!(!told.contains(&world.alice.id.to_string()), "nobody on the customer's side was told");
    world.end().await;
}
