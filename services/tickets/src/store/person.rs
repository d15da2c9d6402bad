//! Copies of people and organisations.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::columns::{column, known};
use super::item::{WRITTEN, Written};
use crate::domain::ids::{OrganizationId, PersonId, PortalId};
use crate::domain::kinds::Role;
use crate::domain::person::PersonFacts;

#[derive(sqlx::FromRow)]
struct PersonRow {
    portal: PortalId,
    id: Uuid,
    name: String,
    email: String,
    role: i16,
    active: bool,
    registered: bool,
    organization_id: Option<Uuid>,
    organization_name: Option<String>,
    sees_organization: bool,
    locale: String,
    time_zone: String,
    version: i64,
}

impl PersonRow {
    fn into_facts(self) -> Result<PersonFacts, Error> {
        let organization_name = self.organization_name.unwrap_or_default();
        Ok(PersonFacts {
            portal: self.portal,
            id: PersonId::new(self.id),
            name: self.name,
            email: self.email,
            role: known(Role::from_code(self.role), "role")?,
            active: self.active,
            registered: self.registered,
            organization: self.organization_id.map(|id| (OrganizationId::new(id), organization_name)),
            sees_organization: self.sees_organization,
            locale: self.locale,
            time_zone: self.time_zone,
            version: self.version,
        })
    }
}

/// Takes over facts that are newer than the copies, and the names of their organisations.
pub async fn upsert(conn: &mut PgConnection, facts: &[PersonFacts]) -> Result<(), Error> {
    let mut latest: std::collections::BTreeMap<(&PortalId, PersonId), &PersonFacts> = std::collections::BTreeMap::new();
    for person in facts {
        let entry = latest.entry((&person.portal, person.id)).or_insert(person);
        if entry.version < person.version {
            *entry = person;
        }
    }
    let rows: Vec<&PersonFacts> = latest.into_values().collect();
    sqlx::query(
        "INSERT INTO person (portal, id, name, email, role, active, registered, organization_id, sees_organization, locale, time_zone, version) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::boolean[], $7::boolean[], $8::uuid[], \
           $9::boolean[], $10::text[], $11::text[], $12::bigint[]) \
         ON CONFLICT (portal, id) DO UPDATE SET name = excluded.name, email = excluded.email, role = excluded.role, active = excluded.active, \
           registered = excluded.registered, organization_id = excluded.organization_id, sees_organization = excluded.sees_organization, \
           locale = excluded.locale, time_zone = excluded.time_zone, version = excluded.version \
         WHERE person.version < excluded.version",
    )
    .bind(column(&rows, |row| row.portal.as_str()))
    .bind(column(&rows, |row| row.id.uuid()))
    .bind(column(&rows, |row| row.name.as_str()))
    .bind(column(&rows, |row| row.email.as_str()))
    .bind(column(&rows, |row| row.role.code()))
    .bind(column(&rows, |row| row.active))
    .bind(column(&rows, |row| row.registered))
    .bind(column(&rows, |row| row.organization.as_ref().map(|(id, _)| id.uuid())))
    .bind(column(&rows, |row| row.sees_organization))
    .bind(column(&rows, |row| row.locale.as_str()))
    .bind(column(&rows, |row| row.time_zone.as_str()))
    .bind(column(&rows, |row| row.version))
    .execute(&mut *conn)
    .await?;
    organizations(conn, &rows).await
}

