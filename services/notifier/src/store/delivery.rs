//! Rows of `delivery`.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::delivery::{Channel, DeliveryId, Due};

/// A delivery as it is first stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Derived from event, recipient and channel.
    pub id: DeliveryId,
    /// Whose it is.
    pub portal: PortalId,
    /// The event's owner.
    pub producer: String,
    /// The event.
    pub event_id: Uuid,
    /// What the event was about.
    pub aggregate_kind: String,
    /// Which one.
    pub aggregate_id: String,
    /// To whom.
    pub recipient: String,
    /// Whether the recipient is a person with preferences.
    pub is_person: bool,
    /// A name of [`crate::domain::kind::Kind`].
    pub kind: &'static str,
    /// Over which way.
    pub channel: Channel,
    /// When the event happened.
    pub event_at: OffsetDateTime,
    /// W3C trace context of the event.
    pub traceparent: String,
}

/// Stores deliveries that are not there yet. Returns how many were new.
pub async fn insert(conn: &mut PgConnection, rows: &[NewDelivery], now: OffsetDateTime) -> Result<u64, Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let column = |value: fn(&NewDelivery) -> &str| rows.iter().map(|row| value(row).to_owned()).collect::<Vec<String>>();
    let done = sqlx::query(
        "INSERT INTO delivery (id, portal, producer, event_id, aggregate_kind, aggregate_id, recipient, is_person, kind, channel, event_at, \
                               traceparent, created_at, due_at) \
         SELECT *, $13, $13 FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bool[], \
                                        $9::text[], $10::text[], $11::timestamptz[], $12::text[]) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(rows.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(column(|row| row.portal.as_str()))
    .bind(column(|row| &row.producer))
    .bind(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
    .bind(column(|row| &row.aggregate_kind))
    .bind(column(|row| &row.aggregate_id))
    .bind(column(|row| &row.recipient))
    .bind(rows.iter().map(|row| row.is_person).collect::<Vec<_>>())
    .bind(column(|row| row.kind))
    .bind(column(|row| row.channel.name()))
    .bind(rows.iter().map(|row| row.event_at).collect::<Vec<_>>())
    .bind(column(|row| &row.traceparent))
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

#[derive(sqlx::FromRow)]
struct DueRow {
    id: Uuid,
    portal: String,
    producer: String,
    event_id: Uuid,
    aggregate_kind: String,
    aggregate_id: String,
    recipient: String,
    kind: String,
    channel: String,
    attempts: i32,
    event_at: OffsetDateTime,
    due_at: OffsetDateTime,
    traceparent: String,
    wanted: bool,
}

/// A delivery that was leased, and whether its recipient still wants this kind of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The delivery.
    pub due: Due,
    /// False when the recipient's preferences say no.
    pub wanted: bool,
}

/// What a worker wants to lease.
#[derive(Debug)]
pub struct Wish<'a> {
    /// Of this channel.
    pub channel: Channel,
    /// None to these domains: they can't take more now.
    pub blocked_domains: &'a [String],
    /// None of these owners' events: they are away.
    pub blocked_producers: &'a [String],
    /// Until when it belongs to the worker.
    pub until: OffsetDateTime,
    /// Names the lease.
    pub lease: Uuid,
    /// At most so many.
    pub limit: i64,
}

