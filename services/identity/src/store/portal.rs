//! Portals and their settings.

use portico_chassis::error::Error;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{column, last_of_each};
use crate::domain::portal::Portal;
use crate::domain::settings::Settings;

/// A row of `portal` without its settings version, which is drawn when it is written.
#[derive(Debug, Clone)]
pub struct PortalRow {
    /// The portal as it is now.
    pub portal: Portal,
}

#[derive(sqlx::FromRow)]
struct Stored {
    portal: String,
    id: Uuid,
    title: String,
    settings: Json<Value>,
    settings_version: i64,
    created_at: OffsetDateTime,
    version: i64,
}

impl From<Stored> for Portal {
    fn from(row: Stored) -> Self {
        Self {
            id: row.id,
            settings: Settings::stored(row.settings.0, &row.portal),
            slug: row.portal,
            title: row.title,
            settings_version: row.settings_version,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// The portal that the connection was opened for.
pub async fn find(conn: &mut PgConnection, slug: &str) -> Result<Option<Portal>, Error> {
    let row: Option<Stored> =
        sqlx::query_as("SELECT portal, id, title, settings, settings_version, created_at, version FROM portal WHERE portal = $1")
            .bind(slug)
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Portal::from))
}

/// Portals whose settings changed after a version, in the order of their changes. A version beyond the newest is of a history that is no
/// more, because the database was restored: then all are told, from the oldest change on.
pub async fn changed_after(pool: &PgPool, version: i64, limit: i64) -> Result<Vec<Portal>, Error> {
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT portal, id, title, settings, settings_version, created_at, version FROM portal \
          WHERE settings_version > (SELECT CASE WHEN max(settings_version) < $1 THEN 0 ELSE $1 END FROM portal) \
          ORDER BY settings_version LIMIT $2",
    )
    .bind(version)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Portal::from).collect())
}

/// Portals after a slug, by slug.
pub async fn list(pool: &PgPool, after: &str, limit: i64) -> Result<Vec<Portal>, Error> {
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT portal, id, title, settings, settings_version, created_at, version FROM portal WHERE portal > $1 ORDER BY portal LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Portal::from).collect())
}

/// Inserts or updates portals. The version comes from the sequence here, under the head lock, so that nobody who reads "after version n"
/// can miss a lower one that commits later.
pub(super) async fn write(conn: &mut PgConnection, rows: Vec<PortalRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.portal.slug.clone());
    sqlx::query(
        "INSERT INTO portal (portal, id, title, settings, settings_version, created_at, version) \
         SELECT w.portal, w.id, w.title, w.settings::json, nextval('settings_version'), w.created_at, w.version \
           FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[]) \
                AS w (portal, id, title, settings, created_at, version) \
         ON CONFLICT (portal) DO UPDATE SET title = excluded.title, settings = excluded.settings, \
                settings_version = excluded.settings_version, version = excluded.version",
    )
    .bind(column(&rows, |row| row.portal.slug.clone()))
    .bind(column(&rows, |row| row.portal.id))
    .bind(column(&rows, |row| row.portal.title.clone()))
    .bind(column(&rows, |row| row.portal.settings.document().to_string()))
    .bind(column(&rows, |row| row.portal.created_at))
    .bind(column(&rows, |row| row.portal.version))
    .execute(conn)
    .await?;
    Ok(())
}