async fn organizations(conn: &mut PgConnection, rows: &[&PersonFacts]) -> Result<(), Error> {
    let named: std::collections::BTreeMap<(&str, Uuid), &str> = rows
        .iter()
        .filter_map(|row| row.organization.as_ref().map(|(id, name)| ((row.portal.as_str(), id.uuid()), name.as_str())))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO organization (portal, id, name) SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[]) \
         ON CONFLICT (portal, id) DO UPDATE SET name = excluded.name WHERE organization.name <> excluded.name",
    )
    .bind(named.keys().map(|(portal, _)| *portal).collect::<Vec<_>>())
    .bind(named.keys().map(|(_, id)| *id).collect::<Vec<_>>())
    .bind(named.values().copied().collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

const FACTS: &str = "SELECT p.portal, p.id, p.name, p.email, p.role, p.active, p.registered, p.organization_id, o.name AS organization_name, \
     p.sees_organization, p.locale, p.time_zone, p.version \
     FROM person p LEFT JOIN organization o ON o.portal = p.portal AND o.id = p.organization_id";

/// Copies by id; unknown ids are left out.
pub async fn by_ids(conn: &mut PgConnection, portal: &PortalId, ids: &[Uuid]) -> Result<Vec<PersonFacts>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<PersonRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{FACTS} WHERE p.portal = $1 AND p.id = ANY ($2)")))
        .bind(portal.as_str())
        .bind(ids)
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(PersonRow::into_facts).collect()
}

/// The active agents and administrators of a portal by name, agents first.
pub async fn staff(conn: &mut PortalConn, portal: &PortalId, limit: i64) -> Result<Vec<PersonFacts>, Error> {
    let sql = format!("{FACTS} WHERE p.portal = $1 AND p.role IN (2, 3) AND p.active ORDER BY p.name, p.id LIMIT $2");
    let rows: Vec<PersonRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(portal.as_str()).bind(limit).fetch_all(&mut **conn).await?;
    rows.into_iter().map(PersonRow::into_facts).collect()
}

/// The active agents of a portal; where there are none, its administrators.
pub async fn support(conn: &mut PortalConn, portal: &PortalId, limit: i64) -> Result<Vec<PersonId>, Error> {
    let rows: Vec<(Uuid, i16)> =
        sqlx::query_as("SELECT id, role FROM person WHERE portal = $1 AND role IN (2, 3) AND active ORDER BY role, id LIMIT $2")
            .bind(portal.as_str())
            .bind(limit)
            .fetch_all(&mut **conn)
            .await?;
    let agents = rows.iter().filter(|(_, role)| *role == Role::Agent.code()).map(|(id, _)| PersonId::new(*id)).collect::<Vec<_>>();
    Ok(if agents.is_empty() { rows.into_iter().map(|(id, _)| PersonId::new(id)).collect() } else { agents })
}

/// [`support`], and how many items of a kind somebody wrote, in one statement: both are asked before a customer writes.
pub async fn support_and_written(
    conn: &mut PortalConn,
    portal: &PortalId,
    limit: i64,
    written: &Written,
) -> Result<(i64, Vec<PersonId>), Error> {
    let sql = format!(
        "WITH support AS (SELECT id, role FROM person WHERE portal = $1 AND role IN (2, 3) AND active ORDER BY role, id LIMIT $6) \
         SELECT ({WRITTEN}), ARRAY(SELECT id FROM support WHERE role = (SELECT min(role) FROM support) ORDER BY id)"
    );
    let (count, ids): (i64, Vec<Uuid>) = sqlx::query_as(AssertSqlSafe(sql))
        .bind(portal.as_str())
        .bind(written.person.uuid())
        .bind(written.kind.code())
        .bind(written.since)
        .bind(written.limit)
        .bind(limit)
        .fetch_one(&mut **conn)
        .await?;
    Ok((count, ids.into_iter().map(PersonId::new).collect()))
}

/// Deletes copies of people who are gone.
pub async fn delete(conn: &mut PgConnection, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
    sqlx::query("DELETE FROM person WHERE portal = $1 AND id = ANY ($2)").bind(portal.as_str()).bind(ids).execute(conn).await?;
    Ok(())
}

/// Takes the version of every copy back to 0, so that whatever their owner says now replaces it; returns portal, id and version.
pub async fn outdate(conn: &mut PgConnection) -> Result<Vec<(String, Uuid, i64)>, Error> {
    Ok(sqlx::query_as("UPDATE person SET version = 0 RETURNING portal, id, version").fetch_all(conn).await?)
}
