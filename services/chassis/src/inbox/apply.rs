//! Cursor and effect in one transaction; poison is parked.

use async_trait::async_trait;
use portico_proto::events::v1::Envelope;
use prost::Message;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::order::{Cursor, held_back};
use crate::error::Error;
use crate::ids::parse_uuid;

/// What a service does with a producer's events. Handlers only write rows.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Whose events.
    fn producer(&self) -> &'static str;

    /// Writes the effect of `events`, which come in order and each once. All of it commits with the cursor, or none.
    ///
    /// An event without a body says that the aggregate is at this version, as a snapshot does.
    async fn apply(&self, conn: &mut PgConnection, events: &[Envelope]) -> Result<(), Error>;

    /// The producer's database was restored from an older copy: copies of its facts may be newer than the facts. Takes their versions back
    /// to 0 and marks them dirty, so that keepers fetch them again. A consumer without copies has nothing to do.
    async fn outdate(&self, conn: &mut PgConnection) -> Result<(), Error> {
        let _ = conn;
        Ok(())
    }

    /// Called after the commit: the place to wake whoever works on the rows.
    fn applied(&self) {}
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// Effect and cursor are committed.
    Done,
    /// Another replica moved the cursor.
    Superseded,
}

/// Reads the cursor; a new consumer begins before the first event.
pub(super) async fn read_cursor(pool: &PgPool, producer: &str) -> Result<(Cursor, Option<String>), Error> {
    sqlx::query("INSERT INTO inbox (producer, epoch, position) VALUES ($1, '', 0) ON CONFLICT DO NOTHING")
        .bind(producer)
        .execute(pool)
        .await?;
    let (epoch, position, event, stopped): (String, i64, Option<Uuid>, Option<String>) =
        sqlx::query_as("SELECT epoch, position, last_event, stopped FROM inbox WHERE producer = $1").bind(producer).fetch_one(pool).await?;
    Ok((Cursor { epoch, position, event_id: event.map(|id| id.to_string()).unwrap_or_default() }, stopped))
}

/// Records why the inbox stands still.
pub(super) async fn stop(pool: &PgPool, producer: &str, reason: &str) -> Result<(), Error> {
    sqlx::query("UPDATE inbox SET stopped = $2 WHERE producer = $1").bind(producer).bind(reason).execute(pool).await?;
    Ok(())
}

/// Applies a run after `cursor`.
pub(super) async fn apply(pool: &PgPool, consumer: &dyn Consumer, cursor: &Cursor, run: &[Envelope]) -> Result<Applied, Error> {
    let Some(last) = run.last() else { return Ok(Applied::Done) };
    let mut tx = pool.begin().await?;
    if !lock(&mut tx, consumer.producer(), cursor).await? {
        return Ok(Applied::Superseded);
    }
    let aside = park_followers(&mut tx, consumer.producer(), run).await?;
    let wanted: Vec<Envelope> = run.iter().filter(|event| !aside.contains(&event.position)).cloned().collect();
    if !wanted.is_empty() {
        consumer.apply(&mut tx, &wanted).await?;
    }
    move_cursor(&mut tx, consumer.producer(), last).await?;
    tx.commit().await?;
    consumer.applied();
    Ok(Applied::Done)
}

/// Locks the cursor; false when it was moved, or stopped, by somebody else.
async fn lock(conn: &mut PgConnection, producer: &str, cursor: &Cursor) -> Result<bool, Error> {
    let (epoch, position, runs): (String, i64, bool) =
        sqlx::query_as("SELECT epoch, position, stopped IS NULL FROM inbox WHERE producer = $1 FOR UPDATE")
            .bind(producer)
            .fetch_one(conn)
            .await?;
    Ok(runs && cursor.is_at(&epoch, position))
}

/// Puts an event that can't be applied aside and goes on after it, unless somebody else moved or stopped the cursor meanwhile.
pub(super) async fn park(pool: &PgPool, producer: &str, cursor: &Cursor, event: &Envelope, error: &Error) -> Result<Applied, Error> {
    let mut tx = pool.begin().await?;
    if !lock(&mut tx, producer, cursor).await? {
        return Ok(Applied::Superseded);
    }
    insert_parked(&mut tx, producer, event, &error.to_string()).await?;
    move_cursor(&mut tx, producer, event).await?;
    tx.commit().await?;
    Ok(Applied::Done)
}

/// Parks what [`held_back`] says and returns its positions.
async fn park_followers(conn: &mut PgConnection, producer: &str, run: &[Envelope]) -> Result<Vec<i64>, Error> {
    let ids: Vec<Uuid> = run.iter().filter_map(|event| parse_uuid(&event.aggregate_id).ok()).collect();
    let parked: Vec<Uuid> =
        sqlx::query_scalar("SELECT DISTINCT aggregate_id FROM parked_event WHERE producer = $1 AND aggregate_id = ANY ($2)")
            .bind(producer)
            .bind(&ids)
            .fetch_all(&mut *conn)
            .await?;
    let mut aside = Vec::new();
    for event in held_back(run, &parked) {
        insert_parked(conn, producer, event, "an earlier event of the same aggregate is parked").await?;
        aside.push(event.position);
    }
    Ok(aside)
}

async fn insert_parked(conn: &mut PgConnection, producer: &str, event: &Envelope, error: &str) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO parked_event (producer, position, portal, aggregate_id, event, error, aggregate_kind, version, event_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(producer)
    .bind(event.position)
    .bind(&event.portal)
    .bind(parse_uuid(&event.aggregate_id).unwrap_or_default())
    .bind(event.encode_to_vec())
    .bind(error)
    .bind(&event.aggregate_kind)
    .bind(event.version)
    .bind(parse_uuid(&event.event_id).ok())
    .execute(conn)
    .await?;
    Ok(())
}

async fn move_cursor(conn: &mut PgConnection, producer: &str, last: &Envelope) -> Result<(), Error> {
    // A mark when a hundred is full: what reconciling steps back over is at most as much.
    sqlx::query(
        "WITH moved AS (UPDATE inbox i SET epoch = $2, position = $3, last_event = $4 FROM inbox old \
                         WHERE i.producer = $1 AND old.producer = $1 RETURNING old.position / 100 < $3 / 100 AS full) \
         INSERT INTO inbox_mark (producer, position, event) SELECT $1, $3, $4 FROM moved WHERE moved.full ON CONFLICT DO NOTHING",
    )
    .bind(producer)
    .bind(&last.epoch)
    .bind(last.position)
    .bind(parse_uuid(&last.event_id).ok())
    .execute(conn)
    .await?;
    Ok(())
}
