//! Organisations.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{column, last_of_each, person};
use crate::domain::ids::OrganizationId;
use crate::domain::organization::{Organization, name_key};

/// A row of `organization`.
#[derive(Debug, Clone)]
pub struct OrganizationRow {
    /// In which portal.
    pub portal: PortalId,
    /// The organisation as it is now.
    pub organization: Organization,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: Uuid,
    name: String,
    domains: Vec<String>,
    created_at: OffsetDateTime,
    version: i64,
}

impl From<Stored> for Organization {
    fn from(row: Stored) -> Self {
        Self { id: OrganizationId::new(row.id), name: row.name, domains: row.domains, created_at: row.created_at, version: row.version }
    }
}

/// One organisation by id.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: OrganizationId) -> Result<Option<Organization>, Error> {
    let row: Option<Stored> =
        sqlx::query_as("SELECT id, name, domains, created_at, version FROM organization WHERE portal = $1 AND id = $2")
            .bind(portal)
            .bind(id)
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Organization::from))
}

/// Organisations by the keys of their names.
pub async fn find_by_names(conn: &mut PgConnection, portal: &PortalId, keys: &[String]) -> Result<Vec<Organization>, Error> {
    let rows: Vec<Stored> =
        sqlx::query_as("SELECT id, name, domains, created_at, version FROM organization WHERE portal = $1 AND name_key = ANY ($2)")
            .bind(portal)
            .bind(keys)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(Organization::from).collect())
}

/// Organisations by name, after a (name key, id), whose names begin with `query`.
pub async fn list(
    conn: &mut PgConnection,
    portal: &PortalId,
    query: &str,
    after: Option<(String, Uuid)>,
    limit: i64,
) -> Result<Vec<Organization>, Error> {
    let (key, id) = after.unwrap_or_default();
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT id, name, domains, created_at, version FROM organization \
          WHERE portal = $1 AND name_key LIKE $2 AND (name_key, id) > ($3, $4) ORDER BY name_key, id LIMIT $5",
    )
    .bind(portal)
    .bind(person::prefix_pattern(query))
    .bind(key)
    .bind(id)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Organization::from).collect())
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<OrganizationRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.organization.id);
    // PostgreSQL has no arrays of unequal arrays: the domains come as JSON.
    sqlx::query(
        "INSERT INTO organization (portal, id, name, name_key, domains, created_at, version) \
         SELECT w.portal, w.id, w.name, w.name_key, ARRAY(SELECT jsonb_array_elements_text(w.domains)), w.created_at, w.version \
           FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::bigint[]) \
                AS w (portal, id, name, name_key, domains, created_at, version) \
         ON CONFLICT (portal, id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, domains = excluded.domains, \
                version = excluded.version",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.organization.id))
    .bind(column(&rows, |row| row.organization.name.clone()))
    .bind(column(&rows, |row| name_key(&row.organization.name)))
    .bind(column(&rows, |row| Json(row.organization.domains.clone())))
    .bind(column(&rows, |row| row.organization.created_at))
    .bind(column(&rows, |row| row.organization.version))
    .execute(conn)
    .await?;
    Ok(())
}
