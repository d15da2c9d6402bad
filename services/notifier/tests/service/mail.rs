//! Mail: once for each (event, recipient), with one Message-ID, only to whom it is for, whatever the peers do (I05, I06, F21).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::time::Duration;

use crate::kit::smtp::Manner;
use crate::kit::{self, World, customer};
use portico_chassis::testing::eventually;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::identity_event::Event as IdentityEventKind;
use portico_proto::events::v1::{IdentityEvent, LinkIssued, PasswordChanged, TicketNotice, TicketsEvent};
use portico_proto::notifier::v1::{GetDeliveryCountersRequest, ListFailedDeliveriesRequest, PutPreferencesRequest, RetryDeliveryRequest};
use time::OffsetDateTime;

async fn sent(world: &World, count: usize) {
    eventually("mails to be recorded as sent", async || (world.count("sent").await == count).then_some(())).await;
}

/// NE-2, NE-9, I05: the contract of the mail, seen at the peer.
#[tokio::test]
async fn a_ticket_event_becomes_one_mail_with_the_headers_of_the_contract() {
    let world = World::new().await;
    let alice = customer(1).id.to_string();
    world.tickets.knows(&alice, "alice@acme.test");
    world.tickets.notice("receipt", std::slice::from_ref(&alice), true, false);
    sent(&world, 1).await;

    let mails = world.sink.caught();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("", ["alice@acme.test".to_owned()].as_slice()));
    assert_eq!(mail.header("X-Portico-Kind").as_deref(), Some("receipt"));
    assert_eq!(mail.header("X-Portico-Ticket").as_deref(), Some("DEMO-7"));
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(mail.header("Subject").as_deref(), Some("[DEMO-7] Printer on fire"));
    assert!(mail.reply_to().starts_with("support+") && mail.reply_to().ends_with("@demo.portico.test"));
    let message = mail.message();
    assert!(message.body_html(0).unwrap().contains("<strong>unplug</strong>"));
    assert!(message.body_text(0).unwrap().contains("http://127.0.0.1:8080/portal/demo/requests/DEMO-7"));
    world.end().await;
}

/// I05: an event read twice, and a service that starts again, add nothing.
#[tokio::test]
async fn an_event_read_again_makes_no_second_mail() {
    let mut world = World::new().await;
    let alice = customer(1).id.to_string();
    world.tickets.knows(&alice, "alice@acme.test");
    world.tickets.notice("ticket_update", &[alice.clone(), alice.clone()], true, true);
    sent(&world, 2).await;
    world.stop().await;
    let mut conn = world.stage.inspect("notifier").await;
    sqlx::query("UPDATE inbox SET position = 0, last_event = NULL, epoch = ''").execute(&mut conn).await.unwrap();
    world.start().await;
    eventually("the events to be read again", async || (world.position("tickets").await == 1).then_some(())).await;
    world.tickets.knows("last", "last@acme.test");
    world.tickets.notice("ticket_update", &["last".into()], true, false);
    sent(&world, 3).await;
    assert_eq!(world.sink.caught_for("alice@acme.test").len(), 1);
    world.end().await;
}

/// I05, F21: the peer took the mail but its 250 was lost.
#[tokio::test]
async fn a_repeated_mail_has_the_same_message_id() {
    let world = World::new().await;
    world.tickets.knows("p1", "alice@fragile.test");
    world.sink.treat("fragile.test", Manner::BreakOff(1));
    world.tickets.notice("ticket_update", &["p1".into()], true, false);
    eventually("the first copy", async || (world.sink.caught().len() == 1).then_some(())).await;
    world.clock.advance(time::Duration::seconds(30));
    sent(&world, 1).await;
    let ids: Vec<_> = world.sink.caught().iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    world.end().await;
}

