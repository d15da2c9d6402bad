//! Keeps the names of people who commented as identity has them; erased people lose theirs.

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::keeper::{self, Keeper};
use portico_chassis::run::Boot;
use sqlx::PgConnection;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Knowledge;
use crate::store;

/// The kind of these copies in the table of what is dirty.
const KIND: &str = "person";

/// Starts the keeper.
pub(super) fn start<C>(boot: &Boot<C>, knowledge: &Knowledge) {
    let keeper = PersonKeeper(knowledge.clone());
    keeper::start(boot, &knowledge.db, Arc::new(keeper), Arc::new(Notify::new()));
}

/// Marks those of the people dirty of whom there is a copy.
///
/// # Errors
/// When the database is away.
pub async fn mark(conn: &mut PgConnection, people: &[(String, Uuid, i64)]) -> Result<(), Error> {
    let ids: Vec<Uuid> = people.iter().map(|(_, id, _)| *id).collect();
    let known = store::person::known(conn, &ids).await?;
    let marks: Vec<_> = people.iter().filter(|(_, id, _)| known.contains(id)).cloned().collect();
    if marks.is_empty() { Ok(()) } else { keeper::mark(conn, KIND, &marks).await }
}

/// Makes every copy stale: identity's facts may be older than the copies now.
///
/// # Errors
/// When the database is away.
pub async fn outdate(conn: &mut PgConnection) -> Result<(), Error> {
    let copies = store::person::outdate(conn).await?;
    if copies.is_empty() { Ok(()) } else { keeper::mark(conn, KIND, &copies).await }
}

struct PersonKeeper(Knowledge);

#[async_trait]
impl Keeper for PersonKeeper {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn refresh(&self, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
        let people = self.0.identity.people(portal, ids).await?;
        store::person::refresh(self.0.db.system(), ids, &people).await
    }
}
