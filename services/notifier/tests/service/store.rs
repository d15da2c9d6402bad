//! Store functions that time drives, and the fences between portals and workers, against real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::collections::BTreeSet;

use portico_chassis::db::Db;
use portico_chassis::deadline::Deadline;
use portico_chassis::testing::Stage;
use portico_notifier::MIGRATIONS;
use portico_notifier::app::digest::delivery_id;
use portico_notifier::domain::delivery::Channel;
use portico_notifier::domain::inbound::{Outcome, State};
use portico_notifier::store::delivery::{self, Again, NewDelivery, Wish};
use portico_notifier::store::inbound::{self, Ended, NewMail};
use portico_notifier::store::notification::{self, NewNotification};
use portico_notifier::store::reply_address::{self, ReplyAddress};
use sqlx::PgConnection;
use sqlx::pool::PoolConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

async fn stage() -> (Stage, Db) {
    let mut stage = Stage::new().await;
    let url = stage.database("notifier").await;
    let db = Db::open(&url, 6, "notifier").unwrap();
    db.migrate(&MIGRATIONS).await.unwrap();
    (stage, db)
}

async fn system(db: &Db) -> PoolConnection<sqlx::Postgres> {
    db.system().acquire().await.unwrap()
}

fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000).unwrap()
}

fn row(number: u128, at: OffsetDateTime) -> NewDelivery {
    let event_id = Uuid::from_u128(number);
    NewDelivery {
        id: delivery_id(event_id, "alice", Channel::Mail),
        portal: "demo".parse().unwrap(),
        producer: "tickets".into(),
        event_id,
        aggregate_kind: "ticket".into(),
        aggregate_id: "t".into(),
        recipient: "alice".into(),
        is_person: true,
        kind: "ticket_update",
        channel: Channel::Mail,
        event_at: at,
        traceparent: String::new(),
    }
}

async fn lease(conn: &mut PgConnection, number: u128, now: OffsetDateTime) -> Vec<delivery::Leased> {
    let wish = Wish {
        channel: Channel::Mail,
        blocked_domains: &[],
        blocked_producers: &[],
        until: now + Duration::seconds(30),
        lease: Uuid::from_u128(number),
        limit: 10,
    };
    delivery::lease(conn, &wish, now).await.unwrap()
}

#[tokio::test]
async fn a_lease_keeps_others_away_and_fences_its_former_holder() {
    let (stage, db) = stage().await;
    let mut conn = system(&db).await;
    let at = now();
    assert_eq!(delivery::insert(&mut conn, &[row(1, at), row(1, at)], at).await.unwrap(), 1);
    assert_eq!(delivery::insert(&mut conn, &[row(1, at)], at).await.unwrap(), 0);
    let first = lease(&mut conn, 100, at).await;
    assert_eq!(first.len(), 1);
    assert!(first[0].wanted && first[0].due.lease_until == at + Duration::seconds(30));
    assert!(lease(&mut conn, 101, at + Duration::seconds(29)).await.is_empty());
    let second = lease(&mut conn, 102, at + Duration::seconds(30)).await;
    assert_eq!(second.len(), 1);

    let (old, new) = (&first[0].due, &second[0].due);
    assert!(!delivery::extend(&mut conn, old.id, old.lease, at).await.unwrap());
    delivery::cancel(&mut conn, old.id, old.lease, "late", at).await.unwrap();
    delivery::fail(&mut conn, old.id, old.lease, "late", at).await.unwrap();
    delivery::release(&mut conn, old, &Again { due_at: at, counted: true, domain: None, reason: "late" }).await.unwrap();
    assert!(delivery::extend(&mut conn, new.id, new.lease, at + Duration::minutes(2)).await.unwrap());
    delivery::release(&mut conn, new, &Again { due_at: at, counted: true, domain: Some("x.test"), reason: "smtp 451" }).await.unwrap();
    let (blocked, absent) = (["x.test".to_owned()], ["tickets".to_owned()]);
    let wish = |domains, producers| Wish {
        channel: Channel::Mail,
        blocked_domains: domains,
        blocked_producers: producers,
        until: at,
        lease: Uuid::from_u128(103),
        limit: 10,
    };
    assert!(delivery::lease(&mut conn, &wish(&blocked, &[]), at).await.unwrap().is_empty());
    assert!(delivery::lease(&mut conn, &wish(&[], &absent), at).await.unwrap().is_empty());
    let third = delivery::lease(&mut conn, &wish(&[], &[]), at).await.unwrap();
    assert_eq!(third[0].due.attempts, 1);
    // That a mail left is a fact, whoever holds the lease.
    delivery::mark_sent(&mut conn, old.id, at).await.unwrap();
    assert!(lease(&mut conn, 104, at + Duration::hours(1)).await.is_empty());
    drop(conn);
    db.close().await;
    stage.clear().await;
}

