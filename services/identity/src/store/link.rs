//! One-time links. A token is found by its hash, and only its hash is stored.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{column, last_of_each};
use crate::domain::ids::{InvitationId, LinkId, PersonId};
use crate::domain::link::{Link, LinkKind, LinkState};

/// A row of `link`.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// In which portal.
    pub portal: PortalId,
    /// The link as it is now.
    pub link: Link,
    /// SHA-256 of the token of its present generation.
    pub token_hash: [u8; 32],
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: Uuid,
    kind: String,
    person_id: Uuid,
    invitation_id: Option<Uuid>,
    name: String,
    generation: i32,
    state: String,
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    confirmed: bool,
}

impl Stored {
    fn read(self) -> Result<Link, Error> {
        let broken = || Error::internal("a row of link holds an unknown name");
        Ok(Link {
            id: LinkId::new(self.id),
            kind: LinkKind::parse(&self.kind).ok_or_else(broken)?,
            person: PersonId::new(self.person_id),
            invitation: self.invitation_id.map(InvitationId::new),
            name: self.name,
            generation: self.generation,
            state: LinkState::parse(&self.state).ok_or_else(broken)?,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            confirmed: self.confirmed,
        })
    }
}

/// One link by id.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: LinkId) -> Result<Option<Link>, Error> {
    let row: Option<Stored> = sqlx::query_as(
        "SELECT id, kind, person_id, invitation_id, name, generation, state, issued_at, expires_at, confirmed FROM link WHERE portal = $1 AND id = $2",
    )
    .bind(portal)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.map(Stored::read).transpose()
}

/// The link of a token's hash, whether it works or not.
pub async fn find_by_token(conn: &mut PgConnection, portal: &PortalId, hash: &[u8; 32]) -> Result<Option<Link>, Error> {
    let row: Option<Stored> = sqlx::query_as(
        "SELECT id, kind, person_id, invitation_id, name, generation, state, issued_at, expires_at, confirmed FROM link \
          WHERE portal = $1 AND token_hash = $2",
    )
    .bind(portal)
    .bind(&hash[..])
    .fetch_optional(conn)
    .await?;
    row.map(Stored::read).transpose()
}

/// A person's links that nobody ended, expired ones too.
pub async fn pending_of(conn: &mut PgConnection, portal: &PortalId, person: PersonId) -> Result<Vec<Link>, Error> {
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT id, kind, person_id, invitation_id, name, generation, state, issued_at, expires_at, confirmed FROM link \
          WHERE portal = $1 AND person_id = $2 AND state = 'pending' ORDER BY issued_at",
    )
    .bind(portal)
    .bind(person)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Stored::read).collect()
}

/// How many links, of one kind or of all, were sent to a person since a moment.
pub async fn sent_since(
    conn: &mut PgConnection,
    portal: &PortalId,
    person: PersonId,
    kind: Option<LinkKind>,
    since: OffsetDateTime,
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "SELECT count(*) FROM link WHERE portal = $1 AND person_id = $2 AND issued_at >= $3 AND ($4::text IS NULL OR kind = $4)",
    )
    .bind(portal)
    .bind(person)
    .bind(since)
    .bind(kind.map(LinkKind::as_str))
    .fetch_one(conn)
    .await?)
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<LinkRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.link.id);
    sqlx::query(
        "INSERT INTO link (portal, id, kind, person_id, invitation_id, name, token_hash, generation, state, issued_at, expires_at, \
                           confirmed) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::bytea[], $8::integer[], \
                              $9::text[], $10::timestamptz[], $11::timestamptz[], $12::boolean[]) \
         ON CONFLICT (portal, id) DO UPDATE SET name = excluded.name, token_hash = excluded.token_hash, generation = excluded.generation, \
                state = excluded.state, issued_at = excluded.issued_at, expires_at = excluded.expires_at, \
                confirmed = excluded.confirmed",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.link.id))
    .bind(column(&rows, |row| row.link.kind.as_str()))
    .bind(column(&rows, |row| row.link.person))
    .bind(column(&rows, |row| row.link.invitation))
    .bind(column(&rows, |row| row.link.name.clone()))
    .bind(column(&rows, |row| row.token_hash.to_vec()))
    .bind(column(&rows, |row| row.link.generation))
    .bind(column(&rows, |row| row.link.state.as_str()))
    .bind(column(&rows, |row| row.link.issued_at))
    .bind(column(&rows, |row| row.link.expires_at))
    .bind(column(&rows, |row| row.link.confirmed))
    .execute(conn)
    .await?;
    Ok(())
}
