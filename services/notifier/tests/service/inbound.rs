//! The inbound door: signature, proof, reply addresses, loops, poison, claims (NE-10, S59–S64, F22).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use crate::kit::door::{PROVEN, ingest, ingest_as, look, message, settled, sign};
use crate::kit::owner::TICKET;
use crate::kit::{INBOUND_SECRET, PORTAL, World, agent, customer};
use portico_chassis::auth::{Keys, Person};
use portico_chassis::blobs::{Blobs, Upload};
use portico_chassis::error::Error;
use portico_chassis::testing::eventually;
use portico_proto::notifier::v1::{AcceptInboundMailRequest, DropInboundMailRequest, InboundState, ListInboundMailsRequest};
use portico_proto::tickets::v1::{MailOutcome, SubmitMailResponse};
use time::OffsetDateTime;
use tonic::Code;

/// Sends a ticket mail to `person` and returns the address that answers go to.
async fn reply_address(world: &World, person: &Person) -> String {
    world.tickets.knows(person.id, "alice@acme.test");
    world.tickets.notice("ticket_update", &[person.id.to_string()], true, false);
    eventually("the mail to be answered", async || world.sink.caught_for("alice@acme.test").first().map(|mail| mail.reply_to())).await
}

#[tokio::test]
async fn a_message_of_a_proven_sender_becomes_a_ticket_once() {
    let world = World::new().await;
    let raw = message(
        "m1@acme.test",
        "support@demo.portico.test",
        &format!("{PROVEN}Cc: bob@acme.test, support@demo.portico.test\n"),
        "It smokes.",
    );
    let id = ingest(&world, raw.clone()).await;
    assert_eq!(id, "m1@acme.test");
    let mail = settled(&world, &id).await;
    assert_eq!((mail.state(), mail.ticket_number.as_str()), (InboundState::TicketCreated, "DEMO-1"));
    assert_eq!((mail.from_address.as_str(), mail.subject.as_str()), ("alice@acme.test", "Printer on fire"));
    assert_eq!(look(&world, "<m1@acme.test>").await, mail);
    let submitted = world.tickets.with(|state| state.submitted[0].clone());
    assert!(submitted.proven && submitted.reply_ticket_id.is_empty());
    assert_eq!((submitted.from_name.as_str(), submitted.body.as_str()), ("Alice", "It smokes."));
    assert_eq!(submitted.cc, ["bob@acme.test"]);

    assert_eq!(ingest(&world, raw).await, id);
    let other = ingest(&world, message("m2@acme.test", "support@demo.portico.test", PROVEN, "Another.")).await;
    settled(&world, &other).await;
    assert_eq!(world.tickets.with(|state| state.submitted.len()), 2);
    assert_eq!(look(&world, &id).await, mail);
    world.end().await;
}

#[tokio::test]
async fn only_a_fresh_signature_of_this_portal_opens_the_door() {
    let world = World::new().await;
    let raw = message("m1@acme.test", "support@demo.portico.test", "", "x");
    let now = OffsetDateTime::now_utc().unix_timestamp();
    for (portal, at, signature) in [
        (PORTAL, now, String::new()),
        (PORTAL, now, sign("another secret", now, &raw)),
        (PORTAL, now, sign(INBOUND_SECRET, now, b"another body")),
        (PORTAL, now, sign(INBOUND_SECRET, now - 1, &raw)),
        (PORTAL, now - 400, sign(INBOUND_SECRET, now - 400, &raw)),
        (PORTAL, now + 400, sign(INBOUND_SECRET, now + 400, &raw)),
        ("other", now, sign(INBOUND_SECRET, now, &raw)),
        ("no portal!", now, sign(INBOUND_SECRET, now, &raw)),
    ] {
        let refused = ingest_as(&world, portal, raw.clone(), at, signature).await.unwrap_err();
        let Error::Unauthenticated { code } = Error::from_status(&refused) else { panic!("{refused:?}") };
        assert_eq!(code, "bad_signature");
    }
    let empty = ingest_as(&world, PORTAL, Vec::new(), now, sign(INBOUND_SECRET, now, b"")).await.unwrap_err();
    assert_eq!(empty.code(), Code::InvalidArgument);
    world.end().await;
}

