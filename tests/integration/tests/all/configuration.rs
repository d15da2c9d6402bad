//! Wrong configuration (F31): what is started and looked at is in `portico_integration_tests::configuration`.

#![allow(clippy::panic, reason = "tests end at the first surprise")]

use portico_integration_tests::configuration::{ended_with_right_values, wrong_starts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_value_ends_the_start_at_once_with_its_key_and_without_its_text() {
    let (wrong, all) = wrong_starts().await;
    assert!(all > 0 && wrong.is_empty(), "{} wrong starts of {all}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same values without the wrong one are taken: what was refused was refused for its own sake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn right_values_are_taken_and_the_database_is_waited_for() {
    let ended = ended_with_right_values().await;
    assert!(ended.is_empty(), "{ended:?}");
}
