//! Rows of `inbound_mail`.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::inbound::{CLAIM_LASTS, Outcome, State};

/// A message as it is first stored.
#[derive(Debug)]
pub struct NewMail<'a> {
    /// Names the row.
    pub id: Uuid,
    /// Whose door it came to.
    pub portal: &'a PortalId,
    /// Names the message within the portal.
    pub message_id: &'a str,
    /// Where the raw bytes are.
    pub blob: &'a str,
    /// Bytes.
    pub size: i64,
    /// Until when the raw bytes are kept.
    pub raw_until: OffsetDateTime,
}

/// Stores a message. False when this portal has the Message-ID already.
pub async fn insert(conn: &mut PgConnection, mail: &NewMail<'_>, now: OffsetDateTime) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO inbound_mail (id, portal, message_id, blob, size, received_at, due_at, raw_until) VALUES ($1, $2, $3, $4, $5, $6, $6, $7) \
         ON CONFLICT (portal, message_id) DO NOTHING",
    )
    .bind(mail.id)
    .bind(mail.portal)
    .bind(mail.message_id)
    .bind(mail.blob)
    .bind(mail.size)
    .bind(now)
    .bind(mail.raw_until)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether this portal has the Message-ID.
pub async fn exists(conn: &mut PgConnection, portal: &PortalId, message_id: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM inbound_mail WHERE portal = $1 AND message_id = $2)")
        .bind(portal)
        .bind(message_id)
        .fetch_one(conn)
        .await?)
}

/// A message as agents see it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Mail {
    /// Names the row.
    pub id: Uuid,
    /// Whose it is.
    pub portal: String,
    /// Names the message within the portal.
    pub message_id: String,
    /// Where the raw bytes are.
    pub blob: String,
    /// A name of [`State`].
    pub state: String,
    /// The ticket it concerns.
    pub ticket_number: Option<String>,
    /// Why it is in this state.
    pub reason: String,
    /// The address in From.
    pub from_address: String,
    /// At most 300 characters.
    pub subject: String,
    /// The writer, when known.
    pub person_id: Option<String>,
    /// When it came in.
    pub received_at: OffsetDateTime,
    /// Times that a worker began with it.
    pub attempts: i32,
    /// The request that accepted or dropped it.
    pub decided_request: Option<String>,
    /// When its state was reached; `None` while it is queued.
    pub ended_at: Option<OffsetDateTime>,
    /// The beginning of a claim's text; empty in every other state.
    pub excerpt: String,
}

impl Mail {
    /// The state as an enum.
    pub fn state(&self) -> Result<State, Error> {
        self.state.parse().map_err(|_| Error::internal(format!("inbound mail {} has an unreadable state", self.id)))
    }

    /// Until when an agent may decide about it, when it is a claim.
    pub fn lapses_at(&self) -> Option<OffsetDateTime> {
        self.ended_at.filter(|_| self.state == State::Claimed.name()).map(|since| since + CLAIM_LASTS)
    }
}

const COLUMNS: &str = "id, portal, message_id, blob, state, ticket_number, reason, from_address, subject, person_id, received_at, attempts, \
                       decided_request, ended_at, excerpt";

/// One message of a portal.
pub async fn get(conn: &mut PgConnection, portal: &PortalId, message_id: &str) -> Result<Option<Mail>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM inbound_mail WHERE portal = $1 AND message_id = $2"));
    Ok(sqlx::query_as(sql).bind(portal).bind(message_id).fetch_optional(conn).await?)
}

/// One message by its row's id.
pub async fn by_id(conn: &mut PgConnection, id: Uuid) -> Result<Option<Mail>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM inbound_mail WHERE id = $1"));
    Ok(sqlx::query_as(sql).bind(id).fetch_optional(conn).await?)
}

/// A page of a portal's messages, newest first.
pub async fn list(
    conn: &mut PgConnection,
    portal: &PortalId,
    state: Option<State>,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Mail>, Error> {
    let (at, id) = after.unzip();
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM inbound_mail WHERE portal = $1 AND ($2::text IS NULL OR state = $2) \
         AND ($3::timestamptz IS NULL OR (received_at, id) < ($3, $4)) ORDER BY received_at DESC, id DESC LIMIT $5"
    ));
    Ok(sqlx::query_as(sql).bind(portal).bind(state.map(State::name)).bind(at).bind(id).bind(limit).fetch_all(conn).await?)
}

/// Counted up to here.
pub const COUNT_LIMIT: i64 = 1_000;

/// How many messages of a portal are in a state and came in after `since`; counted up to [`COUNT_LIMIT`].
pub async fn count(conn: &mut PgConnection, portal: &PortalId, state: State, since: Option<OffsetDateTime>) -> Result<i32, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM inbound_mail WHERE portal = $1 AND state = $2 \
         AND ($3::timestamptz IS NULL OR received_at > $3) LIMIT $4) AS found",
    )
    .bind(portal)
    .bind(state.name())
    .bind(since)
    .bind(COUNT_LIMIT)
    .fetch_one(conn)
    .await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Leases up to `limit` queued messages until `until`, oldest first, and counts the attempt before it is made: a message that kills its
/// worker is counted too.
pub async fn lease(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    until: OffsetDateTime,
    lease: Uuid,
    limit: i64,
) -> Result<Vec<Mail>, Error> {
    let columns = COLUMNS.split(", ").map(|column| format!("m.{}", column.trim())).collect::<Vec<_>>().join(", ");
    let sql = sqlx::AssertSqlSafe(format!(
        "WITH due AS ( \
             SELECT id FROM inbound_mail WHERE state = 'queued' AND due_at <= $1 ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED \
         ) UPDATE inbound_mail m SET lease = $3, due_at = $2, attempts = m.attempts + 1 FROM due WHERE m.id = due.id RETURNING {columns}"
    ));
    Ok(sqlx::query_as(sql).bind(now).bind(until).bind(lease).bind(limit).fetch_all(conn).await?)
}