/// Leases due deliveries, oldest first. The lease is committed with this statement, so nothing is held while the message goes out.
pub async fn lease(conn: &mut PgConnection, wish: &Wish<'_>, now: OffsetDateTime) -> Result<Vec<Leased>, Error> {
    let rows: Vec<DueRow> = sqlx::query_as(
        "WITH due AS ( \
             SELECT id FROM delivery \
             WHERE channel = $1 AND state = 'pending' AND due_at <= $2 AND (domain IS NULL OR domain <> ALL($3)) \
               AND producer <> ALL($7) \
             ORDER BY due_at, id LIMIT $6 FOR UPDATE SKIP LOCKED \
         ), taken AS ( \
             UPDATE delivery d SET lease = $5, due_at = $4 FROM due WHERE d.id = due.id \
             RETURNING d.* \
         ) \
         SELECT t.id, t.portal, t.producer, t.event_id, t.aggregate_kind, t.aggregate_id, t.recipient, t.kind, t.channel, t.attempts, \
                t.event_at, t.due_at, t.traceparent, \
                NOT (t.is_person AND EXISTS (SELECT 1 FROM preference p WHERE p.portal = t.portal AND p.person_id = t.recipient \
                                             AND t.channel || '.' || t.kind = ANY(p.off))) AS wanted \
         FROM taken t ORDER BY t.event_at, t.id",
    )
    .bind(wish.channel.name())
    .bind(now)
    .bind(wish.blocked_domains)
    .bind(wish.until)
    .bind(wish.lease)
    .bind(wish.limit)
    .bind(wish.blocked_producers)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter_map(|row| readable(row, wish.lease)).collect())
}

/// A row that this version can't read, left by a newer one, waits for the end of its lease and holds up no other.
fn readable(row: DueRow, lease: Uuid) -> Option<Leased> {
    leased(row, lease).inspect_err(|error| tracing::error!(%error, "a delivery waits for a version that can read it")).ok()
}

fn leased(row: DueRow, lease: Uuid) -> Result<Leased, Error> {
    let foreign = |what: &str| Error::internal(format!("delivery {} has an unreadable {what}", row.id));
    Ok(Leased {
        due: Due {
            id: DeliveryId::new(row.id),
            portal: row.portal.parse().map_err(|_| foreign("portal"))?,
            producer: row.producer.clone(),
            event_id: row.event_id,
            aggregate_kind: row.aggregate_kind.clone(),
            aggregate_id: row.aggregate_id.clone(),
            recipient: row.recipient.clone(),
            kind: row.kind.parse().map_err(|_| foreign("kind"))?,
            channel: row.channel.parse().map_err(|_| foreign("channel"))?,
            attempts: row.attempts,
            event_at: row.event_at,
            lease,
            lease_until: row.due_at,
            traceparent: row.traceparent,
        },
        wanted: row.wanted,
    })
}

/// Lengthens a lease; false when another worker has taken the delivery over.
pub async fn extend(conn: &mut PgConnection, id: DeliveryId, lease: Uuid, until: OffsetDateTime) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE delivery SET due_at = $3 WHERE id = $1 AND lease = $2 AND state = 'pending'")
        .bind(id)
        .bind(lease)
        .bind(until)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Records that the message left. That is a fact whoever holds the lease by now.
