//! Idempotency, versions, concurrency, replicas (S39, I02, I03, I09, I15).
use std::collections::BTreeSet;

use crate::common::{World, channel, helpdesk, told};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::Status;
use portico_proto::tickets::v1::conversation_service_client::ConversationServiceClient;
use prost::Message;

#[tokio::test]
async fn the_same_key_gives_the_same_bytes_and_no_second_effect() {
    let world = World::new().await;
    let request = world.plain("Once");
    let first = world.create(&world.alice, request.clone()).await.unwrap();
    let words = world.words(&first.number, "Only once");
    let said = world.comment(&world.alice, words.clone()).await.unwrap();
    world.reply(&world.agent, &first.number, "Solved", Status::Resolved).await.unwrap();
    assert_eq!(world.create(&world.alice, request.clone()).await.unwrap().encode_to_vec(), first.encode_to_vec());
    assert_eq!(world.comment(&world.alice, words.clone()).await.unwrap().encode_to_vec(), said.encode_to_vec());
    assert_eq!(world.list(&world.alice, wire::TicketFilter::default()).await.unwrap().len(), 1);
    let other = wire::CreateTicketRequest { subject: "Something else".into(), ..request.clone() };
    assert_eq!(world.create(&world.alice, other).await.unwrap_err().code(), "idempotency_key_reused");
    let other = wire::AddCommentRequest { body: "Something else".into(), ..words };
    assert_eq!(world.comment(&world.alice, other).await.unwrap_err().code(), "idempotency_key_reused");
    // A key belongs to its caller.
    assert_ne!(world.create(&world.bob, request).await.unwrap().number, first.number);
    world.end().await;
}

#[tokio::test]
async fn sixty_four_at_once_get_numbers_without_a_gap() {
    let world = World::new().await;
    let creates = (0..64).map(|n| {
        let who = [&world.alice, &world.bob, &world.carol][n % 3];
        world.create(who, world.plain(&format!("Nr {n}")))
    });
    let made = futures_util::future::join_all(creates).await;
    let numbers: BTreeSet<u32> =
        made.into_iter().map(|ticket| ticket.unwrap().number.trim_start_matches("DEMO-").parse().unwrap()).collect();
    assert_eq!(numbers, (1..=64).collect());
    world.end().await;
}

