//! The bell: one mark for each (event, person), words as of now, nobody else's (I05, I06, NE-1).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use crate::kit::{PORTAL, World, customer};
use portico_chassis::auth::Person;
use portico_chassis::testing::eventually;
use portico_proto::common::v1::PageRequest;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::{CommunityEvent, EventBody, TopicNotice, TopicNoticeDue, community_event, notifier_event};
use portico_proto::notifier::v1::{
    GetUnreadCountRequest, ListNotificationsRequest, ListNotificationsResponse, MarkNotificationsReadRequest,
};
use prost::Message;
use time::OffsetDateTime;
use tonic::{Code, Status};

async fn list(world: &World, person: &Person, unread: bool, page: PageRequest) -> Result<ListNotificationsResponse, Status> {
    let request = ListNotificationsRequest { portal: PORTAL.into(), unread, page: Some(page) };
    Ok(world.notifications().list_notifications(world.stage.as_person(person, request)).await?.into_inner())
}

async fn all(world: &World, person: &Person) -> ListNotificationsResponse {
    list(world, person, false, PageRequest::default()).await.unwrap()
}

async fn marks(world: &World, person: &Person, count: usize) -> ListNotificationsResponse {
    eventually("bell marks", async || {
        let found = all(world, person).await;
        (found.items.len() == count).then_some(found)
    })
    .await
}

fn read(ids: &[&str], all: bool, request_id: &str) -> MarkNotificationsReadRequest {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    MarkNotificationsReadRequest { portal: PORTAL.into(), request_id: request_id.into(), ids, all }
}

