//! Actors: bounded mailboxes, deadlines, passivation, and what a panic takes down (S44, I17).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::{Duration, Instant};

use crate::common::{self, BROKEN, Command, Count, Counters, Replica};
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::{Asked, Directory};
use portico_chassis::error::Error;
use portico_chassis::journal::Entry;
use portico_chassis::testing::{Stage, eventually};
use sqlx::{Connection, PgConnection};

/// Holds the journal's head, so that every commit waits.
async fn hold_the_head(stage: &Stage) -> PgConnection {
    let mut conn = stage.inspect("tickets").await;
    sqlx::raw_sql("BEGIN; SELECT position FROM journal_head FOR UPDATE").execute(&mut conn).await.unwrap();
    conn
}

fn asked(id: common::CounterId) -> Asked<common::CounterId> {
    Asked { portal: "demo".parse().unwrap(), id, actor: "system".into(), request: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_passivates_loses_no_command() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let definition = Counters { db: replica.foundation.db.clone(), boot: replica.boot.clone() };
    let (db, journal, tasks) = (replica.foundation.db.clone(), replica.foundation.journal.clone(), replica.boot.tasks.clone());
    // So impatient that it passivates between any two commands.
    let counters = Directory::passivating(definition, db, journal, tasks, Duration::from_micros(200));
    let id = replica.create("demo").await;
    let asking = async |askers: usize| {
        for _ in 0..25 {
            counters.ask(asked(id), Command::Add(1), Deadline::default()).await.unwrap();
            tokio::time::sleep(Duration::from_micros(100 * askers as u64)).await;
        }
    };
    futures_util::future::join_all((0..8).map(asking)).await;
    let sum = counters.ask(asked(id), Command::Add(0), Deadline::default()).await.unwrap();
    assert_eq!(sum, b"200");
    eventually("all actors to be gone", async || (counters.actors() == 0).then_some(())).await;
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_sheds_at_once_and_what_it_took_in_is_answered() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    let mut head = hold_the_head(&stage).await;
    let asks = futures_util::future::join_all((0..600).map(|_| replica.ask("demo", id, Command::Add(1), None)));
    let release = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut head).await.unwrap();
    };
    let begun = Instant::now();
    let (answers, ()) = tokio::join!(asks, release);
    assert!(begun.elapsed() < Duration::from_secs(11), "nobody hangs");
    let shed = answers.iter().filter(|answer| matches!(answer, Err(Error::Overloaded { .. }))).count();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(shed > 0 && done >= 256, "{shed} were shed, {done} done");
    assert_eq!(shed + done, 600, "nobody is told anything else");
    assert_eq!(replica.ask("demo", id, Command::Add(0), None).await, Ok(done as i64));
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_came_too_late_has_no_effect() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    replica.ask("demo", id, Command::Add(0), None).await.unwrap();
    let mut head = hold_the_head(&stage).await;
    let in_time = replica.ask("demo", id, Command::Add(1), None);
    let waiting = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        // Behind the commit that waits: one that is still of use, and behind it one that is not when its turn comes.
        let patient = replica.ask("demo", id, Command::Add(10), None);
        let impatient = replica.counters.ask(asked(id), Command::Add(100), Deadline::within(Duration::from_millis(300)));
        let release = async {
            tokio::time::sleep(Duration::from_millis(600)).await;
            sqlx::raw_sql("ROLLBACK").execute(&mut head).await.unwrap();
        };
        tokio::join!(patient, impatient, release)
    };
    let (first, (second, late, ())) = tokio::join!(in_time, waiting);
    assert_eq!((first, second), (Ok(1), Ok(11)));
    assert_eq!(late, Err(Error::Deadline));
    assert_eq!(replica.ask("demo", id, Command::Add(0), None).await, Ok(11));
    head.close().await.unwrap();
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_on_an_aggregate_that_nobody_expects_is_a_defect_and_not_tried_again() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    let begun = Instant::now();
    let refused = replica.ask("demo", id, Command::Stray, None).await;
    assert!(matches!(refused, Err(Error::Internal(_))), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "it is no hot loop until the deadline");
    assert_eq!(replica.ask("demo", id, Command::Add(1), None).await, Ok(1));
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_journals_writer_makes_the_replica_not_ready_and_ends_it() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let id = replica.create("demo").await;
    // A command that panics takes down its actor alone.
    replica.ask("demo", id, Command::Panic, None).await.unwrap_err();
    assert!(tokio::time::timeout(Duration::from_millis(200), replica.boot.tasks.broken()).await.is_err());
    let now = replica.boot.clock.now();
    let count = Count { portal: "demo".parse().unwrap(), id: id.uuid(), value: BROKEN, version: 2 };
    let entry = Entry::new("demo".parse().unwrap(), "system", now).write(count);
    assert!(replica.foundation.journal.append_one(entry, Deadline::default()).await.is_err());
    assert_eq!(replica.boot.tasks.broken().await, "journal");
    assert!(replica.boot.readiness.failing().contains(&("tasks".to_owned(), "journal broke down".to_owned())));
    replica.stop().await;
    stage.clear().await;
}
