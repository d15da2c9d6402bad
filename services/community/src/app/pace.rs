//! How much one person may write in an hour.

use std::time::Duration;

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use time::OffsetDateTime;

use super::Community;
use super::asker::Asker;
use crate::domain::ids::PersonId;
use crate::store;
use crate::store::pace::Written;

/// The window that writing is counted in.
const HOUR: time::Duration = time::Duration::HOUR;

impl Community {
    /// Refuses somebody who writes more than the portal's settings allow. Counted before the commit, so requests that arrive at one moment may
    /// go over by their number.
    pub(super) async fn keep_pace(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        writer: PersonId,
        what: Written,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let policy = self.settings.get(&asker.portal).await?.part;
        let set = match what {
            Written::Topics => policy.topics_per_hour,
            Written::Posts => policy.posts_per_hour,
        };
        let most = set.saturating_mul(self.limit_factor.max(1));
        let (count, oldest) = store::pace::since(conn, &asker.portal, writer, what, now - HOUR).await?;
        if u64::try_from(count).unwrap_or(0) < most {
            return Ok(());
        }
        let free_at = oldest.map_or(now, |oldest| oldest + HOUR);
        let seconds = u64::try_from((free_at - now).whole_seconds()).unwrap_or(0).max(1);
        Err(Error::RateLimited { code: "rate_limited".into(), retry_after: Duration::from_secs(seconds) })
    }
}
