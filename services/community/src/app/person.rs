//! Copies of people: identity's events mark them, this keeper fetches them.

use async_trait::async_trait;
use portico_chassis::db::Db;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::inbox::Connection;
use portico_chassis::keeper::{self, Keeper};
use portico_chassis::uuid::Uuid;

use super::clients::Identity;
use crate::domain::ids::PersonId;
use crate::store;
use crate::store::person::PersonCopy;

/// The kind of these copies in the table `dirty`.
const KIND: &str = "person";

/// A person of whom identity told something new.
#[derive(Clone, Debug)]
pub struct PersonMark {
    /// The portal that the account belongs to.
    pub portal: String,
    /// Who.
    pub id: PersonId,
    /// Identity's version.
    pub version: i64,
}

/// Marks those people dirty of whom this service has a copy; the others are none of its business.
pub async fn mark_known(conn: &mut Connection, marks: &[PersonMark]) -> Result<(), Error> {
    let ids: Vec<PersonId> = marks.iter().map(|mark| mark.id).collect();
    let known = store::person::known(conn, &ids).await?;
    let dirty: Vec<(String, Uuid, i64)> =
        marks.iter().filter(|mark| known.contains(&mark.id)).map(|mark| (mark.portal.clone(), mark.id.uuid(), mark.version)).collect();
    if dirty.is_empty() { Ok(()) } else { keeper::mark(conn, KIND, &dirty).await }
}

/// Makes every copy stale: identity's facts may be older than the copies now.
pub async fn outdate(conn: &mut Connection) -> Result<(), Error> {
    let copies = store::person::outdate(conn).await?;
    if copies.is_empty() { Ok(()) } else { keeper::mark(conn, KIND, &copies).await }
}

/// Fetches people from identity; a person who is gone there is forgotten here (erasure).
pub struct PersonKeeper {
    /// The database.
    pub db: Db,
    /// The owner.
    pub identity: Identity,
}

#[async_trait]
impl Keeper for PersonKeeper {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn refresh(&self, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
        let ids: Vec<PersonId> = ids.iter().map(|id| PersonId::new(*id)).collect();
        let found = self.identity.people(portal, &ids, Deadline::default()).await?;
        let copies: Vec<PersonCopy> = found.iter().map(|facts| facts.copy(portal)).collect();
        let gone: Vec<PersonId> = ids.into_iter().filter(|id| found.iter().all(|facts| facts.byline.id != *id)).collect();
        let mut conn = self.db.system().acquire().await?;
        store::person::upsert(&mut conn, &copies).await?;
        store::person::forget(&mut conn, &gone).await
    }
}
