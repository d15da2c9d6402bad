//! What `/metrics` shows of work that waits and of work that is turned away (K27).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::Duration;

use crate::common::{Command, Replica};
use portico_chassis::config::{Common, NoConfig};
use portico_chassis::error::Error;
use portico_chassis::testing::{Stage, eventually};
use portico_chassis::{relay, telemetry};
use sqlx::{Connection, PgPool};

/// The value of a metric with a label, as a scrape sees it now.
fn shown(name: &str, label: &str) -> Option<f64> {
    let text = telemetry::metrics();
    let line = text.lines().find(|line| line.split(['{', ' ']).next() == Some(name) && line.contains(label))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// A stream that forgets after a minute is there already (K23).
async fn somebody_made_the_stream(common: &Common) {
    let client = async_nats::connect(common.nats_url.as_ref().unwrap().expose()).await.unwrap();
    let config = async_nats::jetstream::stream::Config {
        name: relay::stream_name(&common.nats_prefix, "tickets"),
        subjects: vec![relay::subjects(&common.nats_prefix, "tickets")],
        max_age: Duration::from_secs(60),
        duplicate_window: Duration::from_secs(30),
        ..Default::default()
    };
    async_nats::jetstream::new(client).create_stream(config).await.unwrap();
}

/// Somebody else has the relay's lease and does nothing with it.
async fn nobody_publishes(pool: &PgPool) {
    let sql = "UPDATE lease SET holder = 'asleep', term = term + 1, until = clock_timestamp() + interval '1 hour' WHERE name = 'relay'";
    eventually("the relay to have its lease", async || {
        let taken = sqlx::query(sql).execute(pool).await.unwrap().rows_affected();
        (taken == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_is_turned_away_is_shown() {
    let mut stage = Stage::new().await;
    let boot = stage.boot("tickets", NoConfig {}).await;
    let _telemetry = telemetry::start("tickets", &boot.common).unwrap();
    somebody_made_the_stream(&boot.common).await;
    let replica = Replica::start_with(boot).await;
    assert_eq!(shown("portico_shed_total", "place=\"counter\""), Some(0.0), "known before the first time");
    assert_eq!(shown("portico_mailbox_capacity", "mailbox=\"journal\""), Some(1024.0));

    replica.create("demo").await;
    eventually("the stream to be seen", async || shown("portico_broker_drift", "thing=\"stream\"").filter(|drift| *drift == 1.0)).await;
    let mut inspector = stage.inspect("tickets").await;
    nobody_publishes(replica.foundation.db.system()).await;
    sqlx::raw_sql(
        "INSERT INTO timer (id, portal, kind, aggregate_id, due_at, next_at) VALUES \
           (gen_random_uuid(), 'demo', 'ring', gen_random_uuid(), clock_timestamp() - interval '1 hour', clock_timestamp() + interval '4 minutes'); \
         INSERT INTO inbox (producer, epoch, position, stopped) VALUES ('identity', '', 0, 'restored'); \
         INSERT INTO parked_event (producer, position, portal, aggregate_id, event, error) VALUES \
           ('identity', 1, 'demo', gen_random_uuid(), '', 'no'), ('identity', 2, 'demo', gen_random_uuid(), '', 'no')",
    )
    .execute(&mut inspector)
    .await
    .unwrap();
    eventually("the outbox, the timer and the inbox to be shown", async || {
        replica.create("demo").await;
        let outbox = shown("portico_relay_backlog", "")? >= 1.0 && shown("portico_relay_age_seconds", "")? > 0.0;
        let timer = shown("portico_timer_overdue_seconds", "")? >= 3600.0;
        let inbox = shown("portico_inbox_stopped", "\"identity\"")? == 1.0 && shown("portico_inbox_parked", "\"identity\"")? == 2.0;
        (outbox && timer && inbox).then_some(())
    })
    .await;

    sqlx::raw_sql("ALTER TABLE inbox RENAME TO away").execute(&mut inspector).await.unwrap();
    eventually("what can't be measured to be absent", async || shown("portico_relay_backlog", "").is_none().then_some(())).await;
    sqlx::raw_sql("ALTER TABLE away RENAME TO inbox").execute(&mut inspector).await.unwrap();
    eventually("it to be measured again", async || shown("portico_relay_backlog", "").map(drop)).await;

    let id = replica.create("demo").await;
    sqlx::raw_sql("BEGIN; SELECT position FROM journal_head FOR UPDATE").execute(&mut inspector).await.unwrap();
    let asks = futures_util::future::join_all((0..600).map(|_| replica.ask("demo", id, Command::Add(1), None)));
    let release = async {
        eventually("commands to wait", async || shown("portico_mailbox_depth", "mailbox=\"counter\"").filter(|depth| *depth > 0.0)).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut inspector).await.unwrap();
    };
    let (answers, ()) = tokio::join!(asks, release);
    let refused = answers.iter().filter(|answer| matches!(answer, Err(Error::Overloaded { .. }))).count();
    assert!(refused > 0);
    assert_eq!(shown("portico_shed_total", "place=\"counter\""), Some(refused as f64));
    assert!(shown("portico_db_connections", "pool=\"app\"").is_some());
    inspector.close().await.unwrap();
    replica.stop().await;
    stage.clear().await;
}
