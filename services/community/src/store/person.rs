//! Copies of the people who wrote something here.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::codes;
use crate::domain::ids::PersonId;
use crate::domain::view::Byline;

/// A person as identity last told.
#[derive(Clone, Debug)]
pub struct PersonCopy {
    /// The portal that the account belongs to.
    pub portal: PortalId,
    /// Name and role.
    pub byline: Byline,
    /// Identity's version; an older one never replaces a newer one.
    pub version: i64,
}

/// Takes over what is newer.
pub async fn upsert(conn: &mut PgConnection, people: &[PersonCopy]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO person (id, portal, name, role, version) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[]) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, version = excluded.version \
          WHERE person.version < excluded.version",
    )
    .bind(people.iter().map(|person| person.byline.id.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.portal.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.byline.name.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| codes::role_word(person.byline.role)).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.version).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets people who are gone.
pub async fn forget(conn: &mut PgConnection, ids: &[PersonId]) -> Result<(), Error> {
    sqlx::query("DELETE FROM person WHERE id = ANY ($1)").bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>()).execute(conn).await?;
    Ok(())
}

/// Which of these people have a copy here.
pub async fn known(conn: &mut PgConnection, ids: &[PersonId]) -> Result<Vec<PersonId>, Error> {
    Ok(sqlx::query_scalar("SELECT id FROM person WHERE id = ANY ($1)")
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?)
}

/// One person's name and role.
pub async fn one(conn: &mut PortalConn, portal: &PortalId, id: PersonId) -> Result<Option<Byline>, Error> {
    let row: Option<(String, String)> = sqlx::query_as("SELECT name, role FROM person WHERE portal = $1 AND id = $2")
        .bind(portal.as_str())
        .bind(id)
        .fetch_optional(&mut **conn)
        .await?;
    Ok(row.map(|(name, role)| Byline { id, name, role: codes::role(Some(&role)) }))
}

/// Takes the version of every copy back to 0, so that whatever their owner says now replaces it; returns portal, id and version.
pub async fn outdate(conn: &mut PgConnection) -> Result<Vec<(String, Uuid, i64)>, Error> {
    Ok(sqlx::query_as("UPDATE person SET version = 0 RETURNING portal, id, version").fetch_all(conn).await?)
}