pub async fn mark_sent(conn: &mut PgConnection, id: DeliveryId, now: OffsetDateTime) -> Result<(), Error> {
    sqlx::query("UPDATE delivery SET state = 'sent', lease = NULL, ended_at = $2, reason = '' WHERE id = $1 AND state = 'pending'")
        .bind(id)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends a delivery that is not to go out: the recipient may not see it any more, it no longer matters, or it is not wanted.
pub async fn cancel(conn: &mut PgConnection, id: DeliveryId, lease: Uuid, reason: &str, now: OffsetDateTime) -> Result<(), Error> {
    end(conn, id, lease, "cancelled", reason, now).await
}

/// Ends a delivery that can't go out.
pub async fn fail(conn: &mut PgConnection, id: DeliveryId, lease: Uuid, reason: &str, now: OffsetDateTime) -> Result<(), Error> {
    end(conn, id, lease, "failed", reason, now).await
}

async fn end(conn: &mut PgConnection, id: DeliveryId, lease: Uuid, state: &str, reason: &str, now: OffsetDateTime) -> Result<(), Error> {
    sqlx::query(
        "UPDATE delivery SET state = $3, reason = $4, ended_at = $5, lease = NULL, attempts = attempts + CASE $3 WHEN 'failed' THEN 1 ELSE 0 END \
         WHERE id = $1 AND lease = $2 AND state = 'pending'",
    )
    .bind(id)
    .bind(lease)
    .bind(state)
    .bind(reason)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// When and why a delivery is tried again.
#[derive(Debug)]
pub struct Again<'a> {
    /// When it is due.
    pub due_at: OffsetDateTime,
    /// The attempt was made and failed.
    pub counted: bool,
    /// Where it goes, when that is known by now.
    pub domain: Option<&'a str>,
    /// What stood in the way.
    pub reason: &'a str,
}

/// Gives a delivery back.
pub async fn release(conn: &mut PgConnection, due: &Due, again: &Again<'_>) -> Result<(), Error> {
    sqlx::query(
        "UPDATE delivery SET lease = NULL, due_at = $3, attempts = attempts + $4, domain = coalesce($5, domain), reason = $6 \
         WHERE id = $1 AND lease = $2 AND state = 'pending'",
    )
    .bind(due.id)
    .bind(due.lease)
    .bind(again.due_at)
    .bind(i32::from(again.counted))
    .bind(again.domain)
    .bind(again.reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many deliveries of a channel are in a state.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Count {
    /// `mail` or `bell`.
    pub channel: String,
    /// `pending`, `sent`, `cancelled` or `failed`.
    pub state: String,
    /// Rows.
    pub count: i64,
}

/// Counts the deliveries of all portals by channel and state.
pub async fn counts(conn: &mut PgConnection) -> Result<Vec<Count>, Error> {
    let sql = "SELECT channel, state, count(*) AS count FROM delivery GROUP BY channel, state ORDER BY channel, state";
    Ok(sqlx::query_as(sql).fetch_all(conn).await?)
}

/// When the oldest delivery that should have left by now fell due.
pub async fn oldest_due(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Option<OffsetDateTime>, Error> {
    Ok(sqlx::query_scalar("SELECT min(due_at) FROM delivery WHERE state = 'pending' AND due_at <= $1").bind(now).fetch_one(conn).await?)
}

/// When the event happened whose delivery over this way has waited longest, whatever it waits for.
pub async fn oldest_pending(conn: &mut PgConnection, channel: Channel) -> Result<Option<OffsetDateTime>, Error> {
    let sql = "SELECT min(event_at) FROM delivery WHERE channel = $1 AND state = 'pending'";
    Ok(sqlx::query_scalar(sql).bind(channel.name()).fetch_one(conn).await?)
}

/// A delivery that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Failed {
    /// Names it.
    pub id: DeliveryId,
    /// Whose it is.
    pub portal: String,
    /// Over which way.
    pub channel: String,
    /// What it is about.
    pub kind: String,
    /// The last refusal.
    pub reason: String,
    /// Attempts made.
    pub attempts: i32,
    /// When it was given up.
    pub ended_at: OffsetDateTime,
}

/// A page of failed deliveries, newest first, after the (time, id) of the page before.
pub async fn failed(conn: &mut PgConnection, after: Option<(OffsetDateTime, Uuid)>, limit: i64) -> Result<Vec<Failed>, Error> {
    let (at, id) = after.unzip();
    Ok(sqlx::query_as(
        "SELECT id, portal, channel, kind, reason, attempts, ended_at FROM delivery \
         WHERE state = 'failed' AND ($1::timestamptz IS NULL OR (ended_at, id) < ($1, $2)) ORDER BY ended_at DESC, id DESC LIMIT $3",
    )
    .bind(at)
    .bind(id)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// Makes a failed delivery due again; false when there is none of that id.
pub async fn retry(conn: &mut PgConnection, id: DeliveryId, now: OffsetDateTime) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE delivery SET state = 'pending', attempts = 0, due_at = $2, ended_at = NULL, reason = '' WHERE id = $1 AND state = 'failed'",
    )
    .bind(id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes deliveries that ended before `before`, at most `limit`. They are kept longer than any event is told, so none comes back.
pub async fn sweep(conn: &mut PgConnection, before: OffsetDateTime, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE state IN ('sent', 'cancelled') AND ended_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
