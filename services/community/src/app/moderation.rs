//! Moderation: what people reported, for agents.

use portico_chassis::error::Error;

use super::Community;
use super::asker::Asker;
use crate::domain::ids::ReportId;
use crate::domain::listing::{Page, Position};
use crate::domain::moderation::Report;
use crate::domain::view::ReportView;
use crate::store;

impl Community {
    /// Reports about topics that still stand, newest first. Agents.
    pub async fn reports(&self, asker: &Asker, after: Option<Position>, limit: i64) -> Result<Page<ReportView>, Error> {
        if !asker.reader.staff() {
            return Err(Error::forbidden());
        }
        let mut conn = self.enter(asker).await?;
        let rows = store::report::newest(&mut conn, &asker.portal, after, limit + 1).await?;
        Ok(Page::cut(rows, limit))
    }

    /// A report with a name of its own.
    pub fn new_report(&self, reason: String) -> Report {
        Report { id: ReportId::new(self.random.uuid(self.clock.now())), reason }
    }
}
