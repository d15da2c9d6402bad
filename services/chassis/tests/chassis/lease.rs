//! Leases: one holder, and a term that grows with each change of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use crate::common::Replica;
use portico_chassis::lease::Lease;
use portico_chassis::testing::Stage;

#[tokio::test]
async fn a_lease_has_one_holder_and_its_term_grows_when_that_changes() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let lease = |holder: &str| Lease::new(replica.foundation.db.system().clone(), "job", holder);
    let (one, two) = (lease("one"), lease("two"));
    assert_eq!(one.hold().await.unwrap(), Some(1));
    assert_eq!(two.hold().await.unwrap(), None);
    assert_eq!(two.keep().await.unwrap(), None);
    assert_eq!(one.hold().await.unwrap(), Some(1), "renewing is no change");
    assert_eq!(one.keep().await.unwrap(), Some(1));
    one.release().await.unwrap();
    assert_eq!(two.hold().await.unwrap(), Some(2));
    assert_eq!(one.keep().await.unwrap(), None, "who gave it back does not believe to have it");
    // The holder dies: its lease ends by itself.
    let mut inspector = stage.inspect("tickets").await;
    sqlx::query("UPDATE lease SET until = clock_timestamp() - interval '1 ms' WHERE name = 'job'").execute(&mut inspector).await.unwrap();
    assert_eq!(one.hold().await.unwrap(), Some(3));
    assert_eq!(two.hold().await.unwrap(), None);
    // Who slept through its own lease comes back with another term: somebody may have worked in between.
    sqlx::query("UPDATE lease SET until = clock_timestamp() - interval '1 ms' WHERE name = 'job'").execute(&mut inspector).await.unwrap();
    assert_eq!(one.hold().await.unwrap(), Some(4));
    replica.stop().await;
    stage.clear().await;
}