/// S59: the reply address, and only it, joins the conversation.
#[tokio::test]
async fn an_answer_to_our_mail_joins_the_conversation() {
    let world = World::new().await;
    let alice = customer(1);
    let address = reply_address(&world, &alice).await;
    world.tickets.with(|state| {
        let comment = SubmitMailResponse { outcome: MailOutcome::CommentAdded.into(), number: "DEMO-7".into(), ..Default::default() };
        state.outcomes.push(Ok(comment));
    });
    let body = "It works now.\n\nOn Mon, 23 Nov 2026 at 10:00, ACME Help wrote:\n> Please unplug it.";
    let id = ingest(&world, message("r1@acme.test", &address.to_uppercase(), PROVEN, body)).await;
    let mail = settled(&world, &id).await;
    assert_eq!((mail.state(), mail.ticket_number.as_str()), (InboundState::CommentAdded, "DEMO-7"));
    let submitted = world.tickets.with(|state| state.submitted[0].clone());
    assert_eq!((submitted.reply_ticket_id.as_str(), submitted.reply_reader_id), (TICKET, alice.id.to_string()));
    assert_eq!(submitted.body, "It works now.");
    assert!(submitted.proven && submitted.cc.is_empty());

    // A token that was made up, and the number in the subject alone, are worth nothing.
    let (local, domain) = address.split_once('@').unwrap();
    let broken = format!("{}{}@{domain}", &local[..local.len() - 1], if local.ends_with('a') { 'b' } else { 'a' });
    let id = ingest(&world, message("r2@acme.test", &broken, PROVEN, "[DEMO-7] more")).await;
    settled(&world, &id).await;
    assert!(world.tickets.with(|state| state.submitted[1].reply_ticket_id.is_empty()));
    world.end().await;
}

/// S60: who only says to be Alice is not.
#[tokio::test]
async fn a_spoofed_sender_is_not_proven() {
    let world = World::new().await;
    let headers = [
        "",
        "Authentication-Results: evil.test; dmarc=pass header.from=acme.test\n",
        "Authentication-Results: mx.portico.test; dmarc=fail\nAuthentication-Results: mx.portico.test; dmarc=pass\n",
        "Authentication-Results: mx.portico.test; spf=pass smtp.mailfrom=eve@evil.test\n",
    ];
    for (number, header) in headers.into_iter().enumerate() {
        let id = ingest(&world, message(&format!("s{number}@evil.test"), "support@demo.portico.test", header, "I am Alice.")).await;
        settled(&world, &id).await;
    }
    assert!(world.tickets.with(|state| state.submitted.len() == 4 && state.submitted.iter().all(|mail| !mail.proven)));
    let two = b"From: alice@acme.test, eve@evil.test\r\nMessage-ID: <two@evil.test>\r\n\r\nx".to_vec();
    let id = ingest(&world, two).await;
    let mail = settled(&world, &id).await;
    assert_eq!((mail.state(), mail.reason.as_str()), (InboundState::Quarantined, "ambiguous_sender"));
    world.end().await;
}

