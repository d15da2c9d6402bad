//! What leaves by time, and the parts of the store that run rarely.

use portico_chassis::sqlx;
use portico_community::domain::ids::{CopyId, TopicId};
use portico_community::store;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;
use time::Duration;

use crate::kit::{World, alice, topic};

#[tokio::test]
async fn addresses_leave_after_eight_days_and_counts_after_two() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let wish = wire::CreateTopicRequest { notify_emails: vec!["bob@acme.test".into()], ..topic("T", &forum.slug) };
    world.create(&alice(), wish).await.unwrap();
    let pool = world.db.system();
    let now = portico_chassis::clock::Clock::start().now();
    assert!(store::copy::count(pool, b"hash", CopyId::new(sqlx::types::Uuid::now_v7()), 5, now).await.unwrap());
    assert_eq!(store::housekeeping::sweep(pool, now + Duration::days(1)).await.unwrap(), 0);
    assert_eq!(store::housekeeping::sweep(pool, now + Duration::days(3)).await.unwrap(), 1, "the count");
    assert_eq!(store::housekeeping::sweep(pool, now + Duration::days(9)).await.unwrap(), 1, "the copy");
    world.end().await;
}

#[tokio::test]
async fn a_topic_that_is_being_written_gets_its_views_next_time() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let busy: TopicId = world.question(&alice(), "Busy", &forum.slug).await.id.parse().unwrap();
    let idle: TopicId = world.question(&alice(), "Idle", &forum.slug).await.id.parse().unwrap();
    let pool = world.db.system();
    let mut writer = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM topic WHERE id = $1 FOR UPDATE").bind(busy).execute(&mut *writer).await.unwrap();
    assert_eq!(store::view_count::add(pool, &[(busy, 2), (idle, 3)]).await.unwrap(), [idle]);
    writer.rollback().await.unwrap();
    assert_eq!(store::view_count::add(pool, &[(busy, 2)]).await.unwrap(), [busy]);
    world.end().await;
}

#[tokio::test]
async fn without_a_portal_the_database_shows_no_rows() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    world.question(&alice(), "T", &forum.slug).await;
    let mut conn = world.db.read(&"other".parse().unwrap(), portico_chassis::deadline::Deadline::default()).await.unwrap();
    for table in ["forum", "topic", "post", "attachment", "vote", "follow", "report", "copy", "person", "topic_tag"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await.unwrap();
        assert_eq!(rows, 0, "{table} shows rows of another portal");
    }
    drop(conn);
    world.end().await;
}
