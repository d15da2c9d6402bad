//! Keeps one defective item from ending the worker that handles it.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Runs `work`; `None` when it panicked. What it held is given up: workers keep their state in the database, not in memory.
pub async fn guarded<T>(what: &'static str, work: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(value) => Some(value),
        Err(_) => {
            tracing::error!(what, "a worker's item panicked");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_item_alone() {
        assert_eq!(guarded("good", async { 7 }).await, Some(7));
        assert_eq!(
            guarded("bad", async {
                if true {
                    panic!("on purpose")
                }
            })
            .await,
            None
        );
    }
}
