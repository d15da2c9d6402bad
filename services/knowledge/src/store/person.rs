//! Copies of people's names.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::domain::ids::PersonId;

/// What a byline needs of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonCopy {
    /// Where the account is.
    pub portal: PortalId,
    /// The person.
    pub id: PersonId,
    /// As it is shown.
    pub name: String,
    /// `customer`, `agent` or `admin`.
    pub role: String,
    /// Of identity's facts; an older copy never replaces a newer one.
    pub version: i64,
}

/// Keeps copies where they are newer.
pub async fn upsert(conn: &mut PgConnection, people: &[PersonCopy]) -> Result<(), Error> {
    if people.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO person (portal, id, name, role, version) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bigint[]) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, version = excluded.version \
         WHERE person.version < excluded.version",
    )
    .bind(people.iter().map(|person| person.portal.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.id.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.role.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.version).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Those of the people of whom there is a copy.
pub async fn known(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar("SELECT id FROM person WHERE id = ANY ($1)").bind(ids).fetch_all(conn).await?)
}

/// Refreshes copies; those of `asked` that are not among `people` are gone.
pub async fn refresh(pool: &PgPool, asked: &[Uuid], people: &[PersonCopy]) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    upsert(&mut tx, people).await?;
    let gone: Vec<Uuid> = asked.iter().copied().filter(|id| !people.iter().any(|person| person.id.uuid() == *id)).collect();
    sqlx::query("DELETE FROM person WHERE id = ANY ($1)").bind(&gone).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes the version of every copy back to 0, so that whatever their owner says now replaces it; returns portal, id and version.
pub async fn outdate(conn: &mut PgConnection) -> Result<Vec<(String, Uuid, i64)>, Error> {
    Ok(sqlx::query_as("UPDATE person SET version = 0 RETURNING portal, id, version").fetch_all(conn).await?)
}
