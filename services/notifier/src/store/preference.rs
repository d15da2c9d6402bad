//! Rows of `preference`.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::domain::preference::Preferences;

/// A person's stored choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// What is on and off.
    pub preferences: Preferences,
    /// 0 when the person never chose.
    pub version: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    off: Vec<String>,
    version: i64,
    request_id: String,
}

/// Reads a person's choice; the defaults when there is none.
pub async fn get(conn: &mut PgConnection, portal: &PortalId, person: &str) -> Result<Stored, Error> {
    Ok(read(conn, portal, person).await?.map(|row| stored(&row)).unwrap_or_default())
}

async fn read(conn: &mut PgConnection, portal: &PortalId, person: &str) -> Result<Option<Row>, Error> {
    Ok(sqlx::query_as("SELECT off, version, request_id FROM preference WHERE portal = $1 AND person_id = $2")
        .bind(portal)
        .bind(person)
        .fetch_optional(conn)
        .await?)
}

fn stored(row: &Row) -> Stored {
    let off = row.off.iter().filter_map(|word| {
        let (channel, kind) = word.split_once('.')?;
        Some((channel.parse().ok()?, kind.parse().ok()?))
    });
    Stored { preferences: Preferences::from_off(off), version: row.version }
}

/// What is written.
#[derive(Debug)]
pub struct Put<'a> {
    /// Whose portal.
    pub portal: &'a PortalId,
    /// Whose choice.
    pub person: &'a str,
    /// The choice.
    pub preferences: &'a Preferences,
    /// When given, the write happens only on this version.
    pub expected: Option<i64>,
    /// Repeating the last request changes nothing.
    pub request_id: &'a str,
}

/// Replaces a person's choice. `version_conflict` when `expected` is not the present version.
pub async fn put(conn: &mut PgConnection, put: Put<'_>, now: OffsetDateTime) -> Result<Stored, Error> {
    let present = read(conn, put.portal, put.person).await?;
    if let Some(row) = present.as_ref().filter(|row| row.request_id == put.request_id) {
        return Ok(stored(row));
    }
    let version = present.as_ref().map_or(0, |row| row.version);
    if put.expected.is_some_and(|expected| expected != version) {
        return Err(Error::version_conflict());
    }
    let off: Vec<String> = put.preferences.off().iter().map(|(channel, kind)| format!("{channel}.{kind}")).collect();
    // The version in the WHERE clause settles a race of two writers: one of them changes no row.
    let row: Option<Row> = sqlx::query_as(
        "INSERT INTO preference (portal, person_id, off, version, request_id, changed_at) VALUES ($1, $2, $3, $4 + 1, $5, $6) \
         ON CONFLICT (portal, person_id) DO UPDATE SET off = $3, version = $4 + 1, request_id = $5, changed_at = $6 \
         WHERE preference.version = $4 RETURNING off, version, request_id",
    )
    .bind(put.portal)
    .bind(put.person)
    .bind(off)
    .bind(version)
    .bind(put.request_id)
    .bind(now)
    .fetch_optional(conn)
    .await?;
    row.map(|row| stored(&row)).ok_or_else(Error::version_conflict)
}
