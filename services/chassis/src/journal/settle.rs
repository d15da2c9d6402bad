//! What became of a transaction whose COMMIT was sent and not answered.
//!
//! PostgreSQL knows by the transaction's id, whatever the batch held: events, requests, or only rows and timers. A request that was answered
//! "unavailable" nevertheless finds its answer by its request id.

use std::time::Duration;

use sqlx::Connection;

use crate::db::Db;
use crate::error::Error;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// How long one look may take, with its connection.
const LOOK: Duration = Duration::from_secs(3);
/// How long it is tried: longer than a request's deadline, in which the caller gives up.
const PATIENCE: Duration = Duration::from_secs(12);

/// Waits until `transaction` is over; `Ok` when it committed. `Unavailable` when it did not, or when nobody could tell in time.
pub(super) async fn settle(db: &Db, transaction: &str) -> Result<(), Error> {
    let looking = async {
        loop {
            let seen = tokio::time::timeout(LOOK, status(db, transaction)).await.ok().and_then(Result::ok).flatten();
            match seen.as_deref() {
                Some("committed") => return Ok(()),
                Some("aborted") => return Err(Error::Unavailable("the database went away before the commit")),
                // In progress: its backend has not noticed yet; or nobody answers.
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or(Err(Error::Unavailable("the outcome is settled by the request id")))
}

async fn status(db: &Db, transaction: &str) -> Result<Option<String>, Error> {
    let mut conn = db.system_connection().await?;
    let status = sqlx::query_scalar("SELECT pg_xact_status($1::text::xid8)").bind(transaction).fetch_one(&mut conn).await?;
    // The server notices a closed connection by itself; a failure to say goodbye changes nothing.
    let _ = conn.close().await;
    Ok(status)
}