/// S62.
#[tokio::test]
async fn mail_from_machines_makes_nothing() {
    let world = World::new().await;
    world.tickets.knows("p1", "alice@acme.test");
    world.tickets.notice("receipt", &["p1".into()], true, false);
    let ours = eventually("our own mail", async || world.sink.caught().first().cloned()).await;
    let id = ingest(&world, ours.data).await;
    let mail = settled(&world, &id).await;
    assert_eq!((mail.state(), mail.reason.as_str()), (InboundState::Ignored, "own_mail"));
    for (number, (header, reason)) in [
        ("Auto-Submitted: auto-replied\n", "auto_submitted"),
        ("Return-Path: <>\n", "null_return_path"),
        ("Precedence: bulk\n", "bulk"),
        ("List-Id: <x.test>\n", "mailing_list"),
        ("X-Auto-Response-Suppress: OOF\n", "auto_response_suppressed"),
        ("X-Loop: x\n", "loop_header"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = ingest(&world, message(&format!("l{number}@acme.test"), "support@demo.portico.test", header, "Away.")).await;
        let mail = settled(&world, &id).await;
        assert_eq!((mail.state(), mail.reason.as_str()), (InboundState::Ignored, reason), "{header}");
    }
    assert!(world.tickets.with(|state| state.submitted.is_empty()));
    world.end().await;
}

/// S62: the hard cap of one pair an hour.
#[tokio::test]
async fn who_writes_without_end_is_set_aside() {
    let mut world = World::asleep().await;
    world.hourly = 2;
    world.start().await;
    for number in 0..3 {
        let id = ingest(&world, message(&format!("c{number}@acme.test"), "support@demo.portico.test", PROVEN, "again")).await;
        let mail = settled(&world, &id).await;
        let expected = if number < 2 { InboundState::TicketCreated } else { InboundState::Quarantined };
        assert_eq!(mail.state(), expected);
    }
    world.end().await;
}

/// S64, I18, F22: poison is set aside, and later mail flows.
#[tokio::test]
async fn one_poisoned_message_is_quarantined_and_later_mail_flows() {
    let world = World::new().await;
    let parts = "--b\n\nx\n".repeat(300);
    let bomb =
        format!("From: alice@acme.test\nMessage-ID: <bomb@acme.test>\nContent-Type: multipart/mixed; boundary=b\n\n{parts}").into_bytes();
    let id = ingest(&world, bomb).await;
    let mail = settled(&world, &id).await;
    assert_eq!((mail.state(), mail.reason.as_str()), (InboundState::Quarantined, "too_many_parts"));
    let id = ingest(&world, b"\xff\xfe no header at all".to_vec()).await;
    assert!(id.ends_with("@content"), "{id}");
    assert_eq!(settled(&world, &id).await.state(), InboundState::Quarantined);
    let id = ingest(&world, message("after@acme.test", "support@demo.portico.test", PROVEN, "fine")).await;
    assert_eq!(settled(&world, &id).await.state(), InboundState::TicketCreated);

    let list = ListInboundMailsRequest { portal: PORTAL.into(), state: InboundState::Quarantined.into(), page: None };
    let found = world.inbound().list_inbound_mails(world.stage.as_person(&agent(1), list)).await.unwrap().into_inner();
    assert_eq!(found.items.len(), 2);
    assert!(found.items[0].received_at.unwrap().nanos >= 0 && found.next_page_token.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_refused_message_is_tried_a_few_times_and_then_set_aside() {
    let world = World::new().await;
    world.tickets.with(|state| {
        for _ in 0..5 {
            state.outcomes.push(Err(Error::internal("a defect of the peer").into()));
        }
    });
    let id = ingest(&world, message("d1@acme.test", "support@demo.portico.test", PROVEN, "x")).await;
    let mut mail = look(&world, &id).await;
    for _ in 0..60 {
        if mail.state() != InboundState::Queued {
            break;
        }
        // Each try waits some seconds; a test does not.
        world.clock.advance(time::Duration::seconds(3));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        mail = look(&world, &id).await;
    }
    assert_eq!((mail.state(), mail.reason.as_str()), (InboundState::Quarantined, "refused:internal"));
    assert_eq!(world.tickets.with(|state| state.submitted.len()), 5);
    world.end().await;
}

#[tokio::test]
async fn while_tickets_is_away_mail_waits() {
    let world = World::new().await;
    world.tickets.with(|state| state.down = true);
    let id = ingest(&world, message("w1@acme.test", "support@demo.portico.test", PROVEN, "x")).await;
    let mut conn = world.stage.inspect("notifier").await;
    let mut waited = false;
    for _ in 0..200 {
        let row: (Option<uuid::Uuid>, String) = sqlx::query_as("SELECT lease, from_address FROM inbound_mail WHERE message_id = $1")
            .bind(&id)
            .fetch_one(&mut conn)
            .await
            .unwrap();
        waited = row.0.is_none() && row.1 == "alice@acme.test";
        if waited {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(waited, "the message was not given back");
    assert_eq!(look(&world, &id).await.state(), InboundState::Queued);
    world.tickets.with(|state| state.down = false);
    assert_eq!(settled(&world, &id).await.state(), InboundState::TicketCreated);
    world.end().await;
}

#[tokio::test]
async fn files_of_a_message_become_uploads_of_the_notifier() {
    let world = World::new().await;
    let raw = format!(
        "{PROVEN}From: alice@acme.test\nTo: support@demo.portico.test\nMessage-ID: <f1@acme.test>\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nSee the picture.\n--b\nContent-Type: image/png; name=\"../smoke.png\"\n\
         Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--b--\n"
    );
    let id = ingest(&world, raw.replace('\n', "\r\n").into_bytes()).await;
    settled(&world, &id).await;
    let submitted = world.tickets.with(|state| state.submitted[0].clone());
    assert_eq!(submitted.body, "See the picture.");
    let keys = Keys::read(&world.stage.path("keys"), "tickets").unwrap();
    let portal = PORTAL.parse().unwrap();
    let upload = Upload::read(&submitted.uploads[0].token, &keys, &portal, "service:notifier", OffsetDateTime::now_utc()).unwrap();
    assert_eq!((upload.name.as_str(), upload.size, upload.content_type.as_str()), ("smoke.png", 5, "image/png"));
    let blobs = Blobs::folder(&world.stage.path("blobs")).unwrap();
    let content: Vec<_> = futures_util::TryStreamExt::try_collect(blobs.get(&upload.staged()).await.unwrap()).await.unwrap();
    assert_eq!(content.concat(), b"hello");
    world.end().await;
}

/// S60: a claim waits for an agent.
#[tokio::test]
async fn an_agent_accepts_or_drops_a_claim_once() {
    let world = World::new().await;
    let claimed = || Ok(SubmitMailResponse { outcome: MailOutcome::Claimed.into(), number: "DEMO-7".into(), ..Default::default() });
    world.tickets.with(|state| {
        let comment = SubmitMailResponse { outcome: MailOutcome::CommentAdded.into(), number: "DEMO-7".into(), ..Default::default() };
        state.outcomes.extend([claimed(), claimed(), Ok(comment)]);
    });
    for id in ["k1@acme.test", "k2@acme.test"] {
        ingest(&world, message(id, "support@demo.portico.test", "", "It is me.")).await;
        assert_eq!(settled(&world, id).await.state(), InboundState::Claimed);
    }
    let ann = agent(1);
    let accept = |id: &str, request: &str| {
        let request = AcceptInboundMailRequest { portal: PORTAL.into(), request_id: request.into(), message_id: id.into() };
        world.stage.as_person(&ann, request)
    };
    let drop = |id: &str, request: &str| {
        let request = DropInboundMailRequest { portal: PORTAL.into(), request_id: request.into(), message_id: id.into() };
        world.stage.as_person(&ann, request)
    };
    let mut client = world.inbound();
    let accepted = client.accept_inbound_mail(accept("k1@acme.test", "a1")).await.unwrap().into_inner();
    assert_eq!((accepted.state(), accepted.ticket_number.as_str()), (InboundState::CommentAdded, "DEMO-7"));
    assert_eq!(client.accept_inbound_mail(accept("k1@acme.test", "a1")).await.unwrap().into_inner(), accepted);
    let submitted = world.tickets.with(|state| state.submitted.clone());
    assert_eq!(
        (submitted.len(), submitted[2].accepted_by.as_str(), submitted[2].body.as_str()),
        (3, ann.id.to_string().as_str(), "It is me.")
    );
    assert_ne!(submitted[0].request_id, submitted[2].request_id);

    for late in [client.accept_inbound_mail(accept("k1@acme.test", "a2")).await, client.drop_inbound_mail(drop("k1@acme.test", "a3")).await]
    {
        let Error::Conflict { code, .. } = Error::from_status(&late.unwrap_err()) else { panic!() };
        assert_eq!(code, "invalid_transition");
    }
    let dropped = client.drop_inbound_mail(drop("k2@acme.test", "d1")).await.unwrap().into_inner();
    assert_eq!((dropped.state(), dropped.reason.as_str()), (InboundState::Ignored, "dropped_by_agent"));
    assert_eq!(client.drop_inbound_mail(drop("k2@acme.test", "d1")).await.unwrap().into_inner(), dropped);
    assert_eq!(client.drop_inbound_mail(drop("absent@x.test", "d2")).await.unwrap_err().code(), Code::NotFound);
    world.end().await;
}

/// I01: a large message passes the door whole; one byte more than allowed does not.
#[tokio::test]
async fn the_door_takes_fifty_megabytes_and_no_more() {
    let world = World::new().await;
    let mut raw = message("big@acme.test", "support@demo.portico.test", PROVEN, "x");
    raw.resize(10_000_000, b'y');
    let id = ingest(&world, raw).await;
    let mail = settled(&world, &id).await;
    assert_eq!(mail.state(), InboundState::TicketCreated);
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let refused = ingest_as(&world, PORTAL, vec![b'x'; 50_000_001], now, "sha256=00".into()).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    world.end().await;
}
