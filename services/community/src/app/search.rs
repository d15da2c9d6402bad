//! What the search index asks for.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::uuid::Uuid;

use super::Community;
use super::asker::Asker;
use crate::domain::ids::TopicId;
use crate::domain::view::{SearchableTopic, TopicHead};
use crate::store;

/// Rows of one page of a snapshot.
pub const SNAPSHOT_PAGE: i64 = 1000;

impl Community {
    /// Published topics by id, for the index.
    pub async fn documents(&self, portal: &PortalId, ids: &[TopicId], deadline: Deadline) -> Result<Vec<SearchableTopic>, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        store::search::documents(&mut conn, portal, ids).await
    }

    /// Those of the topics that the asker may read now, in the order asked. A portal without a community shows none.
    pub async fn visible(&self, asker: &Asker, ids: &[TopicId]) -> Result<Vec<TopicHead>, Error> {
        let mut conn = match self.enter(asker).await {
            Err(Error::NotFound { .. }) => return Ok(Vec::new()),
            conn => conn?,
        };
        let mut heads = store::listing::readable(&mut conn, &asker.portal, asker.reader.reach(), ids).await?;
        heads.sort_by_key(|head| ids.iter().position(|id| *id == head.id));
        Ok(heads)
    }

    /// Ids and versions of published topics after `after`.
    pub async fn snapshot(&self, portal: Option<&PortalId>, after: Uuid) -> Result<Vec<(String, Uuid, i64)>, Error> {
        store::search::snapshot(self.db.system(), portal, after, SNAPSHOT_PAGE).await
    }
}
