//! Work that nobody asks for: done again and again by one replica, for as long as it holds the lease of its name.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::error::Error;
use crate::lease::Lease;
use crate::run::{Boot, Phase};

/// After the start, and after a failure, it is tried within this time however seldom it is done.
const SOON: Duration = Duration::from_secs(20);
/// What failed is left alone for this long at least.
const REST: Duration = Duration::from_secs(1);
/// One warning in this time, however often it fails.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Starts `work`, which ends with the intake: what it is doing then is dropped at its next await, so each step of it must be whole. It gets
/// the lease, to renew it when it works for long ([`Lease::keep`]).
pub fn start<C, F>(boot: &Boot<C>, db: &Db, name: &'static str, every: Duration, work: impl FnMut(Lease) -> F + Send + 'static)
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let lease = Lease::new(db.system().clone(), name, boot.common.replica.clone());
    boot.tasks.spawn_vital(Phase::Intake, name, move |stop| run(name, every, lease, work, stop));
}

/// How long it rests after it was done, or failed.
fn pause(every: Duration, went_well: bool) -> Duration {
    if went_well { every } else { every.clamp(REST, SOON) }
}

async fn run<F>(name: &'static str, every: Duration, lease: Lease, mut work: impl FnMut(Lease) -> F + Send, stop: CancellationToken)
where
    F: Future<Output = Result<(), Error>> + Send,
{
    let mut wait = every.min(SOON);
    let mut warned: Option<Instant> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => break,
        }
        let done = tokio::select! {
            done = async { if lease.keep().await?.is_some() { work(lease.clone()).await } else { Ok(()) } } => done,
            () = stop.cancelled() => break,
        };
        wait = pause(every, done.is_ok());
        if let Err(error) = done
            && warned.is_none_or(|at| at.elapsed() >= WARN_EVERY)
        {
            tracing::warn!(chore = name, %error, "it is put off");
            warned = Some(Instant::now());
        }
    }
    // So that another replica need not wait until it runs out.
    if let Err(error) = lease.release().await {
        tracing::debug!(%error, "a lease runs out by itself");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What fails is tried soon however seldom it is done, and never in a tight loop.
        #[test]
        fn what_fails_is_tried_again_soon_and_not_at_once(milliseconds in 0_u64..100_000_000) {
            let every = Duration::from_millis(milliseconds);
            prop_assert_eq!(pause(every, true), every);
            prop_assert!((REST..=SOON).contains(&pause(every, false)));
            prop_assert!(pause(every, false) <= every.max(REST));
        }
    }
}
