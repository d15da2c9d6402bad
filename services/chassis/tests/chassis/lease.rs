//! Leases: one holder, and a term that grows with each change of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::Duration;

use crate::common::Replica;
use portico_chassis::lease::Lease;
use portico_chassis::testing::Stage;
use portico_chassis::testing::lease::Row;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

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

/// The property tests and the simulation store leases in `testing::lease::Row`: it does what the statements do.
#[tokio::test]
async fn the_pure_row_of_the_simulation_does_what_the_statements_do() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let pool = replica.foundation.db.system().clone();
    let mut inspector = stage.inspect("tickets").await;
    let leases = ["one", "two", "three"].map(|holder| (holder, Lease::new(pool.clone(), "compared", holder)));
    let (mut row, mut now) = (None::<Row>, Duration::ZERO);
    let mut random = StdRng::seed_from_u64(1);
    let (mut had, mut refused, mut last) = (0, 0, 0);
    for step in 0..150 {
        // Some time passes on both sides, but by far not a lease's life.
        now += Duration::from_millis(1);
        let (holder, lease) = &leases[random.random_range(0..leases.len())];
        match random.random_range(0..10) {
            0 => {
                let past = "UPDATE lease SET until = clock_timestamp() - interval '1 ms' WHERE name = 'compared'";
                sqlx::query(past).execute(&mut inspector).await.unwrap();
                row.iter_mut().for_each(|row| row.until = now - Duration::from_micros(1));
            }
            1 => {
                lease.release().await.unwrap();
                Row::release(&mut row, holder, now);
            }
            _ => {
                let (real, pure) = (lease.hold().await.unwrap(), Row::hold(&mut row, holder, now));
                assert_eq!(real, pure, "step {step}, {holder}");
                had += i32::from(real.is_some());
                refused += i32::from(real.is_none());
                last = real.unwrap_or(last);
            }
        }
    }
    assert!(had > 20 && refused > 20 && last > 5, "all of it was tried: {had} {refused} {last}");
    replica.stop().await;
    stage.clear().await;
}
