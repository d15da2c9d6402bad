//! How much one person or address may write in an hour. Agents may write as much as they like.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use time::{Duration, OffsetDateTime};

use super::Tickets;
use super::asker::Asker;
use super::create::GuestInput;
use crate::domain::ids::PersonId;
use crate::domain::kinds::ItemKind;
use crate::domain::policy::Rules;
use crate::store;
use crate::store::item::Written;

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
            (Some(viewer), _) => {
                store::item::written_since(conn, &asker.portal, &Written { person: viewer.person, kind: ItemKind::Created, since, limit })
                    .await?
            }
            (None, Some(guest)) => store::ticket::asked_since(conn, &asker.portal, &guest.email, since, limit).await?,
            (None, None) => return Ok(()),
        };
        within(made, limit)
    }

    /// Whether a customer may write one more of a kind, and whom to tell of it: one round trip.
    ///
    /// # Errors
    /// `RateLimited` after as many as the settings allow in an hour.
    pub(super) async fn quota_and_agents(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        customer: PersonId,
        kind: ItemKind,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<Vec<PersonId>, Error> {
        let limit = match kind {
            ItemKind::Created => self.hourly(rules.limits.tickets_per_hour_per_person, TICKETS_PER_HOUR),
            _ => self.hourly(rules.limits.comments_per_hour_per_person, COMMENTS_PER_HOUR),
        };
        let written = Written { person: customer, kind, since: now - Duration::HOUR, limit };
        let (made, agents) = store::person::support_and_written(conn, &asker.portal, super::AGENTS_TOLD, &written).await?;
        within(made, limit)?;
        Ok(agents)
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