#[tokio::test]
async fn two_replicas_on_one_ticket_lose_nothing_and_versions_have_no_gap() {
    let world = World::with(helpdesk(), 2).await;
    let number = world.create(&world.alice, world.plain("Busy")).await.unwrap().number;
    let channels = [channel(&world.replicas[0]).await, channel(&world.replicas[1]).await];
    let comments = (0..40).map(|n| {
        let mut client = ConversationServiceClient::new(channels[n % 2].clone());
        let who = if n % 4 < 2 { &world.alice } else { &world.agent };
        let request = world.stage.as_person(who, world.words(&number, &format!("Comment {n}")));
        async move { told(client.add_comment(request).await).unwrap() }
    });
    futures_util::future::join_all(comments).await;
    let items = world.timeline(&world.agent, &number).await.unwrap();
    let said: BTreeSet<String> = items.iter().filter(|item| item.kind() == wire::ItemKind::Comment).map(|item| item.body.clone()).collect();
    assert_eq!(said.len(), 40);
    let ticket = world.get(&world.agent, &number).await.unwrap();
    let versions: Vec<i64> = world
        .events()
        .await
        .into_iter()
        .filter(|(envelope, _)| envelope.aggregate_id == ticket.id)
        .map(|(envelope, _)| envelope.version)
        .collect();
    assert_eq!(versions, (1..=ticket.version).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test]
async fn only_one_of_two_that_close_at_once_wins() {
    let world = World::with(helpdesk(), 2).await;
    let number = world.create(&world.alice, world.plain("Race")).await.unwrap().number;
    let (one, two) = tokio::join!(world.close(&world.alice, &number, 5, ""), world.close(&world.bob, &number, 1, ""));
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    assert_eq!(one.or(two).unwrap().status(), Status::Closed);
    world.end().await;
}

#[tokio::test]
async fn an_etag_that_is_old_is_a_conflict_and_a_note_does_not_age_a_customers() {
    let world = World::new().await;
    let made = world.create(&world.alice, world.plain("Etag")).await.unwrap();
    world.note(&world.agent, &made.number, "hush").await.unwrap();
    let with = |etag: i64| wire::AddCommentRequest { etag: etag.to_string(), ..world.words(&made.number, "Still there?") };
    assert_eq!(world.comment(&world.agent, with(made.version)).await.unwrap_err().code(), "version_conflict");
    world.comment(&world.alice, with(made.version)).await.unwrap();
    assert_eq!(world.comment(&world.alice, with(made.version)).await.unwrap_err().code(), "version_conflict");
    let bad = wire::AddCommentRequest { etag: "x".into(), ..world.words(&made.number, "y") };
    assert_eq!(world.comment(&world.alice, bad).await.unwrap_err().code(), "version_conflict");
    world.end().await;
}

#[tokio::test]
async fn a_page_token_is_good_for_its_caller_and_list_only() {
    // S40.
    let world = World::new().await;
    for n in 0..5 {
        world.create(&world.alice, world.plain(&format!("Nr {n}"))).await.unwrap();
    }
    let request = |token: &str, sort: wire::TicketSort, ascending| wire::ListTicketsRequest {
        portal: "demo".into(),
        sort: sort.into(),
        ascending,
        page: Some(portico_proto::common::v1::PageRequest { page_size: 2, page_token: token.to_owned() }),
        ..wire::ListTicketsRequest::default()
    };
    for sort in [
        wire::TicketSort::CreatedAt,
        wire::TicketSort::UpdatedAt,
        wire::TicketSort::Status,
        wire::TicketSort::Priority,
        wire::TicketSort::Number,
    ] {
        for ascending in [false, true] {
            let (mut token, mut seen) = (String::new(), Vec::new());
            loop {
                let page = told(world.tickets().list_tickets(world.stage.as_person(&world.alice, request(&token, sort, ascending))).await)
                    .unwrap();
                seen.extend(page.tickets.into_iter().map(|ticket| ticket.number));
                token = page.next_page_token;
                if token.is_empty() {
                    break;
                }
                let stolen = told(world.tickets().list_tickets(world.stage.as_person(&world.bob, request(&token, sort, ascending))).await);
                assert_eq!(stolen.unwrap_err().http_status(), 400);
                let turned =
                    told(world.tickets().list_tickets(world.stage.as_person(&world.alice, request(&token, sort, !ascending))).await);
                assert_eq!(turned.unwrap_err().http_status(), 400);
            }
            let mut expected: Vec<String> = (1..=5).map(|n| format!("DEMO-{n}")).collect();
            if !ascending {
                expected.reverse();
            }
            assert_eq!(seen, expected, "{sort:?} ascending {ascending}");
        }
    }
    world.end().await;
}

/// After identity's database was restored from an older copy, its facts hold again although the copies here were newer.
#[tokio::test]
async fn copies_that_are_newer_than_a_restored_identity_are_fetched_again() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Before the restore")).await.unwrap();
    let mut conn = world.stage.inspect("tickets").await;
    sqlx::query("UPDATE person SET name = 'Lost', version = 1000").execute(&mut conn).await.unwrap();
    portico_tickets::app::people::outdate(&mut conn).await.unwrap();
    portico_chassis::testing::eventually("the names that identity has", async || {
        let mut conn = world.stage.inspect("tickets").await;
        let lost: i64 = sqlx::query_scalar("SELECT count(*) FROM person WHERE name = 'Lost'").fetch_one(&mut conn).await.unwrap();
        (lost == 0).then_some(())
    })
    .await;
    world.end().await;
}
