//! Revocations: what makes tokens void, told to every replica and honoured here.

use std::time::Duration as StdDuration;

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use time::Duration;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::domain::revocation::{Page, Revoked};
use crate::store::revocation;

/// Longer than any token lives.
const HORIZON: Duration = Duration::minutes(10);
/// Rows of a page.
const PAGE: i64 = 2000;
/// How often identity reads its own feed: another replica's revocations.
const TICK: StdDuration = StdDuration::from_secs(1);

impl App {
    /// What was revoked after a position; position 0 gives everything that may still matter.
    pub async fn revocations(&self, after: i64) -> Result<Page, Error> {
        revocation::after(self.db.system(), after.max(0), self.clock.now() - HORIZON, PAGE).await
    }

    /// Honours at once what this replica has just committed.
    pub fn honour(&self, portal: &PortalId, voided: &[Revoked]) {
        for revoked in voided {
            match revoked {
                Revoked::Session(session) => self.tokens.revocations().end_session(session.uuid()),
                Revoked::Generation(person, generation) => self.tokens.revocations().raise_generation(portal, person.uuid(), *generation),
            }
        }
    }

    /// Reads the feed for as long as the process serves, so that this replica honours what others committed.
    pub async fn follow_revocations(self, stop: CancellationToken) {
        let mut after = 0;
        loop {
            match self.revocations(after).await {
                Ok(page) => {
                    after = page.next;
                    for (portal, revoked) in page.rows {
                        if let Ok(portal) = portal.parse() {
                            self.honour(&portal, &[revoked]);
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "the revocation feed could not be read"),
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