/// What a newer version wrote before it was taken back holds up nobody.
#[tokio::test]
async fn a_delivery_that_this_version_can_not_read_leaves_the_others_their_turn() {
    let (stage, db) = stage().await;
    let mut conn = system(&db).await;
    let at = now();
    delivery::insert(&mut conn, &[row(1, at), row(2, at), row(3, at)], at).await.unwrap();
    sqlx::query("UPDATE delivery SET kind = 'of_the_future' WHERE event_id = $1")
        .bind(Uuid::from_u128(1))
        .execute(&mut *conn)
        .await
        .unwrap();
    let leased = lease(&mut conn, 7, at).await;
    assert_eq!(leased.iter().map(|one| one.due.event_id.as_u128()).collect::<BTreeSet<_>>(), BTreeSet::from([2, 3]));
    let later = lease(&mut conn, 8, at + Duration::seconds(31)).await;
    assert_eq!(later.len(), 2, "it waits, and comes with the others again");
    drop(conn);
    db.close().await;
    stage.clear().await;
}

#[tokio::test]
async fn old_deliveries_are_swept_and_failed_ones_stay() {
    let (stage, db) = stage().await;
    let mut conn = system(&db).await;
    let at = now();
    delivery::insert(&mut conn, &[row(1, at), row(2, at), row(3, at)], at).await.unwrap();
    let leased = lease(&mut conn, 100, at).await;
    delivery::mark_sent(&mut conn, leased[0].due.id, at).await.unwrap();
    delivery::cancel(&mut conn, leased[1].due.id, leased[1].due.lease, "not_wanted", at).await.unwrap();
    delivery::fail(&mut conn, leased[2].due.id, leased[2].due.lease, "smtp 550", at).await.unwrap();
    assert_eq!(delivery::sweep(&mut conn, at, 10).await.unwrap(), 0);
    assert_eq!(delivery::sweep(&mut conn, at + Duration::SECOND, 10).await.unwrap(), 2);
    let failed = delivery::failed(&mut conn, None, 10).await.unwrap();
    assert_eq!((failed.len(), failed[0].attempts), (1, 1));
    assert!(delivery::failed(&mut conn, Some((failed[0].ended_at, failed[0].id.uuid())), 10).await.unwrap().is_empty());
    assert_eq!(delivery::oldest_due(&mut conn, at).await.unwrap(), None);
    assert!(delivery::retry(&mut conn, failed[0].id, at).await.unwrap() && !delivery::retry(&mut conn, failed[0].id, at).await.unwrap());
    assert_eq!(delivery::oldest_due(&mut conn, at).await.unwrap(), Some(at));
    assert_eq!(delivery::oldest_pending(&mut conn, Channel::Mail).await.unwrap(), Some(at));
    assert_eq!(delivery::oldest_pending(&mut conn, Channel::Bell).await.unwrap(), None);
    assert_eq!(delivery::counts(&mut conn).await.unwrap().len(), 1);
    drop(conn);
    db.close().await;
    stage.clear().await;
}

