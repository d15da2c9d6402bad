//! The community's topics in the search: marked by its events, fetched in batches, compared with a snapshot now and then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portico_chassis::chore;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::keeper::{self, Keeper};
use portico_chassis::run::Boot;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Inner, Knowledge};
use crate::store;

/// The kind of these copies in the table of what is dirty.
const KIND: &str = "topic";
/// Topics in one call to the community.
const BATCH: usize = 100;
/// How often topics are compared with the community's.
const COMPARE_EVERY: Duration = Duration::from_secs(3600);

/// Starts the keeper and the comparison.
pub(super) fn start<C>(boot: &Boot<C>, knowledge: &Knowledge) {
    keeper::start(boot, &knowledge.db, Arc::new(TopicKeeper(knowledge.clone())), knowledge.topic_wake.clone());
    let comparing = knowledge.clone();
    chore::start(boot, &knowledge.db, "topics", COMPARE_EVERY, move |_| {
        let knowledge = comparing.clone();
        async move { knowledge.compare_topics().await }
    });
}

/// Marks topics dirty: portal, id, version.
///
/// # Errors
/// When the database is away.
pub async fn mark(conn: &mut PgConnection, topics: &[(String, Uuid, i64)]) -> Result<(), Error> {
    if topics.is_empty() { Ok(()) } else { keeper::mark(conn, KIND, topics).await }
}

/// Makes every topic of the search stale: the community's topics may be older than what is found here.
///
/// # Errors
/// When the database is away.
pub async fn outdate(conn: &mut PgConnection) -> Result<(), Error> {
    let topics = store::search_doc::outdate_topics(conn).await?;
    mark(conn, &topics).await
}

struct TopicKeeper(Knowledge);

#[async_trait]
impl Keeper for TopicKeeper {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn refresh(&self, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
        let mut waiting = ids.to_vec();
        while !waiting.is_empty() {
            let asked: Vec<Uuid> = waiting.drain(..waiting.len().min(BATCH)).collect();
            let fetched = self.0.community.documents(portal, &asked).await?;
            if fetched.left_out.len() == asked.len() {
                return Err(Error::internal("the community left out every topic"));
            }
            let is_there = |id: &Uuid| fetched.left_out.contains(id) || fetched.documents.iter().any(|document| document.id == *id);
            let gone: Vec<Uuid> = asked.iter().copied().filter(|id| !is_there(id)).collect();
            store::search_doc::replace(self.0.db.system(), portal, &fetched.documents, &gone).await?;
            self.0.written();
            waiting.extend(fetched.left_out);
        }
        Ok(())
    }
}

impl Inner {
    /// Marks topics whose version here is not the community's: after a reset, or when events were lost for good.
    async fn compare_topics(&self) -> Result<(), Error> {
        let pool = self.db.system();
        let here = store::search_doc::topics(pool).await?;
        let mut here: HashMap<Uuid, (String, i64)> = here.into_iter().map(|(portal, id, version)| (id, (portal, version))).collect();
        let mut marks = Vec::new();
        let mut token = String::new();
        loop {
            let (topics, next) = self.community.snapshot(token).await?;
            for (portal, id, version) in topics {
                if here.remove(&id).is_none_or(|(_, known)| known < version) {
                    marks.push((portal, id, version));
                }
            }
            if next.is_empty() {
                break;
            }
            token = next;
        }
        marks.extend(here.into_iter().map(|(id, (portal, version))| (portal, id, version)));
        for chunk in marks.chunks(1000) {
            let mut conn = pool.acquire().await?;
            mark(&mut conn, chunk).await?;
        }
        Ok(())
    }
}
