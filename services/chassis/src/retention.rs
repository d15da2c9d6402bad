//! Removes stored answers after their day, journal rows and the inboxes' marks after their month. A consumer that is away for longer does not
//! pin them: it begins again with a snapshot.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::error::Error;

/// Pause between two sweeps.
const PERIOD: Duration = Duration::from_secs(600);
/// Rows of one transaction; a sweep goes on until nothing old is left.
const PAGE: u64 = 5_000;

/// What is swept, a page at a time. The journal is looked at from its oldest position on: when that is young, nothing else is read.
const SWEEPS: [&str; 3] = [
    "DELETE FROM request WHERE ctid IN (SELECT ctid FROM request WHERE at < now() - interval '25 hours' ORDER BY at LIMIT $1)",
    "DELETE FROM journal WHERE position IN (SELECT position FROM (SELECT position, at FROM journal ORDER BY position LIMIT $1) AS oldest \
      WHERE at < now() - interval '30 days')",
    "DELETE FROM inbox_mark WHERE ctid IN (SELECT ctid FROM inbox_mark WHERE at < now() - interval '30 days' LIMIT $1)",
];

pub(crate) async fn run(db: Db, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            swept = sweep(db.system()) => if let Err(error) = swept {
                tracing::warn!(%error, "old rows could not be removed");
            },
            () = stop.cancelled() => return,
        }
    }
}

/// Removes everything that is too old; returns how many rows that were.
pub async fn sweep(pool: &PgPool) -> Result<u64, Error> {
    let mut removed = 0;
    for sql in SWEEPS {
        loop {
            let gone = sqlx::query(sql).bind(i64::try_from(PAGE).unwrap_or(i64::MAX)).execute(pool).await?.rows_affected();
            removed += gone;
            if gone < PAGE {
                break;
            }
        }
    }
    Ok(removed)
}