/// I05: exactly one, also when the event comes again and the worker's lease is lost.
#[tokio::test]
async fn an_event_rings_once_with_the_words_of_its_owner() {
    let mut world = World::new().await;
    let alice = customer(1);
    world.tickets.knows(alice.id, "alice@acme.test");
    world.tickets.notice("ticket_update", &[alice.id.to_string()], false, true);
    let found = marks(&world, &alice, 1).await;
    let mark = &found.items[0];
    assert_eq!((mark.kind.as_str(), mark.title.as_str()), ("ticket_update", "[DEMO-7] Printer on fire"));
    assert_eq!((mark.ticket_number.as_str(), mark.url.as_str()), ("DEMO-7", "/portal/demo/requests/DEMO-7"));
    assert!(!mark.read && found.unread_count == 1);

    world.stop().await;
    let mut conn = world.stage.inspect("notifier").await;
    sqlx::raw_sql(
        "UPDATE inbox SET position = 0, last_event = NULL, epoch = ''; UPDATE delivery SET state = 'pending', lease = NULL, due_at = now()",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    world.start().await;
    eventually("the delivery to be settled again", async || (world.count("sent").await == 1).then_some(())).await;
    assert_eq!(all(&world, &alice).await.items.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn the_gateway_hears_of_a_new_mark_and_of_reading() {
    let world = World::new().await;
    let alice = customer(1);
    world.tickets.knows(alice.id, "alice@acme.test");
    for _ in 0..2 {
        world.tickets.notice("ticket_update", &[alice.id.to_string()], false, true);
    }
    marks(&world, &alice, 2).await;
    world.notifications().mark_notifications_read(world.stage.as_person(&alice, read(&[], true, "r1"))).await.unwrap();
    let mut conn = world.stage.inspect("notifier").await;
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar("SELECT body FROM journal ORDER BY position").fetch_all(&mut conn).await.unwrap();
    let told: Vec<(String, i32)> = bodies
        .iter()
        .map(|body| match EventBody::decode(body.as_slice()).unwrap().body.unwrap() {
            Body::Notifier(event) => match event.event.unwrap() {
                notifier_event::Event::NotificationCreated(created) => (created.person_id, created.unread_count),
                notifier_event::Event::NotificationsRead(read) => (read.person_id, read.unread_count),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let person = alice.id.to_string();
    assert_eq!(told, [(person.clone(), 1), (person.clone(), 2), (person, 0)]);
    world.end().await;
}

/// I06: a right that was lost takes its marks along.
#[tokio::test]
async fn a_mark_whose_ticket_may_not_be_read_any_more_disappears() {
    let world = World::new().await;
    let bob = customer(2);
    world.tickets.knows(bob.id, "bob@acme.test");
    world.tickets.notice("collaborator_added", &[bob.id.to_string()], false, true);
    marks(&world, &bob, 1).await;
    world.tickets.with(|state| state.hidden.insert(bob.id.to_string()));
    let found = marks(&world, &bob, 0).await;
    assert_eq!(found.unread_count, 0);
    world.tickets.with(|state| state.hidden.clear());
    assert!(all(&world, &bob).await.items.is_empty(), "it came back");
    world.end().await;
}

#[tokio::test]
async fn marks_are_read_one_by_one_or_all_and_only_by_their_owner() {
    let world = World::new().await;
    let (alice, eve) = (customer(1), customer(9));
    world.tickets.knows(alice.id, "alice@acme.test");
    for _ in 0..3 {
        world.tickets.notice("ticket_update", &[alice.id.to_string()], false, true);
    }
    let found = marks(&world, &alice, 3).await;
    let first = found.items[0].id.clone();

    let mut client = world.notifications();
    let by_eve = client.mark_notifications_read(world.stage.as_person(&eve, read(&[&first], false, "r1"))).await.unwrap().into_inner();
    assert_eq!(by_eve.unread_count, 0);
    assert_eq!(all(&world, &alice).await.unread_count, 3);
    assert!(all(&world, &eve).await.items.is_empty());

    for _ in 0..2 {
        let one = client.mark_notifications_read(world.stage.as_person(&alice, read(&[&first], false, "r2"))).await.unwrap().into_inner();
        assert_eq!(one.unread_count, 2);
    }
    let unread = list(&world, &alice, true, PageRequest::default()).await.unwrap();
    assert!(unread.items.len() == 2 && unread.items.iter().all(|mark| !mark.read));
    let rest = client.mark_notifications_read(world.stage.as_person(&alice, read(&[], true, "r3"))).await.unwrap().into_inner();
    assert_eq!(rest.unread_count, 0);
    let count = GetUnreadCountRequest { portal: PORTAL.into() };
    assert_eq!(client.get_unread_count(world.stage.as_person(&alice, count)).await.unwrap().into_inner().unread_count, 0);

    for bad in [read(&[], false, "r4"), read(&[&first], true, "r4"), read(&["x"], false, "r4"), read(&[&first], false, "")] {
        let refused = client.mark_notifications_read(world.stage.as_person(&alice, bad)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    world.end().await;
}

/// S40.
#[tokio::test]
async fn pages_follow_one_another_and_their_tokens_are_bound_to_the_reader() {
    let world = World::new().await;
    let (alice, eve) = (customer(1), customer(9));
    world.tickets.knows(alice.id, "alice@acme.test");
    for _ in 0..5 {
        world.tickets.notice("ticket_update", &[alice.id.to_string()], false, true);
    }
    marks(&world, &alice, 5).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(&world, &alice, false, PageRequest { page_size: 2, page_token: token.clone() }).await.unwrap();
        seen.extend(page.items.into_iter().map(|mark| mark.id));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    let mut unique = seen.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((seen.len(), unique.len()), (5, 5));
    for (person, unread) in [(&eve, false), (&alice, true)] {
        let foreign = list(&world, person, unread, PageRequest { page_size: 2, page_token: token.clone() }).await.unwrap_err();
        assert_eq!(foreign.code(), Code::InvalidArgument);
    }
    let too_many = list(&world, &alice, false, PageRequest { page_size: 101, ..PageRequest::default() }).await.unwrap_err();
    assert_eq!(too_many.code(), Code::InvalidArgument);
    world.end().await;
}

#[tokio::test]
async fn guests_and_foreign_portals_have_no_bell() {
    let world = World::new().await;
    let request = ListNotificationsRequest { portal: PORTAL.into(), ..ListNotificationsRequest::default() };
    let guest = world.notifications().list_notifications(world.stage.as_guest("somewhere", request)).await.unwrap_err();
    assert_eq!(guest.code(), Code::Unauthenticated);
    let other = ListNotificationsRequest { portal: "other".into(), ..ListNotificationsRequest::default() };
    let foreign = world.notifications().list_notifications(world.stage.as_person(&customer(1), other)).await.unwrap_err();
    assert_eq!(foreign.code(), Code::Unauthenticated);
    world.end().await;
}

#[tokio::test]
async fn followers_of_a_topic_hear_of_answers_and_a_silent_owner_does_not_hide_the_others() {
    let world = World::new().await;
    let alice = customer(1);
    world.community.knows(alice.id, "alice@acme.test");
    world.community.with(|state| {
        state.words.ticket_number.clear();
        state.words.subject = "New answer: How do I print?".into();
        state.words.action_path = "/community/topics/how-do-i-print".into();
    });
    let notice = TopicNoticeDue {
        topic_id: "t".into(),
        notice: TopicNotice::Post.into(),
        post_id: "p".into(),
        recipient_ids: vec![alice.id.to_string()],
    };
    let event = CommunityEvent { event: Some(community_event::Event::TopicNoticeDue(notice)) };
    world.community.tell(Body::Community(event), "bob", OffsetDateTime::now_utc());
    let found = marks(&world, &alice, 1).await;
    assert_eq!((found.items[0].kind.as_str(), found.items[0].title.as_str()), ("topic_post", "New answer: How do I print?"));
    assert_eq!(found.items[0].url, "/portal/demo/community/topics/how-do-i-print");

    world.tickets.knows(alice.id, "alice@acme.test");
    world.tickets.notice("closed", &[alice.id.to_string()], false, true);
    marks(&world, &alice, 2).await;
    world.community.with(|state| state.down = true);
    let rest = marks(&world, &alice, 1).await;
    assert_eq!((rest.items[0].kind.as_str(), rest.unread_count), ("closed", 2));
    world.tickets.with(|state| state.down = true);
    eventually("both owners to be missed", async || {
        list(&world, &alice, false, PageRequest::default()).await.err().filter(|status| status.code() == Code::Unavailable)
    })
    .await;
    world.community.with(|state| state.down = false);
    world.tickets.with(|state| state.down = false);
    marks(&world, &alice, 2).await;
    world.end().await;
}
