//! Wishes for a mail. The row is the same whether the address is known or not, so that the answer's content and time are (S03, S04).

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{column, last_of_each};
use crate::domain::ids::IntakeId;

/// The kind of the timer that looks at a wish.
pub const TIMER: &str = "intake";

/// What is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntakeKind {
    /// An account.
    SignUp,
    /// A password reset.
    PasswordReset,
    /// The auto-invite of a ticket's writer.
    AutoInvite,
    /// An account for somebody for whom an agent made a ticket.
    AgentsRequester,
    /// An account for somebody with whom a ticket was shared.
    Collaborator,
}

impl IntakeKind {
    /// The name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::PasswordReset => "password_reset",
            Self::AutoInvite => "auto_invite",
            Self::AgentsRequester => "agents_requester",
            Self::Collaborator => "collaborator",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::SignUp, Self::PasswordReset, Self::AutoInvite, Self::AgentsRequester, Self::Collaborator]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A row of `intake`.
#[derive(Debug, Clone)]
pub struct IntakeRow {
    /// In which portal.
    pub portal: PortalId,
    /// Its id.
    pub id: IntakeId,
    /// What is wished for.
    pub kind: IntakeKind,
    /// The address; empty when the ticket's owner has to be asked.
    pub email: String,
    /// The name given; empty for none.
    pub name: String,
    /// The ticket.
    pub ticket: Option<Uuid>,
    /// When.
    pub created_at: OffsetDateTime,
}

/// A wish that was looked at.
#[derive(Debug, Clone)]
pub struct IntakeDone {
    /// In which portal.
    pub portal: PortalId,
    /// Which.
    pub id: IntakeId,
}

/// One wish; `None` when it was looked at.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: IntakeId) -> Result<Option<IntakeRow>, Error> {
    let row: Option<(String, String, String, Option<Uuid>, OffsetDateTime)> =
        sqlx::query_as("SELECT kind, email, name, ticket_id, created_at FROM intake WHERE portal = $1 AND id = $2")
            .bind(portal)
            .bind(id)
            .fetch_optional(conn)
            .await?;
    row.map(|(kind, email, name, ticket, created_at)| {
        let kind = IntakeKind::parse(&kind).ok_or_else(|| Error::internal("a row of intake holds an unknown name"))?;
        Ok(IntakeRow { portal: portal.clone(), id, kind, email, name, ticket, created_at })
    })
    .transpose()
}

/// Somebody who has to do with a ticket and has no account yet.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// In which portal.
    pub portal: PortalId,
    /// Names the wish, so it is noted once: the ticket, or the share.
    pub id: Uuid,
    /// What is wished for.
    pub kind: IntakeKind,
    /// The ticket.
    pub ticket: Uuid,
    /// The person; `None` while the address is unproven.
    pub person: Option<Uuid>,
}

/// Notes who is to be invited because of a ticket; `traceparent` is what the timers go on from.
pub async fn note_newcomers(conn: &mut PgConnection, newcomers: &[Newcomer], traceparent: &str, now: OffsetDateTime) -> Result<(), Error> {
    if newcomers.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH w AS (SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $6::uuid[], $7::uuid[]) AS w (portal, id, kind, ticket, person)), \
              i AS (INSERT INTO intake (portal, id, kind, email, name, ticket_id, created_at) \
                      SELECT w.portal, w.id, w.kind, coalesce(p.email, ''), '', w.ticket, $4 \
                        FROM w LEFT JOIN person p ON p.portal = w.portal AND p.id = w.person \
                       WHERE w.person IS NULL OR p.id IS NOT NULL \
                      ON CONFLICT DO NOTHING RETURNING portal, id) \
         INSERT INTO timer (id, portal, kind, aggregate_id, due_at, next_at, traceparent) SELECT id, portal, $5, id, $4, $4, $8 FROM i \
         ON CONFLICT DO NOTHING",
    )
    .bind(column(newcomers, |newcomer| newcomer.portal.clone()))
    .bind(column(newcomers, |newcomer| newcomer.id))
    .bind(column(newcomers, |newcomer| newcomer.kind.as_str()))
    .bind(now)
    .bind(TIMER)
    .bind(column(newcomers, |newcomer| newcomer.ticket))
    .bind(column(newcomers, |newcomer| newcomer.person))
    .bind(traceparent)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<IntakeRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    sqlx::query(
        "INSERT INTO intake (portal, id, kind, email, name, ticket_id, created_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[])",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.id))
    .bind(column(&rows, |row| row.kind.as_str()))
    .bind(column(&rows, |row| row.email.clone()))
    .bind(column(&rows, |row| row.name.clone()))
    .bind(column(&rows, |row| row.ticket))
    .bind(column(&rows, |row| row.created_at))
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn write_done(conn: &mut PgConnection, rows: Vec<IntakeDone>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM intake i USING unnest($1::text[], $2::uuid[]) AS w (portal, id) WHERE i.portal = w.portal AND i.id = w.id")
        .bind(column(&rows, |row| row.portal.clone()))
        .bind(column(&rows, |row| row.id))
        .execute(conn)
        .await?;
    Ok(())
}
