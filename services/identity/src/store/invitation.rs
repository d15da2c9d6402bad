//! Invitations.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{column, last_of_each};
use crate::domain::ids::{InvitationId, LinkId, OrganizationId, PersonId};
use crate::domain::invitation::{Invitation, InvitationState, InvitationStatus};
use crate::domain::person::{Role, Visibility};

/// A row of `invitation`.
#[derive(Debug, Clone)]
pub struct InvitationRow {
    /// In which portal.
    pub portal: PortalId,
    /// The invitation as it is now.
    pub invitation: Invitation,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: Uuid,
    person_id: Uuid,
    invited_by: Option<Uuid>,
    email: String,
    name: String,
    role: String,
    organization_id: Option<Uuid>,
    visibility: String,
    state: String,
    link_id: Option<Uuid>,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

/// Selects what [`Stored`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, person_id, invited_by, email, name, role, organization_id, visibility, state, link_id, created_at, expires_at ",
            "FROM invitation ",
            $rest
        )
    };
}

impl Stored {
    fn read(self) -> Result<Invitation, Error> {
        let broken = || Error::internal("a row of invitation holds an unknown name");
        Ok(Invitation {
            id: InvitationId::new(self.id),
            person: PersonId::new(self.person_id),
            invited_by: self.invited_by.map(PersonId::new),
            email: self.email,
            name: self.name,
            role: Role::parse(&self.role).ok_or_else(broken)?,
            organization: self.organization_id.map(OrganizationId::new),
            visibility: Visibility::parse(&self.visibility).ok_or_else(broken)?,
            state: InvitationState::parse(&self.state).ok_or_else(broken)?,
            link: self.link_id.map(LinkId::new),
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

/// One invitation by id.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: InvitationId) -> Result<Option<Invitation>, Error> {
    let row: Option<Stored> = sqlx::query_as(select!("WHERE portal = $1 AND id = $2")).bind(portal).bind(id).fetch_optional(conn).await?;
    row.map(Stored::read).transpose()
}

/// A person's invitations that nobody used or took back, oldest first, expired ones too.
pub async fn pending_of(conn: &mut PgConnection, portal: &PortalId, person: PersonId) -> Result<Vec<Invitation>, Error> {
    let rows: Vec<Stored> = sqlx::query_as(select!("WHERE portal = $1 AND person_id = $2 AND state = 'pending' ORDER BY created_at"))
        .bind(portal)
        .bind(person)
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(Stored::read).collect()
}

/// How many invitations somebody made since a moment.
pub async fn made_since(conn: &mut PgConnection, portal: &PortalId, inviter: PersonId, since: OffsetDateTime) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM invitation WHERE portal = $1 AND invited_by = $2 AND created_at >= $3")
        .bind(portal)
        .bind(inviter)
        .bind(since)
        .fetch_one(conn)
        .await?)
}

/// What a list of invitations is narrowed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Those that this person made.
    pub invited_by: Option<PersonId>,
    /// What they are shown as.
    pub status: Option<InvitationStatus>,
}

/// Invitations, newest first, before a (time, id).
pub async fn list(
    conn: &mut PgConnection,
    portal: &PortalId,
    filter: Filter,
    before: Option<(OffsetDateTime, Uuid)>,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Invitation>, Error> {
    let status = filter.status.map(|status| match status {
        InvitationStatus::Pending => "pending",
        InvitationStatus::Accepted => "accepted",
        InvitationStatus::Revoked => "revoked",
        InvitationStatus::Expired => "expired",
    });
    let rows: Vec<Stored> = sqlx::query_as(select!(
        "WHERE portal = $1 AND ($2::uuid IS NULL OR invited_by = $2) \
            AND ($3::text IS NULL OR $3 = CASE WHEN state = 'pending' AND expires_at <= $4 THEN 'expired' ELSE state END) \
            AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6)) \
          ORDER BY created_at DESC, id DESC LIMIT $7"
    ))
    .bind(portal)
    .bind(filter.invited_by)
    .bind(status)
    .bind(now)
    .bind(before.map(|(at, _)| at))
    .bind(before.map(|(_, id)| id))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Stored::read).collect()
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<InvitationRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.invitation.id);
    sqlx::query(
        "INSERT INTO invitation (portal, id, person_id, invited_by, email, name, role, organization_id, visibility, state, link_id, \
                                 created_at, expires_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::text[], \
                              $10::text[], $11::uuid[], $12::timestamptz[], $13::timestamptz[]) \
         ON CONFLICT (portal, id) DO UPDATE SET state = excluded.state, link_id = excluded.link_id, expires_at = excluded.expires_at",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.invitation.id))
    .bind(column(&rows, |row| row.invitation.person))
    .bind(column(&rows, |row| row.invitation.invited_by))
    .bind(column(&rows, |row| row.invitation.email.clone()))
    .bind(column(&rows, |row| row.invitation.name.clone()))
    .bind(column(&rows, |row| row.invitation.role.as_str()))
    .bind(column(&rows, |row| row.invitation.organization))
    .bind(column(&rows, |row| row.invitation.visibility.as_str()))
    .bind(column(&rows, |row| row.invitation.state.as_str()))
    .bind(column(&rows, |row| row.invitation.link))
    .bind(column(&rows, |row| row.invitation.created_at))
    .bind(column(&rows, |row| row.invitation.expires_at))
    .execute(conn)
    .await?;
    Ok(())
}
