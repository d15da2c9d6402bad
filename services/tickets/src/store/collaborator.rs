//! Rows of shares.

use portico_chassis::error::Error;
use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::{column, known};
use crate::domain::collaborator::Collaborator;
use crate::domain::ids::{CollaboratorId, PersonId, PortalId, TicketId};
use crate::domain::kinds::{Access, CollaboratorState};

/// A share as it comes with its ticket.
#[derive(Debug, Deserialize)]
pub(super) struct ShareRow {
    id: Uuid,
    person_id: Uuid,
    state: i16,
    access: i16,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    acted: bool,
}

impl ShareRow {
    pub(super) fn into_share(self) -> Result<Collaborator, Error> {
        Ok(Collaborator {
            id: CollaboratorId::new(self.id),
            person: PersonId::new(self.person_id),
            state: known(CollaboratorState::from_code(self.state), "share state")?,
            access: known(Access::from_code(self.access), "access")?,
            expires_at: self.expires_at,
            created_at: self.created_at,
            acted: self.acted,
        })
    }
}

/// A share as it is written.
#[derive(Debug, Clone)]
pub struct ShareWrite {
    /// In which portal.
    pub portal: PortalId,
    /// Of which ticket.
    pub ticket: TicketId,
    /// The share.
    pub share: Collaborator,
}

/// Inserts or updates shares; of one share the last in the batch counts.
pub(super) async fn upsert(conn: &mut PgConnection, rows: &[ShareWrite]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO collaborator (portal, ticket_id, id, person_id, state, access, expires_at, created_at, acted) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[], $6::smallint[], $7::timestamptz[], $8::timestamptz[], $9::boolean[]) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, access = excluded.access, expires_at = excluded.expires_at, acted = excluded.acted",
    )
    .bind(column(rows, |row| row.portal.as_str()))
    .bind(column(rows, |row| row.ticket.uuid()))
    .bind(column(rows, |row| row.share.id.uuid()))
    .bind(column(rows, |row| row.share.person.uuid()))
    .bind(column(rows, |row| row.share.state.code()))
    .bind(column(rows, |row| row.share.access.code()))
    .bind(column(rows, |row| row.share.expires_at))
    .bind(column(rows, |row| row.share.created_at))
    .bind(column(rows, |row| row.share.acted))
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes shares.
pub(super) async fn delete(conn: &mut PgConnection, ids: &[CollaboratorId]) -> Result<(), Error> {
    sqlx::query("DELETE FROM collaborator WHERE id = ANY ($1)").bind(column(ids, |id| id.uuid())).execute(conn).await?;
    Ok(())
}
