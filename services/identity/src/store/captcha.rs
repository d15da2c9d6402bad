//! Spent challenges.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Spends a challenge for a request. True when this request has it, now or since before.
pub async fn spend(
    conn: &mut PgConnection,
    portal: &PortalId,
    nonce: &[u8; 16],
    request: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    // The update changes nothing: it makes the statement return the row that is there.
    let holder: String = sqlx::query_scalar(
        "INSERT INTO captcha_spend (portal, nonce, request, spent_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (portal, nonce) DO UPDATE SET request = captcha_spend.request RETURNING request",
    )
    .bind(portal)
    .bind(&nonce[..])
    .bind(request)
    .bind(now)
    .fetch_one(conn)
    .await?;
    Ok(!request.is_empty() && holder == request)
}

/// The request that spent a challenge; empty text when a wrong code burnt it.
pub async fn spent_by(conn: &mut PgConnection, portal: &PortalId, nonce: &[u8; 16]) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar("SELECT request FROM captcha_spend WHERE portal = $1 AND nonce = $2")
        .bind(portal)
        .bind(&nonce[..])
        .fetch_optional(conn)
        .await?)
}
