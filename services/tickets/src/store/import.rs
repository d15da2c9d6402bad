//! Which tickets came from elsewhere: the source id is a claim that the ticket holds for good.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use uuid::Uuid;

use crate::domain::ids::{PortalId, TicketId};

/// The space of the claims.
pub const SOURCE: &str = "ticket_source";

/// The ticket that came under a source id, and its number.
pub async fn known(conn: &mut PortalConn, portal: &PortalId, source_id: &str) -> Result<Option<(TicketId, String)>, Error> {
    let row: Option<(Uuid, String)> = sqlx::query_as(
        "SELECT t.id, t.number FROM claim c JOIN ticket t ON t.portal = c.portal AND t.id = c.owner \
          WHERE c.portal = $1 AND c.space = $2 AND c.key = $3",
    )
    .bind(portal.as_str())
    .bind(SOURCE)
    .bind(source_id)
    .fetch_optional(&mut **conn)
    .await?;
    Ok(row.map(|(id, number)| (TicketId::new(id), number)))
}