/// I06: what the recipient may not read at the moment of sending is not sent, and the recipient is never asked about again.
#[tokio::test]
async fn who_may_not_read_it_any_more_gets_no_mail() {
    let world = World::new().await;
    world.tickets.knows("bob", "bob@acme.test");
    world.tickets.with(|state| state.hidden.insert("bob".into()));
    world.tickets.notice("ticket_update", &["bob".into()], true, true);
    eventually("the deliveries to be cancelled", async || (world.count("cancelled").await == 2).then_some(())).await;
    assert!(world.sink.caught().is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_owner_that_is_away_delays_the_mail_and_counts_no_attempt() {
    let world = World::new().await;
    world.tickets.knows("p1", "alice@acme.test");
    world.tickets.with(|state| state.down = true);
    world.tickets.notice("ticket_update", &["p1".into()], true, false);
    eventually("the mail to wait for its owner", async || {
        world.rows().await.iter().any(|row| row.4 == "waits for its owner").then_some(())
    })
    .await;
    // Another owner's mail does not wait with it.
    world.identity.owner.knows("p2", "bob@acme.test");
    let changed = IdentityEventKind::PasswordChanged(PasswordChanged { person_id: "p2".into() });
    world.identity.owner.tell(Body::Identity(IdentityEvent { event: Some(changed) }), "p2", OffsetDateTime::now_utc());
    sent(&world, 1).await;
    world.tickets.with(|state| state.down = false);
    sent(&world, 2).await;
    assert!(world.rows().await.iter().all(|row| row.3 == 0), "an attempt was counted");
    assert_eq!(world.sink.caught_for("bob@acme.test")[0].header("X-Portico-Kind").as_deref(), Some("password_changed"));
    world.end().await;
}

/// F21: a domain that hangs and one that greylists hold up nobody else.
#[tokio::test]
async fn a_dead_domain_does_not_block_the_others() {
    let world = World::new().await;
    world.sink.treat("dead.test", Manner::Hang);
    let mut people = Vec::new();
    for number in 0..60 {
        let (dead, alive) = (format!("dead{number}"), format!("alive{number}"));
        world.tickets.knows(&dead, &format!("{dead}@dead.test"));
        world.tickets.knows(&alive, &format!("{alive}@alive{}.test", number % 3));
        people.extend([dead, alive]);
    }
    world.tickets.notice("ticket_update", &people, true, false);
    sent(&world, 60).await;
    assert_eq!(world.sink.caught().len(), 60);
    assert!(world.sink.attempts("dead.test") <= 4, "{} connections hang", world.sink.attempts("dead.test"));
    world.end().await;
}

/// F21.
#[tokio::test]
async fn a_greylisted_mail_is_tried_again_and_a_refused_one_is_given_up() {
    let world = World::new().await;
    world.sink.treat("grey.test", Manner::Greylist(1));
    world.sink.treat("refuse.test", Manner::Refuse);
    world.tickets.knows("p1", "alice@grey.test");
    world.tickets.knows("p2", "nobody@refuse.test");
    world.tickets.notice("ticket_update", &["p1".into(), "p2".into()], true, false);
    eventually("the refusal", async || (world.count("failed").await == 1).then_some(())).await;
    eventually("the first attempt", async || (world.sink.attempts("grey.test") == 1).then_some(())).await;
    eventually("the attempt to be counted", async || world.rows().await.iter().any(|row| row.3 == 1 && row.2 == "pending").then_some(()))
        .await;
    world.clock.advance(time::Duration::seconds(10));
    sent(&world, 1).await;
    assert_eq!(world.sink.attempts("refuse.test"), 1);

    let failed = world.deliveries().list_failed_deliveries(world.stage.as_operator(ListFailedDeliveriesRequest::default())).await.unwrap();
    let failed = failed.into_inner().items;
    assert_eq!((failed.len(), failed[0].reason.as_str(), failed[0].attempts), (1, "smtp 550", 1));
    world.sink.treat("refuse.test", Manner::Accept);
    let again = RetryDeliveryRequest { id: failed[0].id.clone() };
    world.deliveries().retry_delivery(world.stage.as_operator(again.clone())).await.unwrap();
    sent(&world, 2).await;
    assert_eq!(world.deliveries().retry_delivery(world.stage.as_operator(again)).await.unwrap_err().code(), tonic::Code::NotFound);
    let counters =
        world.deliveries().get_delivery_counters(world.stage.as_operator(GetDeliveryCountersRequest {})).await.unwrap().into_inner();
    assert!(counters.counts.iter().any(|count| count.channel == "mail" && count.state == "sent" && count.count == 2));
    assert_eq!(counters.oldest_due_at, None);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_told_of_their_own_deed_nor_of_last_week() {
    let world = World::new().await;
    for person in ["alice", "bob"] {
        world.tickets.knows(person, &format!("{person}@acme.test"));
    }
    let notice = |kind: &str| TicketsEvent {
        notices: vec![TicketNotice { kind: kind.into(), person_ids: vec!["alice".into(), "bob".into()], mail: true, bell: false }],
        ..TicketsEvent::default()
    };
    let now = OffsetDateTime::now_utc();
    world.tickets.tell(Body::Tickets(notice("closed")), "system", now - time::Duration::days(8));
    world.tickets.tell(Body::Tickets(notice("ticket_update")), "alice", now);
    sent(&world, 1).await;
    assert_eq!(world.sink.caught_for("bob@acme.test").len(), 1);
    assert_eq!(world.rows().await.len(), 1);
    world.end().await;
}

/// NE-5, NE-6, S63: one-time links.
#[tokio::test]
async fn a_link_mail_carries_the_link_and_a_used_link_is_not_sent() {
    let world = World::new().await;
    world.identity.owner.knows("l1", "dan@acme.test");
    world.identity.owner.with(|state| {
        state.words.ticket_number.clear();
        state.words.thread_root.clear();
        state.words.answerable = false;
        state.words.action_path = "/invite/one-time-token".into();
    });
    for (id, kind) in [("l1", "invite"), ("used", "password_reset")] {
        let issued = LinkIssued { link_id: id.into(), kind: kind.into(), person_id: "dan".into(), generation: 1 };
        world.identity.owner.tell(
            Body::Identity(IdentityEvent { event: Some(IdentityEventKind::LinkIssued(issued)) }),
            "dan",
            OffsetDateTime::now_utc(),
        );
    }
    sent(&world, 1).await;
    eventually("the used link to be cancelled", async || (world.count("cancelled").await == 1).then_some(())).await;
    let mails = world.sink.caught();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("X-Portico-Kind").as_deref(), Some("invite"));
    assert_eq!(mails[0].header("Reply-To"), None);
    let text = mails[0].message().body_text(0).unwrap().into_owned();
    assert!(text.contains("http://127.0.0.1:8080/portal/demo/invite/one-time-token"), "{text}");
    assert_eq!(world.identity.owner.with(|state| state.rendered.iter().filter(|asked| asked.kind == "invite").count()), 1);
    world.end().await;
}

#[tokio::test]
async fn a_mail_that_was_switched_off_is_not_sent() {
    let world = World::new().await;
    let alice = customer(1);
    world.tickets.knows(alice.id, "alice@acme.test");
    let put = PutPreferencesRequest {
        portal: kit::PORTAL.into(),
        request_id: "r1".into(),
        mail: [("ticket_update".to_owned(), false)].into(),
        ..PutPreferencesRequest::default()
    };
    world.preferences().put_preferences(world.stage.as_person(&alice, put)).await.unwrap();
    world.tickets.notice("ticket_update", &[alice.id.to_string()], true, true);
    world.tickets.notice("receipt", &[alice.id.to_string()], true, false);
    sent(&world, 2).await;
    let rows = world.rows().await;
    assert!(rows.iter().any(|row| row.1 == "mail" && row.2 == "cancelled" && row.4 == "not_wanted"), "{rows:?}");
    assert_eq!(world.sink.caught().len(), 1);
    world.end().await;
}

/// S58, on the wire.
#[tokio::test]
async fn hostile_words_change_no_header_of_the_mail_that_arrives() {
    let world = World::new().await;
    world.tickets.knows("p1", "alice@acme.test");
    world.tickets.notice("ticket_update", &["p1".into()], true, false);
    sent(&world, 1).await;
    let hostile = "x\r\nBcc: eve@evil.test\r\n\r\n.\r\nMAIL FROM:<eve@evil.test>\r\n\u{2028}\0=?utf-8?q?=0D=0ABcc:_y?=";
    world.tickets.with(|state| {
        state.words.subject = hostile.into();
        state.words.to_name = hostile.into();
        state.words.portal_title = hostile.into();
        state.words.body_markdown = hostile.into();
        state.words.author_name = "y".repeat(100_000);
    });
    world.tickets.notice("ticket_update", &["p1".into()], true, false);
    sent(&world, 2).await;
    let mails = world.sink.caught();
    assert_eq!(mails.len(), 2);
    let names = |data: &[u8]| -> Vec<String> {
        let text = String::from_utf8(data.to_vec()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&mails[0].data), names(&mails[1].data));
    assert!(mails[1].data.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
    assert_eq!(mails[1].to, ["alice@acme.test"]);
    world.end().await;
}

#[tokio::test]
async fn a_stopped_service_goes_on_where_it_was() {
    let mut world = World::new().await;
    world.sink.treat("later.test", Manner::Greylist(1));
    world.tickets.knows("p1", "alice@later.test");
    world.tickets.notice("ticket_update", &["p1".into()], true, false);
    eventually("the first attempt", async || (world.sink.attempts("later.test") == 1).then_some(())).await;
    tokio::time::timeout(Duration::from_secs(10), world.stop()).await.unwrap();
    world.start().await;
    world.clock.advance(time::Duration::seconds(60));
    sent(&world, 1).await;
    assert_eq!(world.sink.caught().len(), 1);
    world.end().await;
}

/// I05: replicas share the work and nobody gets a mail twice.
#[tokio::test]
async fn two_replicas_send_each_mail_once() {
    let mut world = World::new().await;
    world.start().await;
    let people: Vec<String> = (0..100).map(|number| format!("p{number}")).collect();
    for (number, person) in people.iter().enumerate() {
        world.tickets.knows(person, &format!("{person}@domain{}.test", number % 7));
    }
    world.tickets.notice("ticket_update", &people, true, true);
    sent(&world, 200).await;
    let mut ids: Vec<_> = world.sink.caught().iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((world.sink.caught().len(), ids.len()), (100, 100));
    let mut conn = world.stage.inspect("notifier").await;
    let marks: i64 = sqlx::query_scalar("SELECT count(*) FROM notification").fetch_one(&mut conn).await.unwrap();
    assert_eq!(marks, 100);
    world.end().await;
}
