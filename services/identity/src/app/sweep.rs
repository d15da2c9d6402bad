//! Removing rows of no use, now and then.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::App;
use crate::store;

impl App {
    /// Sweeps for as long as the process serves. Two replicas that sweep at once harm nobody.
    pub async fn sweep(self, every: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => return,
            }
            match store::sweep::sweep(self.db.system(), self.clock.now()).await {
                Ok(rows) => tracing::debug!(rows, "swept"),
                Err(error) => tracing::warn!(%error, "old rows could not be removed"),
            }
        }
    }
}
