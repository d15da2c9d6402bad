//! State, events and answers commit together (I02, I03, I15); real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::collections::BTreeSet;

use crate::common::{Command, Count, Replica};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::journal::{Claim, Entry, Outcome};
use portico_chassis::testing::Stage;
use uuid::Uuid;

#[tokio::test]
async fn sixty_four_at_once_on_one_counter_lose_nothing() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    let answers = futures_util::future::join_all((0..64).map(|_| replica.ask("demo", id, Command::Add(1), None))).await;
    let values: BTreeSet<i64> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(values, (1..=64).collect());
    assert_versions_are_gapless(&stage).await;
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn two_replicas_on_one_counter_decide_again_and_lose_nothing() {
    let mut stage = Stage::new().await;
    let (one, two) = (Replica::start(&mut stage).await, Replica::start(&mut stage).await);
    let id = one.create("demo").await;
    let asks =
        (0..60).map(|n| if n % 2 == 0 { one.ask("demo", id, Command::Add(1), None) } else { two.ask("demo", id, Command::Add(1), None) });
    let answers = futures_util::future::join_all(asks).await;
    let values: BTreeSet<i64> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(values, (1..=60).collect());
    assert_versions_are_gapless(&stage).await;
    one.stop().await;
    two.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn the_same_request_has_one_effect_and_the_same_answer_on_every_replica() {
    let mut stage = Stage::new().await;
    let (one, two) = (Replica::start(&mut stage).await, Replica::start(&mut stage).await);
    let id = one.create("demo").await;
    let asks = (0..20).map(|n| {
        if n % 2 == 0 { one.ask("demo", id, Command::Add(5), Some("k")) } else { two.ask("demo", id, Command::Add(5), Some("k")) }
    });
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer, Ok(5));
    }
    assert_eq!(one.ask("demo", id, Command::Add(1), None).await, Ok(6));
    assert_eq!(two.ask("demo", id, Command::Add(5), Some("k")).await, Ok(5));
    one.stop().await;
    two.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn a_refusal_is_given_on_fresh_state_only() {
    let mut stage = Stage::new().await;
    let (one, two) = (Replica::start(&mut stage).await, Replica::start(&mut stage).await);
    let id = one.create("demo").await;
    // Replica two has loaded the counter at zero; replica one adds behind its back.
    assert!(two.ask("demo", id, Command::Take(1), None).await.is_err());
    one.ask("demo", id, Command::Add(10), None).await.unwrap();
    assert_eq!(two.ask("demo", id, Command::Take(1), None).await, Ok(9));
    // A request that was answered before is replayed although it would be refused now.
    assert_eq!(one.ask("demo", id, Command::Take(9), Some("take")).await, Ok(0));
    assert_eq!(two.ask("demo", id, Command::Take(9), Some("take")).await, Ok(0));
    assert_eq!(two.ask("demo", id, Command::Take(9), Some("other")).await.unwrap_err().code(), "too_low");
    one.stop().await;
    two.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn a_panic_ends_one_actor_and_the_next_command_finds_a_new_one() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    replica.ask("demo", id, Command::Add(3), None).await.unwrap();
    assert!(matches!(replica.ask("demo", id, Command::Panic, None).await, Err(Error::Elsewhere(_))));
    assert_eq!(replica.ask("demo", id, Command::Add(1), None).await, Ok(4));
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn another_portal_sees_nothing() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    assert_eq!(replica.ask("other", id, Command::Add(1), None).await, Err(Error::NOT_FOUND));
    // S66c: the fence holds also for a query that forgot its portal.
    let mut conn = replica.foundation.db.read(&"other".parse().unwrap(), Deadline::default()).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM counter").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(seen, 0);
    drop(conn);
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn numbers_are_gapless_and_claims_have_one_owner() {
    let mut stage = Stage::new().await;
    let (one, two) = (Replica::start(&mut stage).await, Replica::start(&mut stage).await);
    let entry = |replica: &Replica, key: String| {
        let owner = replica.boot.random.uuid(replica.boot.clock.now());
        Entry::<Count>::new("demo".parse().unwrap(), "system", replica.boot.clock.now())
            .claim(Claim::Take { space: "name", key, owner })
            .numbered("number", |number, finish| finish.answer = number.to_string().into_bytes())
    };
    // Half of the names are wanted twice: the loser must not cost a number.
    let appends = (0..40).map(|n| {
        let replica = if n % 2 == 0 { &one } else { &two };
        replica.foundation.journal.append_one(entry(replica, format!("n{}", n / 2)), Deadline::default())
    });
    let mut numbers = BTreeSet::new();
    let mut lost = 0;
    for outcome in futures_util::future::join_all(appends).await {
        match outcome.unwrap() {
            Outcome::Committed(committed) => assert!(numbers.insert(committed.number.unwrap())),
            Outcome::ClaimTaken { space: "name" } => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((numbers, lost), ((1..=20).collect(), 20));
    one.stop().await;
    two.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn an_entry_that_the_database_refuses_does_not_take_strangers_down() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let good = replica.create("demo").await;
    let now = replica.boot.clock.now();
    // A row of another portal violates row-level security.
    let bad = Entry::new("demo".parse().unwrap(), "system", now).write(Count {
        portal: "other".parse().unwrap(),
        id: Uuid::now_v7(),
        value: 1,
        version: 1,
    });
    let (refused, added) =
        tokio::join!(replica.foundation.journal.append_one(bad, Deadline::default()), replica.ask("demo", good, Command::Add(1), None));
    assert!(matches!(refused, Err(Error::Internal(_))), "{refused:?}");
    assert_eq!(added, Ok(1));
    replica.stop().await;
    stage.clear().await;
}

/// I03: per aggregate, the versions in the journal are 1, 2, 3, … up to the table's.
async fn assert_versions_are_gapless(stage: &Stage) {
    let mut conn = stage.inspect("tickets").await;
    let wrong: Vec<Uuid> = sqlx::query_scalar(
        "SELECT a.id FROM aggregate a JOIN journal j ON j.aggregate_id = a.id JOIN counter c ON c.id = a.id \
         GROUP BY a.id, a.version, c.version HAVING count(*) <> a.version OR max(j.version) <> a.version OR c.version <> a.version",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let (rows, last, chained): (i64, i64, bool) = sqlx::query_as(
        "SELECT count(*), max(position), bool_and(previous_event IS NOT DISTINCT FROM before) \
           FROM (SELECT position, previous_event, lag(event_id) OVER (ORDER BY position) AS before FROM journal) AS j",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert!(rows == last && chained, "positions have a gap or the chain is broken");
}
