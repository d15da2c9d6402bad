//! Sessions.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{column, last_of_each};
use crate::domain::ids::{BrowserId, PersonId, SessionId};
use crate::domain::session::{EndReason, Session};

/// A new row of `session`.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// In which portal.
    pub portal: PortalId,
    /// The session.
    pub session: Session,
}

/// The end of a session.
#[derive(Debug, Clone)]
pub struct SessionEnd {
    /// In which portal.
    pub portal: PortalId,
    /// Which.
    pub id: SessionId,
    /// When.
    pub at: OffsetDateTime,
    /// Why.
    pub reason: EndReason,
    /// The aggregate's version after it.
    pub version: i64,
}

/// A session that goes on although the account's epoch was raised: the one in which the person changed the password.
#[derive(Debug, Clone)]
pub struct SessionKept {
    /// In which portal.
    pub portal: PortalId,
    /// Which.
    pub id: SessionId,
    /// The epoch now.
    pub epoch: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: Uuid,
    person_id: Uuid,
    browser_id: Option<Uuid>,
    refresh_sequence: i64,
    epoch: i64,
    created_at: OffsetDateTime,
    last_used_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    ip: String,
    user_agent: String,
    ended_at: Option<OffsetDateTime>,
    version: i64,
}

impl From<Stored> for Session {
    fn from(row: Stored) -> Self {
        Self {
            id: SessionId::new(row.id),
            person: PersonId::new(row.person_id),
            browser: row.browser_id.map(BrowserId::new),
            refresh_sequence: row.refresh_sequence,
            epoch: row.epoch,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            ip: row.ip,
            user_agent: row.user_agent,
            ended_at: row.ended_at,
            version: row.version,
        }
    }
}

/// One session by id, ended or not.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: SessionId) -> Result<Option<Session>, Error> {
    let row: Option<Stored> = sqlx::query_as(
        "SELECT id, person_id, browser_id, refresh_sequence, epoch, created_at, last_used_at, expires_at, ip, user_agent, ended_at, version \
           FROM session WHERE portal = $1 AND id = $2",
    )
    .bind(portal)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Session::from))
}

/// The sign-in that a browser holds in this portal: the latest that was not ended, if the cookie is the present one.
pub async fn find_by_browser(
    conn: &mut PgConnection,
    portal: &PortalId,
    browser: BrowserId,
    sequence: i64,
) -> Result<Option<Session>, Error> {
    let row: Option<Stored> = sqlx::query_as(
        "SELECT s.id, s.person_id, s.browser_id, s.refresh_sequence, s.epoch, s.created_at, s.last_used_at, s.expires_at, s.ip, \
                s.user_agent, s.ended_at, s.version \
           FROM session s JOIN browser b ON b.id = s.browser_id \
          WHERE s.portal = $1 AND s.browser_id = $2 AND b.sequence = $3 AND s.ended_at IS NULL \
          ORDER BY s.created_at DESC LIMIT 1",
    )
    .bind(portal)
    .bind(browser)
    .bind(sequence)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Session::from))
}

/// A person's sessions that were not ended, newest first, before a (time, id). Those that ran out are among them.
pub async fn list(
    conn: &mut PgConnection,
    portal: &PortalId,
    person: PersonId,
    before: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Session>, Error> {
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT id, person_id, browser_id, refresh_sequence, epoch, created_at, last_used_at, expires_at, ip, user_agent, ended_at, version \
           FROM session WHERE portal = $1 AND person_id = $2 AND ended_at IS NULL \
            AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4)) \
          ORDER BY created_at DESC, id DESC LIMIT $5",
    )
    .bind(portal)
    .bind(person)
    .bind(before.map(|(at, _)| at))
    .bind(before.map(|(_, id)| id))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// Notes that a session is in use.
pub async fn touch(conn: &mut PgConnection, portal: &PortalId, id: SessionId, now: OffsetDateTime) -> Result<(), Error> {
    sqlx::query("UPDATE session SET last_used_at = greatest(last_used_at, $3) WHERE portal = $1 AND id = $2 AND ended_at IS NULL")
        .bind(portal)
        .bind(id)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// What became of an exchange of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// The token was the present one; the next is of this sequence.
    Done(i64),
    /// The same request was answered before, with the token of this sequence.
    Repeated(i64),
    /// The token was used before.
    Reused,
}

/// Exchanges the token of `sequence` for the next, once: of two who come with the same token one is told that it was used.
pub async fn exchange(
    conn: &mut PgConnection,
    portal: &PortalId,
    id: SessionId,
    sequence: i64,
    request: &str,
    now: OffsetDateTime,
) -> Result<Exchange, Error> {
    let next: Option<i64> = sqlx::query_scalar(
        "UPDATE session SET refresh_sequence = refresh_sequence + 1, refresh_request = $4, last_used_at = greatest(last_used_at, $5) \
          WHERE portal = $1 AND id = $2 AND refresh_sequence = $3 AND ended_at IS NULL RETURNING refresh_sequence",
    )
    .bind(portal)
    .bind(id)
    .bind(sequence)
    .bind(request)
    .bind(now)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(next) = next {
        return Ok(Exchange::Done(next));
    }
    let repeated: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM session WHERE portal = $1 AND id = $2 AND refresh_sequence = $3 + 1 AND refresh_request = $4 \
                                              AND ended_at IS NULL)",
    )
    .bind(portal)
    .bind(id)
    .bind(sequence)
    .bind(request)
    .fetch_one(conn)
    .await?;
    Ok(if repeated { Exchange::Repeated(sequence + 1) } else { Exchange::Reused })
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<SessionRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.session.id);
    sqlx::query(
        "INSERT INTO session (portal, id, person_id, browser_id, refresh_sequence, epoch, created_at, last_used_at, expires_at, ip, \
                              user_agent, version) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::timestamptz[], \
                              $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::bigint[])",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.session.id))
    .bind(column(&rows, |row| row.session.person))
    .bind(column(&rows, |row| row.session.browser))
    .bind(column(&rows, |row| row.session.refresh_sequence))
    .bind(column(&rows, |row| row.session.epoch))
    .bind(column(&rows, |row| row.session.created_at))
    .bind(column(&rows, |row| row.session.last_used_at))
    .bind(column(&rows, |row| row.session.expires_at))
    .bind(column(&rows, |row| row.session.ip.clone()))
    .bind(column(&rows, |row| row.session.user_agent.clone()))
    .bind(column(&rows, |row| row.session.version))
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn write_ends(conn: &mut PgConnection, rows: Vec<SessionEnd>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    sqlx::query(
        "UPDATE session s SET ended_at = w.at, end_reason = w.reason, version = w.version \
           FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[]) AS w (portal, id, at, reason, version) \
          WHERE s.portal = w.portal AND s.id = w.id",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.id))
    .bind(column(&rows, |row| row.at))
    .bind(column(&rows, |row| row.reason.as_str()))
    .bind(column(&rows, |row| row.version))
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn write_kept(conn: &mut PgConnection, rows: Vec<SessionKept>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    sqlx::query(
        "UPDATE session s SET epoch = w.epoch FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS w (portal, id, epoch) \
          WHERE s.portal = w.portal AND s.id = w.id",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.id))
    .bind(column(&rows, |row| row.epoch))
    .execute(conn)
    .await?;
    Ok(())
}
