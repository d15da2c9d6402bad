//! Password hashes, apart from the people.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{column, last_of_each};
use crate::domain::ids::PersonId;

/// A row of `credential`.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    /// In which portal.
    pub portal: PortalId,
    /// Whose.
    pub person: PersonId,
    /// A PHC string.
    pub password_hash: String,
    /// When it was set.
    pub changed_at: OffsetDateTime,
}

/// The stored hash of a person's password.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, person: PersonId) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar("SELECT password_hash FROM credential WHERE portal = $1 AND person_id = $2")
        .bind(portal)
        .bind(person)
        .fetch_optional(conn)
        .await?)
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<CredentialRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.person);
    sqlx::query(
        "INSERT INTO credential (portal, person_id, password_hash, changed_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) \
         ON CONFLICT (portal, person_id) DO UPDATE SET password_hash = excluded.password_hash, changed_at = excluded.changed_at",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.person))
    .bind(column(&rows, |row| row.password_hash.clone()))
    .bind(column(&rows, |row| row.changed_at))
    .execute(conn)
    .await?;
    Ok(())
}
