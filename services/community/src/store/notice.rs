//! Notices as they stand in the journal, for the moment of sending.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::uuid::Uuid;
use time::OffsetDateTime;

use super::events::{self, StoredNotice};
use crate::domain::ids::{PersonId, TopicId};

/// A notice and when it became due.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// What people are told.
    pub notice: StoredNotice,
    /// When it happened.
    pub at: OffsetDateTime,
}

/// The notice that an event is; `None` when there is no such event, or it is another one.
pub async fn of_event(conn: &mut PortalConn, portal: &PortalId, event: Uuid) -> Result<Option<Noticed>, Error> {
    let row: Option<(Vec<u8>, OffsetDateTime)> = sqlx::query_as("SELECT body, at FROM journal WHERE portal = $1 AND event_id = $2")
        .bind(portal.as_str())
        .bind(event)
        .fetch_optional(&mut **conn)
        .await?;
    Ok(row.and_then(|(body, at)| events::stored_notice(&body).map(|notice| Noticed { notice, at })))
}

/// Whether the person follows the topic now.
pub async fn follows(conn: &mut PortalConn, portal: &PortalId, topic: TopicId, person: PersonId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM follow WHERE portal = $1 AND topic = $2 AND person = $3)")
        .bind(portal.as_str())
        .bind(topic)
        .bind(person)
        .fetch_one(&mut **conn)
        .await?)
}
