//! Removes stored answers after their day, journal rows and the inboxes' marks after their month. A consumer that is away for longer does not
//! pin them: it begins again with a snapshot. The journal has partitions: one that is complete goes as a whole when its newest row is old,
//! and only the one that is being written loses single rows, so that a small journal keeps to its month too.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::error::Error;

/// Pause between two sweeps.
const PERIOD: Duration = Duration::from_secs(600);
/// Rows of one transaction; a sweep goes on until nothing old is left.
const PAGE: u64 = 5_000;

/// What is swept, a page at a time.
const SWEEPS: [&str; 2] = [
    "DELETE FROM request WHERE ctid IN (SELECT ctid FROM request WHERE at < now() - interval '25 hours' ORDER BY at LIMIT $1)",
    "DELETE FROM inbox_mark WHERE ctid IN (SELECT ctid FROM inbox_mark WHERE at < now() - interval '30 days' LIMIT $1)",
];
/// The journal is looked at from the first position of the partition that is written: when that is young, nothing else is read.
const SWEEP_JOURNAL: &str = "DELETE FROM journal WHERE position IN (SELECT position FROM (SELECT position, at FROM journal \
      WHERE position >= (SELECT position - position % portico_journal_size() FROM journal_head) ORDER BY position LIMIT $1) AS oldest \
      WHERE at < now() - interval '30 days')";

pub(crate) async fn run(db: Db, stop: CancellationToken) {
    // Also of a process that never lives for a whole period.
    let mut work = tokio::select! {
        grown = grow(db.system()) => grown,
        () = stop.cancelled() => return,
    };
    loop {
        if let Err(error) = work {
            tracing::warn!(%error, "the journal could not be given room, or old rows not be removed");
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = stop.cancelled() => return,
        }
        work = tokio::select! {
            swept = sweep(db.system()) => swept.map(drop),
            () = stop.cancelled() => return,
        };
    }
}

/// Makes room in front of the journal and removes everything that is too old; returns how many single rows that were.
pub async fn sweep(pool: &PgPool) -> Result<u64, Error> {
    grow(pool).await?;
    let mut removed = 0;
    for sql in SWEEPS {
        removed += sweep_by(pool, sql).await?;
    }
    // Who reads the whole journal holds this up, and only this; older positions go before newer ones.
    drop_partitions(pool).await?;
    removed += sweep_by(pool, SWEEP_JOURNAL).await?;
    Ok(removed)
}

async fn sweep_by(pool: &PgPool, sql: &'static str) -> Result<u64, Error> {
    let mut removed = 0;
    loop {
        let gone = sqlx::query(sql).bind(i64::try_from(PAGE).unwrap_or(i64::MAX)).execute(pool).await?.rows_affected();
        removed += gone;
        if gone < PAGE {
            return Ok(removed);
        }
    }
}

/// Sees to it that the journal has partitions for what comes.
async fn grow(pool: &PgPool) -> Result<(), Error> {
    sqlx::query("SELECT portico_journal_grow()").execute(pool).await?;
    Ok(())
}

/// Drops complete partitions, the oldest first, while their newest row is old.
async fn drop_partitions(pool: &PgPool) -> Result<(), Error> {
    let complete: Vec<i64> = sqlx::query_scalar(
        "SELECT number FROM (SELECT substring(inhrelid::regclass::text FROM '[0-9]+$')::bigint AS number \
           FROM pg_inherits WHERE inhparent = 'journal'::regclass) AS partition \
          WHERE number < (SELECT position / portico_journal_size() FROM journal_head) ORDER BY number",
    )
    .fetch_all(pool)
    .await?;
    for number in complete {
        let young: bool = sqlx::query_scalar(
            "SELECT coalesce((SELECT at >= now() - interval '30 days' FROM journal \
               WHERE position < ($1 + 1) * portico_journal_size() ORDER BY position DESC LIMIT 1), false)",
        )
        .bind(number)
        .fetch_one(pool)
        .await?;
        if young {
            break;
        }
        sqlx::query("SELECT portico_journal_drop($1)").bind(number).execute(pool).await?;
        tracing::info!(number, "a partition of the journal was dropped");
    }
    Ok(())
}
