//! Waiting for a condition, never for a time.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

/// How long a test waits for what should happen in a moment; generous, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks again and again until there is an answer; fails the test with `what` after [`PATIENCE`].
pub async fn until<T, F: AsyncFnMut() -> Option<T>>(what: &str, ask: F) -> T {
    within(PATIENCE, what, ask).await
}

/// The same with another patience.
pub async fn within<T, F: AsyncFnMut() -> Option<T>>(patience: Duration, what: &str, mut ask: F) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s in vain: {what}", patience.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asserts that a condition holds during a whole stretch of time: for what must not happen.
pub async fn holds<T: Debug + PartialEq, F: AsyncFnMut() -> T>(stretch: Duration, what: &str, expected: T, mut ask: F) {
    let end = Instant::now() + stretch;
    while Instant::now() < end {
        assert_eq!(ask().await, expected, "{what}");
        tokio::time::sleep(PAUSE).await;
    }
}
