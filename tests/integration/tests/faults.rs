//! About two minutes of the fault matrix, on one stack: processes are told to end, are killed and die between two steps, servers are killed, and
//! nothing that was acknowledged is lost or doubled. `./test --faults` plays the whole matrix; `PORTICO_TEST_SEED` repeats a run.

#![allow(clippy::print_stderr, reason = "the seed is told, and how long each cell took")]

use std::time::Instant;

use portico_integration_tests::cells::{Cell, Setting, selection};
use portico_integration_tests::plan::Plan;

/// F04 and F01, one fail-point of F02, F07 or F13, and one of F03, F06 and F14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seeded_selection_of_the_fault_matrix_holds() {
    let plan = Plan::from_env();
    let cells = selection(plan);
    eprintln!("PORTICO_TEST_SEED={} plays {cells:?}", plan.seed);
    let begun = Instant::now();
    let began = |cell: &Cell| eprintln!("{:>4} s {cell:?}", begun.elapsed().as_secs());
    let outcome = Box::pin(Cell::play_in_turn(&cells, Setting::short(plan), began)).await;
    eprintln!("{:>4} s {outcome:?}", begun.elapsed().as_secs());
    assert!(outcome.counts.ok > 0, "the load did something");
}
