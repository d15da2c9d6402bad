//! Admission is fair per portal (S66i, F35): one portal that floods is shed and the others keep their pace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::common::{Command, Count, Replica};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::journal::{AggregateRef, Entry, NewEvent};
use portico_chassis::testing::Stage;
use portico_proto::events::v1::EventBody;

/// Writers of the portal that floods: more than the journal's mailbox holds.
const FLOOD: usize = 1200;

/// One new counter of a portal, in an entry of its own.
fn entry(replica: &Replica, portal: &str) -> Entry<Count> {
    let now = replica.boot.clock.now();
    let id = replica.boot.random.uuid(now);
    let portal: portico_chassis::ids::PortalId = portal.parse().unwrap();
    Entry::new(portal.clone(), "system", now)
        .expect("counter", id, 0)
        .events([NewEvent {
            id: replica.boot.random.uuid(now),
            aggregate: AggregateRef { kind: "counter", id },
            body: EventBody::default(),
        }])
        .write(Count { portal, id, value: 0, version: 1 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_that_floods_is_shed_and_another_one_is_served() {
    let mut stage = Stage::new().await;
    let replica = Arc::new(Replica::start(&mut stage).await);
    let quiet = replica.create("quiet").await;
    let (over, shed, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let flood: Vec<_> = (0..FLOOD)
        .map(|_| {
            let (replica, over, shed, taken) = (replica.clone(), over.clone(), shed.clone(), taken.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Acquire) {
                    match replica.foundation.journal.append_one(entry(&replica, "hog"), Deadline::default()).await {
                        Ok(_) => _ = taken.fetch_add(1, Ordering::Relaxed),
                        // On a slow machine what waits behind the portal's own share may come too late.
                        Err(Error::Deadline) => {}
                        Err(error) => {
                            assert!(matches!(error, Error::Overloaded { .. }), "{error}");
                            let pause = error.retry_after().expect("who is shed is told when to come back");
                            shed.fetch_add(1, Ordering::Relaxed);
                            // A client that comes back too early, as floods do.
                            tokio::time::sleep(pause / 50).await;
                        }
                    }
                }
            })
        })
        .collect();
    portico_chassis::testing::eventually("the flood to be shed", async || (shed.load(Ordering::Relaxed) > 0).then_some(())).await;

    // Between one answer to the quiet portal and the next at most a few transactions take place: it never waits behind the whole flood.
    for turn in 1..=20 {
        let before = taken.load(Ordering::Relaxed);
        assert_eq!(replica.ask("quiet", quiet, Command::Add(1), None).await, Ok(turn), "the quiet portal is never shed");
        let meanwhile = taken.load(Ordering::Relaxed) - before;
        assert!(meanwhile <= 4 * 256, "{meanwhile} entries of the flood went before one of the quiet portal");
    }
    over.store(true, Ordering::Release);
    for writer in flood {
        writer.await.unwrap();
    }
    assert!(taken.load(Ordering::Relaxed) > 0, "the flood is served as far as its share goes");
    Arc::into_inner(replica).unwrap().stop().await;
    stage.clear().await;
}
