//! Copies: what a writer may still send, and what an address still gets.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::Community;
use super::asker::Asker;
use crate::domain::address::COPIES_MAX;
use crate::domain::copy::{Allowance, COPIES_PER_ADDRESS, COPIES_PER_WRITER, COPY_WINDOW_SECONDS};
use crate::domain::ids::{CopyId, PersonId};
use crate::store;

impl Community {
    /// What this person may still send, with names for the copies.
    pub(super) async fn allowance(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        writer: PersonId,
        now: OffsetDateTime,
    ) -> Result<Allowance, Error> {
        let (sent, oldest) = store::copy::sent(conn, &asker.portal, writer, now).await?;
        let free_at = oldest.map_or(now, |oldest| oldest + Duration::seconds(COPY_WINDOW_SECONDS));
        let ids = (0..COPIES_MAX).map(|_| CopyId::new(self.random.uuid(now))).collect();
        let retry_after = u64::try_from((free_at - now).whole_seconds()).unwrap_or(0);
        let most = self.widened(COPIES_PER_WRITER);
        Ok(Allowance { most, sent: usize::try_from(sent).unwrap_or(usize::MAX), retry_after, ids })
    }

    /// Whether the address still gets this copy; asking again gives the same answer.
    pub(super) async fn address_allows(&self, address: &str, id: CopyId) -> Result<bool, Error> {
        let hash = Sha256::digest(address.as_bytes());
        store::copy::count(self.db.system(), &hash, id, self.widened(COPIES_PER_ADDRESS), self.clock.now()).await
    }

    fn widened(&self, limit: usize) -> usize {
        limit.saturating_mul(usize::try_from(self.limit_factor.max(1)).unwrap_or(usize::MAX))
    }
}