#[tokio::test]
async fn a_claim_expires_and_raw_messages_are_forgotten_once_settled() {
    let (stage, db) = stage().await;
    let mut conn = system(&db).await;
    let at = now();
    let portal = "demo".parse().unwrap();
    for (number, id) in [(1, "a@x"), (2, "b@x"), (3, "c@x")] {
        let blob = format!("notifier/inbound/{number}");
        let mail = NewMail { id: Uuid::from_u128(number), portal: &portal, message_id: id, blob: &blob, size: 1, raw_until: at };
        assert!(inbound::insert(&mut conn, &mail, at).await.unwrap());
        assert!(!inbound::insert(&mut conn, &mail, at).await.unwrap());
    }
    let lease = Uuid::from_u128(9);
    let leased = inbound::lease(&mut conn, at, at + Duration::MINUTE, lease, 2).await.unwrap();
    assert_eq!((leased.len(), leased[0].attempts), (2, 1));
    inbound::describe(&mut conn, leased[0].id, lease, "alice@acme.test", "Hello").await.unwrap();
    let claimed = Outcome { state: State::Claimed, ticket_number: Some("DEMO-7".into()), reason: String::new() };
    let claim = Ended { outcome: &claimed, person: Some("p1"), excerpt: "It is me." };
    assert!(inbound::settle(&mut conn, leased[0].id, lease, claim, at).await.unwrap());
    assert!(!inbound::settle(&mut conn, leased[0].id, lease, claim, at).await.unwrap());
    let bulk = Ended { outcome: &Outcome::ignored("bulk"), person: None, excerpt: "Buy now." };
    assert!(inbound::settle(&mut conn, leased[1].id, lease, bulk, at).await.unwrap());
    let mut texts = Vec::new();
    for mail in &leased {
        texts.push(inbound::by_id(&mut conn, mail.id).await.unwrap().unwrap().excerpt);
    }
    assert_eq!(texts, ["It is me.", ""], "kept where somebody has to decide");
    assert_eq!(inbound::from_sender_since(&mut conn, "demo", "alice@acme.test", at - Duration::HOUR).await.unwrap(), 1);

    let later = at + Duration::days(20);
    let outdated = inbound::outdated_raw(&mut conn, later, 10).await.unwrap();
    assert_eq!(outdated, [(leased[1].id, "notifier/inbound/2".to_owned())], "a claim and a queued message keep their bytes");
    inbound::forget_raw(&mut conn, &[leased[1].id]).await.unwrap();
    let mut kept = inbound::with_raw(db.system(), (1..=4).map(Uuid::from_u128).collect()).await.unwrap();
    kept.sort();
    assert_eq!(kept, [1, 3].map(Uuid::from_u128));
    assert_eq!(inbound::expire_claims(&mut conn, at, later).await.unwrap(), 0);
    assert_eq!(inbound::expire_claims(&mut conn, later, later).await.unwrap(), 1);
    let expired = inbound::by_id(&mut conn, leased[0].id).await.unwrap().unwrap();
    assert_eq!((expired.state().unwrap(), expired.reason.as_str(), expired.excerpt.as_str()), (State::Ignored, "expired", ""));
    let word = async |conn: &mut PgConnection, outcome: Outcome, request_id: &str| {
        let decision = inbound::Decision { id: leased[0].id, outcome: &outcome, agent: "a1", request_id };
        inbound::decide(conn, &"demo".parse().unwrap(), &decision, later).await.unwrap()
    };
    assert!(!word(&mut conn, Outcome::ignored("dropped_by_agent"), "r1").await, "it waits no more");
    let added = || Outcome { state: State::CommentAdded, ticket_number: Some("DEMO-1".into()), reason: String::new() };
    assert!(word(&mut conn, added(), "r2").await, "what became a comment meanwhile is one");
    assert!(!word(&mut conn, added(), "r3").await);
    let queued = inbound::lease(&mut conn, at, at, lease, 5).await.unwrap();
    inbound::release(&mut conn, queued[0].id, lease, later, false).await.unwrap();
    assert_eq!(inbound::by_id(&mut conn, queued[0].id).await.unwrap().unwrap().attempts, 0);
    drop(conn);
    db.close().await;
    stage.clear().await;
}

/// S02: a query that sees one portal finds nothing of another, whatever it asks for.
#[tokio::test]
async fn rows_of_another_portal_do_not_exist() {
    let (stage, db) = stage().await;
    let at = now();
    let (demo, other) = ("demo".parse().unwrap(), "other".parse().unwrap());
    let mark = NewNotification {
        id: Uuid::from_u128(1),
        portal: "demo".parse().unwrap(),
        person_id: "alice".into(),
        producer: "tickets".into(),
        event_id: Uuid::from_u128(2),
        aggregate_kind: "ticket".into(),
        aggregate_id: "t".into(),
        kind: "closed",
        created_at: at,
    };
    let mut conn = system(&db).await;
    notification::insert(&mut conn, &[mark.clone(), NewNotification { id: Uuid::from_u128(3), ..mark }]).await.unwrap();
    let address = ReplyAddress { ticket_id: "t".into(), person_id: "alice".into() };
    reply_address::insert(&mut conn, "token", &demo, &address, at).await.unwrap();
    reply_address::insert(&mut conn, "token", &demo, &ReplyAddress { ticket_id: "u".into(), ..address.clone() }, at).await.unwrap();
    drop(conn);

    let mut foreign = db.read(&other, Deadline::default()).await.unwrap();
    assert!(notification::list(&mut foreign, &demo, "alice", false, None, 10).await.unwrap().is_empty());
    assert_eq!(reply_address::get(&mut foreign, &demo, "token").await.unwrap(), None);
    notification::withdraw(&mut foreign, &demo, &[Uuid::from_u128(1)], at).await.unwrap();
    drop(foreign);
    let mut own = db.read(&demo, Deadline::default()).await.unwrap();
    assert_eq!(notification::list(&mut own, &demo, "alice", true, None, 10).await.unwrap().len(), 2);
    assert_eq!(notification::unread(&mut own, &demo, "alice", &[Uuid::from_u128(3)]).await.unwrap(), 1);
    assert_eq!(reply_address::get(&mut own, &demo, "token").await.unwrap(), Some(address));
    assert_eq!(reply_address::get(&mut own, &other, "token").await.unwrap(), None);
    notification::withdraw(&mut own, &demo, &[Uuid::from_u128(1)], at).await.unwrap();
    assert_eq!(notification::unread(&mut own, &demo, "alice", &[]).await.unwrap(), 1);
    drop(own);
    db.close().await;
    stage.clear().await;
}