/// Gives a message back. `counted` false takes the attempt back: it never really began.
pub async fn release(conn: &mut PgConnection, id: Uuid, lease: Uuid, due_at: OffsetDateTime, counted: bool) -> Result<(), Error> {
    sqlx::query(
        "UPDATE inbound_mail SET lease = NULL, due_at = $3, attempts = attempts - $4 WHERE id = $1 AND lease = $2 AND state = 'queued'",
    )
    .bind(id)
    .bind(lease)
    .bind(due_at)
    .bind(i32::from(!counted))
    .execute(conn)
    .await?;
    Ok(())
}

/// Records who wrote a message and what about, once it was read.
pub async fn describe(conn: &mut PgConnection, id: Uuid, lease: Uuid, from: &str, subject: &str) -> Result<(), Error> {
    sqlx::query("UPDATE inbound_mail SET from_address = $3, subject = $4 WHERE id = $1 AND lease = $2 AND state = 'queued'")
        .bind(id)
        .bind(lease)
        .bind(from)
        .bind(subject)
        .execute(conn)
        .await?;
    Ok(())
}

/// What the work on a message came to.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// State, ticket, reason.
    pub outcome: &'a Outcome,
    /// The writer, when known.
    pub person: Option<&'a str>,
    /// The beginning of the text; kept with a claim only.
    pub excerpt: &'a str,
}

/// Ends the work on a message; false when its lease was lost.
pub async fn settle(conn: &mut PgConnection, id: Uuid, lease: Uuid, ended: Ended<'_>, now: OffsetDateTime) -> Result<bool, Error> {
    let Ended { outcome, person, excerpt } = ended;
    let done = sqlx::query(
        "UPDATE inbound_mail SET state = $3, ticket_number = $4, reason = $5, person_id = $6, ended_at = $7, lease = NULL, \
                                 excerpt = CASE WHEN $3 = 'claimed' THEN $8 ELSE '' END \
         WHERE id = $1 AND lease = $2 AND state = 'queued'",
    )
    .bind(id)
    .bind(lease)
    .bind(outcome.state.name())
    .bind(&outcome.ticket_number)
    .bind(&outcome.reason)
    .bind(person)
    .bind(now)
    .bind(excerpt)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many messages of a sender were worked on since `since`, not counting those without effect.
pub async fn from_sender_since(conn: &mut PgConnection, portal: &str, from: &str, since: OffsetDateTime) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM inbound_mail WHERE portal = $1 AND from_address = $2 AND received_at > $3 \
         AND state IN ('ticket_created', 'comment_added', 'unverified_ticket', 'claimed') LIMIT 100000) AS recent",
    )
    .bind(portal)
    .bind(from)
    .bind(since)
    .fetch_one(conn)
    .await?)
}

/// An agent's word on a claim.
#[derive(Debug)]
pub struct Decision<'a> {
    /// The row.
    pub id: Uuid,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// The agent.
    pub agent: &'a str,
    /// Repeating it changes nothing.
    pub request_id: &'a str,
}

/// Ends a claim; false when it is no claim any more. One that was accepted, so that its comment is there, wins over one that was dropped or
/// lapsed at the same moment.
pub async fn decide(conn: &mut PgConnection, portal: &PortalId, decision: &Decision<'_>, now: OffsetDateTime) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE inbound_mail SET state = $3, ticket_number = coalesce($4, ticket_number), reason = $5, decided_by = $6, decided_request = $7, \
                                 ended_at = $8, excerpt = '' \
         WHERE id = $1 AND portal = $2 \
           AND (state = 'claimed' OR state = 'ignored' AND reason IN ('dropped_by_agent', 'expired') AND $3 IN ('comment_added', 'ticket_created'))",
    )
    .bind(decision.id)
    .bind(portal)
    .bind(decision.outcome.state.name())
    .bind(&decision.outcome.ticket_number)
    .bind(&decision.outcome.reason)
    .bind(decision.agent)
    .bind(decision.request_id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends claims that waited since before `before`.
pub async fn expire_claims(conn: &mut PgConnection, before: OffsetDateTime, now: OffsetDateTime) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE inbound_mail SET state = 'ignored', reason = 'expired', ended_at = $2, excerpt = '' WHERE state = 'claimed' AND ended_at < $1",
    )
    .bind(before)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Raw messages whose time is over: (row, blob). A claim keeps its bytes until it is decided.
pub async fn outdated_raw(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<(Uuid, String)>, Error> {
    Ok(sqlx::query_as("SELECT id, blob FROM inbound_mail WHERE raw_until < $1 AND state NOT IN ('queued', 'claimed') LIMIT $2")
        .bind(now)
        .bind(limit)
        .fetch_all(conn)
        .await?)
}

/// Records that the raw bytes of these rows are gone.
pub async fn forget_raw(conn: &mut PgConnection, ids: &[Uuid]) -> Result<(), Error> {
    sqlx::query("UPDATE inbound_mail SET raw_until = NULL WHERE id = ANY($1)").bind(ids).execute(conn).await?;
    Ok(())
}

/// Those of these rows whose raw message is kept.
pub async fn with_raw(pool: &PgPool, ids: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
    let sql = "SELECT id FROM inbound_mail WHERE id = ANY ($1) AND raw_until IS NOT NULL";
    Ok(sqlx::query_scalar(sql).bind(ids).fetch_all(pool).await?)
}
