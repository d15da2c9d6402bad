//! When people last looked.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use time::OffsetDateTime;

use crate::domain::ids::{PersonId, PortalId, TicketId};

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
