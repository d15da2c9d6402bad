//! When people last looked.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::columns::column;
use crate::domain::ids::{PersonId, PortalId, TicketId};

/// A look that an import brings along.
#[derive(Debug, Clone)]
pub struct SeenWrite {
    /// In which portal.
    pub portal: PortalId,
    /// Who.
    pub person: PersonId,
    /// At which ticket.
    pub ticket: TicketId,
    /// When.
    pub at: OffsetDateTime,
}

/// Notes looks at tickets that are new: of one person's at one ticket the last counts.
pub(super) async fn insert(conn: &mut PgConnection, rows: &[SeenWrite]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO ticket_seen (portal, person_id, ticket_id, at) \
         SELECT portal, person, ticket, max(at) \
           FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[]) AS w (portal, person, ticket, at) \
          GROUP BY portal, person, ticket",
    )
    .bind(column(rows, |row| row.portal.as_str()))
    .bind(column(rows, |row| row.person.uuid()))
    .bind(column(rows, |row| row.ticket.uuid()))
    .bind(column(rows, |row| row.at))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes a look; an older one never takes the place of a newer.
pub async fn mark(conn: &mut PortalConn, portal: &PortalId, person: PersonId, ticket: TicketId, at: OffsetDateTime) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO ticket_seen (portal, person_id, ticket_id, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (portal, person_id, ticket_id) DO UPDATE SET at = greatest(ticket_seen.at, excluded.at)",
    )
    .bind(portal.as_str())
    .bind(person.uuid())
    .bind(ticket.uuid())
    .bind(at)
    .execute(&mut **conn)
    .await?;
    Ok(())
}
