//! Rows of `notification`.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Unread marks are counted up to here.
pub const COUNT_LIMIT: i64 = 1_000;

/// A mark as it is first stored. Its id is its delivery's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// The delivery's id.
    pub id: Uuid,
    /// Whose it is.
    pub portal: PortalId,
    /// Whose bell it is.
    pub person_id: String,
    /// The event's owner.
    pub producer: String,
    /// The event.
    pub event_id: Uuid,
    /// What the event was about.
    pub aggregate_kind: String,
    /// Which one.
    pub aggregate_id: String,
    /// A name of [`crate::domain::kind::Kind`].
    pub kind: &'static str,
    /// When the mark was made.
    pub created_at: OffsetDateTime,
}

/// What a person has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Whose portal.
    pub portal: PortalId,
    /// Whose bell.
    pub person_id: String,
    /// These; `None` for all made until `at`.
    pub ids: Option<Vec<Uuid>>,
    /// When.
    pub at: OffsetDateTime,
}

/// A mark as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Notification {
    /// Names it.
    pub id: Uuid,
    /// The event's owner.
    pub producer: String,
    /// The event.
    pub event_id: Uuid,
    /// A name of [`crate::domain::kind::Kind`].
    pub kind: String,
    /// When the mark was made.
    pub created_at: OffsetDateTime,
    /// When it was read.
    pub read_at: Option<OffsetDateTime>,
}

/// Stores marks; one that is there already stays as it is.
pub async fn insert(conn: &mut PgConnection, rows: &[NewNotification]) -> Result<(), Error> {
    let column = |value: fn(&NewNotification) -> &str| rows.iter().map(|row| value(row).to_owned()).collect::<Vec<String>>();
    sqlx::query(
        "INSERT INTO notification (id, portal, person_id, producer, event_id, aggregate_kind, aggregate_id, kind, created_at) \
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::timestamptz[]) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .bind(column(|row| row.portal.as_str()))
    .bind(column(|row| &row.person_id))
    .bind(column(|row| &row.producer))
    .bind(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
    .bind(column(|row| &row.aggregate_kind))
    .bind(column(|row| &row.aggregate_id))
    .bind(column(|row| row.kind))
    .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks as read what was unread.
pub async fn mark_read(conn: &mut PgConnection, reading: &Reading) -> Result<(), Error> {
    sqlx::query(
        "UPDATE notification SET read_at = $4 WHERE portal = $1 AND person_id = $2 AND read_at IS NULL AND withdrawn_at IS NULL \
         AND created_at <= $4 AND ($3::uuid[] IS NULL OR id = ANY($3))",
    )
    .bind(&reading.portal)
    .bind(&reading.person_id)
    .bind(&reading.ids)
    .bind(reading.at)
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of a person's marks, newest first, after the (time, id) of the page before.
pub async fn list(
    conn: &mut PgConnection,
    portal: &PortalId,
    person: &str,
    unread: bool,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Notification>, Error> {
    let (at, id) = after.unzip();
    Ok(sqlx::query_as(
        "SELECT id, producer, event_id, kind, created_at, read_at FROM notification \
         WHERE portal = $1 AND person_id = $2 AND withdrawn_at IS NULL AND (NOT $3 OR read_at IS NULL) \
         AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5)) ORDER BY created_at DESC, id DESC LIMIT $6",
    )
    .bind(portal)
    .bind(person)
    .bind(unread)
    .bind(at)
    .bind(id)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// How many marks of a person are unread, those of `except` left out; counted up to [`COUNT_LIMIT`].
pub async fn unread(conn: &mut PgConnection, portal: &PortalId, person: &str, except: &[Uuid]) -> Result<i32, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM notification WHERE portal = $1 AND person_id = $2 AND withdrawn_at IS NULL AND read_at IS NULL \
         AND id <> ALL($3) LIMIT $4) AS unread",
    )
    .bind(portal)
    .bind(person)
    .bind(except)
    .bind(COUNT_LIMIT)
    .fetch_one(conn)
    .await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Hides marks for good: their owner says that the person may not see them, or that they no longer matter.
pub async fn withdraw(conn: &mut PgConnection, portal: &PortalId, ids: &[Uuid], now: OffsetDateTime) -> Result<(), Error> {
    sqlx::query("UPDATE notification SET withdrawn_at = $3 WHERE portal = $1 AND id = ANY($2) AND withdrawn_at IS NULL")
        .bind(portal)
        .bind(ids)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}
