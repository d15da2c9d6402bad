//! Every process is replaced by one of the next version, and that by one of this version again, under the load of a rolling restart (F32, K19, K37).
//!
//! The next version is this build with `PORTICO_TEST_NEXT` in its environment (the chassis' `next_version.rs`): it adds a column to every table, and
//! says more in events, calls and answers. The way back takes nothing back from the databases. Services go in the order of their calls
//! and the other way round, so that each meets older and newer ones on both sides.

use std::collections::HashMap;
use std::time::Duration;

use portico_proto::events::v1::Envelope;
use prost::Message;
use tokio::time::sleep;

use super::bench::{Bench, SERVICES};
use super::parity;
use super::rolling::{Disturbance, nobody_notices, renew};
use crate::broker;
use crate::stack::World;

/// The variable that has a process play the next version.
const NEXT: (&str, &str) = ("PORTICO_TEST_NEXT", "1");
/// What the next version adds to its messages.
const FIELD: &[u8] = b"\xfa\x7c\x13of the next version";
/// How long the two replicas of a service differ, beside the time that the next start takes.
const MIXED: Duration = Duration::from_secs(2);

/// Nobody notices that each process was replaced by one of another version, in either order of services, there and back.
pub(super) async fn rolled(bench: &mut Bench) {
    let rounds: [Disturbance; 2] = [
        |bench, _| Box::pin(there_and_back(bench, SERVICES)),
        |bench, _| {
            let mut services = SERVICES;
            services.reverse();
            Box::pin(there_and_back(bench, services))
        },
    ];
    Box::pin(nobody_notices(bench, "F32", &rounds)).await;
    for service in bench.world.services() {
        has_a_newer_schema(&bench.world, &service).await;
        let handed = events_are_handed_on_whole(&bench.world, &service).await;
        if service == "tickets" {
            let (newer, older) = (handed.of_next_by_this, handed.of_this_by_next);
            assert!(newer > 0 && older > 0, "both versions published what the other one wrote (F32): {handed:?}");
            assert!(!handed.last_by_next, "this version writes again (F32)");
            bench.note += &format!("; events of N+1 published by N: {newer}, of N by N+1: {older}");
        }
    }
}

async fn there_and_back(bench: &Bench, services: [&'static str; 6]) {
    for is_next in [true, false] {
        for service in services {
            for process in bench.world.replicas(service) {
                if is_next {
                    bench.world.arm(&process, &[NEXT]);
                } else {
                    bench.world.disarm(&process);
                }
                renew(bench, &process).await;
                sleep(MIXED).await;
            }
        }
    }
}

/// The next version migrated, each step once, and this one has been started on it since.
async fn has_a_newer_schema(world: &World, service: &str) {
    let mut connection = parity::connect(world, service).await.expect("the database answers");
    // The list of migrations is the owner's.
    sqlx::query("RESET ROLE").execute(&mut connection).await.expect("the owner");
    let question = "SELECT description FROM _sqlx_migrations WHERE success AND description LIKE 'next %' ORDER BY version";
    let made: Vec<String> = sqlx::query_scalar(question).fetch_all(&mut connection).await.expect("migrations");
    assert_eq!(made, ["next table", "next columns"], "of {service} (K19)");
}

/// Who published what the other version wrote, and whether the next version wrote the newest event.
#[derive(Debug, Default)]
struct Handed {
    of_next_by_this: usize,
    of_this_by_next: usize,
    last_by_next: bool,
}

/// Whichever version published an event, it has what the version that wrote it said.
async fn events_are_handed_on_whole(world: &World, service: &str) -> Handed {
    let mut connection = parity::connect(world, service).await.expect("the database answers");
    let question = "SELECT position, body FROM journal ORDER BY position";
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(question).fetch_all(&mut connection).await.expect("the journal");
    let mut handed = Handed { last_by_next: rows.last().is_some_and(|(_, body)| says_more(body)), ..Handed::default() };
    let written: HashMap<i64, Vec<u8>> = rows.into_iter().collect();
    for message in broker::messages(world, service).await {
        let envelope = Envelope::decode(message.as_slice()).expect("an envelope");
        assert_eq!(written.get(&envelope.position), Some(&envelope.body), "{service}, event {} (F32, I03)", envelope.position);
        // Decoding forgets what the publisher added beside the body, so the message is longer than what is left.
        match (says_more(&envelope.body), message.len() > envelope.encoded_len()) {
            (true, false) => handed.of_next_by_this += 1,
            (false, true) => handed.of_this_by_next += 1,
            _ => {}
        }
    }
    handed
}

fn says_more(body: &[u8]) -> bool {
    body.ends_with(FIELD)
}
