//! Wakes the workers of this replica when it stored something for them; they also look on a period, for what others stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long a worker waits when nobody wakes it.
pub const PERIOD: Duration = Duration::from_secs(1);

/// One signal for each worker of this replica.
#[derive(Debug, Clone, Default)]
pub struct Wakes {
    /// Mails are due.
    pub mail: Arc<Notify>,
    /// Bell marks are due.
    pub bell: Arc<Notify>,
    /// Messages came in.
    pub inbound: Arc<Notify>,
}

impl Wakes {
    /// Deliveries were stored.
    pub fn deliveries(&self) {
        self.mail.notify_one();
        self.bell.notify_one();
    }
}

/// Waits for a signal or the period; false when the process stops.
pub async fn wait(signal: &Notify, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = signal.notified() => true,
        () = tokio::time::sleep(PERIOD) => true,
    }
}
