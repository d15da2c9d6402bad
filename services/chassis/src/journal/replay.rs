//! Has this request been answered already? Asked before anything is spent on it.

use crate::db::PortalConn;
use crate::error::Error;
use crate::ids::PortalId;

use super::entry::RequestKey;

/// What is known of a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// Not answered yet.
    New,
    /// Answered; this was it.
    Answered(Vec<u8>),
}

/// Looks up the stored answer; `KeyReused` when the id was used for another request.
pub async fn replay(conn: &mut PortalConn, portal: &PortalId, request: &RequestKey) -> Result<Replay, Error> {
    let row: Option<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT fingerprint, answer FROM request WHERE portal = $1 AND caller = $2 AND operation = $3 AND key = $4")
            .bind(portal.as_str())
            .bind(&request.caller)
            .bind(request.operation)
            .bind(&request.key)
            .fetch_optional(&mut **conn)
            .await?;
    match row {
        None => Ok(Replay::New),
        Some((fingerprint, answer)) if fingerprint == request.fingerprint => Ok(Replay::Answered(answer)),
        Some(_) => Err(Error::KeyReused),
    }
}
