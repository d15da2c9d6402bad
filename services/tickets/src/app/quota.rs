//! How much one person or address may write in an hour. Agents may write as much as they like.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use time::{Duration, OffsetDateTime};

use super::Tickets;
use super::asker::Asker;
use super::create::GuestInput;
use crate::domain::kinds::ItemKind;
use crate::domain::policy::Rules;
use crate::store;

/// Tickets that one person or address may make in an hour where the settings say nothing.
const TICKETS_PER_HOUR: u32 = 60;
/// Comments that one person may write in an hour where the settings say nothing.
const COMMENTS_PER_HOUR: u32 = 120;

impl Tickets {
    /// Whether the asker, or a guest's address, may make one more ticket.
    ///
    /// # Errors
    /// `RateLimited` after `limits.tickets_per_hour_per_person`.
    pub(super) async fn check_quota(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        guest: Option<&GuestInput>,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let limit = self.hourly(rules.limits.tickets_per_hour_per_person, TICKETS_PER_HOUR);
        let since = now - Duration::HOUR;
        let made = match (asker.as_viewer(), guest) {
            (Some(viewer), _) if viewer.staff => return Ok(()),
            (Some(viewer), _) => store::item::written_since(conn, &asker.portal, viewer.person, ItemKind::Created, since, limit).await?,
            (None, Some(guest)) => store::ticket::asked_since(conn, &asker.portal, &guest.email, since, limit).await?,
            (None, None) => return Ok(()),
        };
        within(made, limit)
    }

    /// Whether the asker may write one more comment.
    ///
    /// # Errors
    /// `RateLimited` after `limits.comments_per_hour_per_person`.
    pub(super) async fn check_comments(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let Some(viewer) = asker.as_viewer().filter(|viewer| !viewer.staff) else { return Ok(()) };
        let limit = self.hourly(rules.limits.comments_per_hour_per_person, COMMENTS_PER_HOUR);
        let since = now - Duration::HOUR;
        let written = store::item::written_since(conn, &asker.portal, viewer.person, ItemKind::Comment, since, limit).await?;
        within(written, limit)
    }

    fn hourly(&self, set: u32, otherwise: u32) -> i64 {
        let limit = u64::from(if set == 0 { otherwise } else { set }).saturating_mul(self.limit_factor.max(1));
        i64::try_from(limit).unwrap_or(i64::MAX)
    }
}

fn within(done: i64, limit: i64) -> Result<(), Error> {
    if done < limit {
        return Ok(());
    }
    Err(Error::RateLimited { code: "rate_limited".into(), retry_after: std::time::Duration::from_secs(300) })
}
