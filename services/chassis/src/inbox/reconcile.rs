//! Goes on when the producer's journal is not the one that was read before: its database was restored from an older copy, or its journal
//! no longer goes back far enough.

use portico_proto::events::v1::{AggregateVersion, Envelope};
use sqlx::PgPool;
use uuid::Uuid;

use super::apply::{self, Consumer};
use super::order::Cursor;
use super::source::Producer;
use crate::error::Error;
use crate::ids::parse_uuid;

/// What stands in `inbox.stopped` while an operator's call works; the inbox leaves the row alone.
const AT_WORK: &str = "it is being reconciled";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reconciled {
    /// Where reading goes on.
    pub cursor: Cursor,
    /// Aggregates that the snapshot marked.
    pub aggregates: i64,
}

/// Takes an inbox over to the producer's present journal. What both journals share stays applied; copies are fetched again.
///
/// Reading goes on after the last mark that both share, so some events of the shared part may be applied again. That is harmless: ids of
/// effects are derived from events, and copies go by version.
pub(super) async fn reconcile(pool: &PgPool, producer: &Producer, consumer: &dyn Consumer) -> Result<Reconciled, Error> {
    let name = consumer.producer();
    let (cursor, _) = apply::read_cursor(pool, name).await?;
    let head = producer.head(&cursor).await?;
    apply::stop(pool, name, AT_WORK).await?;
    if head.matches {
        // The present journal goes on where the inbox stands: only the epoch is another.
        let cursor = Cursor { epoch: if cursor.position == 0 { String::new() } else { head.epoch }, ..cursor };
        go_on(pool, name, &cursor).await?;
        return Ok(Reconciled { cursor, aggregates: 0 });
    }
    let common = common_point(pool, producer, name, &cursor).await?;
    let mut conn = pool.acquire().await?;
    let mut tx = sqlx::Acquire::begin(&mut *conn).await?;
    consumer.outdate(&mut tx).await?;
    tx.commit().await?;
    drop(conn);
    let (present, aggregates) = take_snapshot(pool, producer, consumer).await?;
    let cursor = match common {
        Some(common) => Cursor { epoch: present.epoch, ..common },
        None => present,
    };
    go_on(pool, name, &cursor).await?;
    consumer.applied();
    tracing::warn!(producer = name, position = cursor.position, aggregates, "the inbox was reconciled");
    Ok(Reconciled { cursor, aggregates })
}

/// Takes the present versions instead of events that the producer no longer has, and goes on at its head.
pub(super) async fn begin_anew(pool: &PgPool, producer: &Producer, consumer: &dyn Consumer) -> Result<(), Error> {
    let (present, _) = take_snapshot(pool, producer, consumer).await?;
    go_on(pool, consumer.producer(), &present).await?;
    consumer.applied();
    Ok(())
}

/// The newest mark whose event is still at its position in the producer's journal; `None` when nothing is known to be shared and the
/// journal no longer begins with its first event.
async fn common_point(pool: &PgPool, producer: &Producer, name: &str, cursor: &Cursor) -> Result<Option<Cursor>, Error> {
    let mut common = Cursor::default();
    let mut differs_at = cursor.position;
    // The shared part is a prefix, so halving finds its end among the marks.
    while let Some(mark) = middle_mark(pool, name, common.position, differs_at).await? {
        if producer.head(&mark).await?.matches { common = mark } else { differs_at = mark.position }
    }
    if common.position == 0 {
        let begins = producer.pull(0).await?.first().is_none_or(|first| first.position == 1);
        return Ok(begins.then_some(common));
    }
    Ok(Some(common))
}

/// A mark between two positions, near the middle.
async fn middle_mark(pool: &PgPool, name: &str, above: i64, below: i64) -> Result<Option<Cursor>, Error> {
    let found: Option<(i64, Uuid)> = sqlx::query_as(
        "SELECT position, event FROM ( \
           (SELECT position, event FROM inbox_mark WHERE producer = $1 AND position > $2 AND position <= $4 ORDER BY position DESC LIMIT 1) \
           UNION ALL \
           (SELECT position, event FROM inbox_mark WHERE producer = $1 AND position > $4 AND position < $3 ORDER BY position LIMIT 1) \
         ) AS near WHERE position < $3 LIMIT 1",
    )
    .bind(name)
    .bind(above)
    .bind(below)
    .bind(above + (below - above) / 2)
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|(position, event)| Cursor { epoch: String::new(), position, event_id: event.to_string() }))
}

/// Applies every aggregate's present version, page by page; returns the head as it was before the first page.
async fn take_snapshot(pool: &PgPool, producer: &Producer, consumer: &dyn Consumer) -> Result<(Cursor, i64), Error> {
    let (mut head, mut after, mut count) = (None, String::new(), 0);
    loop {
        let page = producer.snapshot(&after).await?;
        let present = Cursor { epoch: page.epoch.clone(), position: page.head_position, event_id: page.head_event_id.clone() };
        let head = head.get_or_insert(present);
        if head.epoch != page.epoch {
            return Err(Error::Unavailable("the producer began another epoch"));
        }
        let Some(last) = page.aggregates.last() else { return Ok((head.clone(), count)) };
        after = last.id.clone();
        count += i64::try_from(page.aggregates.len()).unwrap_or(0);
        let events: Vec<Envelope> = page.aggregates.into_iter().map(|aggregate| as_event(consumer.producer(), aggregate)).collect();
        let mut tx = pool.begin().await?;
        consumer.apply(&mut tx, &events).await?;
        tx.commit().await?;
    }
}

/// An aggregate of a snapshot, as a consumer is told of a variant that it does not know: it is at this version.
fn as_event(producer: &str, aggregate: AggregateVersion) -> Envelope {
    Envelope {
        portal: aggregate.portal,
        producer: producer.to_owned(),
        aggregate_kind: aggregate.kind,
        aggregate_id: aggregate.id,
        version: aggregate.version,
        actor: "system".to_owned(),
        ..Envelope::default()
    }
}

/// Moves the cursor and lets the inbox run; what was marked or parked of a history that is no more is forgotten.
async fn go_on(pool: &PgPool, name: &str, cursor: &Cursor) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    for forget in
        ["DELETE FROM inbox_mark WHERE producer = $1 AND position > $2", "DELETE FROM parked_event WHERE producer = $1 AND position > $2"]
    {
        sqlx::query(forget).bind(name).bind(cursor.position).execute(&mut *tx).await?;
    }
    sqlx::query("UPDATE inbox SET epoch = $2, position = $3, last_event = $4, stopped = NULL WHERE producer = $1")
        .bind(name)
        .bind(&cursor.epoch)
        .bind(cursor.position)
        .bind(parse_uuid(&cursor.event_id).ok())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}
