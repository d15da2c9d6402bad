//! Rows of `reply_address`.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// What a reply address stands for.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ReplyAddress {
    /// `thread_root` of the mail that is answered: the ticket's id.
    pub ticket_id: String,
    /// The person the mail went to.
    pub person_id: String,
}

/// Stores what a token stands for; a token that is there stands for the same.
pub async fn insert(
    conn: &mut PgConnection,
    token: &str,
    portal: &PortalId,
    address: &ReplyAddress,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO reply_address (token, portal, ticket_id, person_id, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token) DO NOTHING",
    )
    .bind(token)
    .bind(portal)
    .bind(&address.ticket_id)
    .bind(&address.person_id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// What a token of this portal stands for.
pub async fn get(conn: &mut PgConnection, portal: &PortalId, token: &str) -> Result<Option<ReplyAddress>, Error> {
    Ok(sqlx::query_as("SELECT ticket_id, person_id FROM reply_address WHERE portal = $1 AND token = $2")
        .bind(portal)
        .bind(token)
        .fetch_optional(conn)
        .await?)
}
