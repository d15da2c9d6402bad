//! Rows of announcements.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::announcement::{Announcement, AnnouncementView, Severity};
use crate::domain::audience::Audience;
use crate::domain::ids::{AnnouncementId, PersonId};
use crate::domain::search::document::Reader;

const COLUMNS: &str = "a.id, a.title, a.body, a.severity, a.audience, a.organizations, a.valid_from, a.valid_until, a.version, \
                       a.created_at, a.updated_at";

#[derive(sqlx::FromRow)]
struct Row {
    id: AnnouncementId,
    title: String,
    body: String,
    severity: String,
    audience: String,
    organizations: Vec<Uuid>,
    valid_from: OffsetDateTime,
    valid_until: Option<OffsetDateTime>,
    version: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    dismissed: bool,
}

impl Row {
    fn into_view(self) -> AnnouncementView {
        let announcement = Announcement {
            id: self.id,
            title: self.title,
            body: self.body,
            severity: Severity::from_word(&self.severity),
            audience: Audience::from_word(&self.audience, self.organizations),
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        AnnouncementView { announcement, dismissed: self.dismissed }
    }
}

#[derive(Serialize)]
struct Stored<'a> {
    portal: &'a str,
    id: Uuid,
    title: &'a str,
    body: &'a str,
    severity: &'a str,
    audience: &'a str,
    organizations: &'a [Uuid],
    readers: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    valid_from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    valid_until: Option<OffsetDateTime>,
    version: i64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// Writes announcements. As one JSON array, because `unnest` can't take rows that hold arrays.
pub async fn upsert(conn: &mut PgConnection, announcements: &[(PortalId, Announcement)]) -> Result<(), Error> {
    if announcements.is_empty() {
        return Ok(());
    }
    let rows: Vec<Stored<'_>> = announcements.iter().map(|(portal, it)| stored(portal, it)).collect();
    sqlx::query(
        "INSERT INTO announcement (portal, id, title, body, severity, audience, organizations, readers, valid_from, valid_until, version, created_at, updated_at) \
         SELECT * FROM jsonb_to_recordset($1) AS w (portal text, id uuid, title text, body text, severity text, audience text, \
             organizations uuid[], readers text[], valid_from timestamptz, valid_until timestamptz, version bigint, created_at timestamptz, updated_at timestamptz) \
         ON CONFLICT (id) DO UPDATE SET title = excluded.title, body = excluded.body, severity = excluded.severity, \
             audience = excluded.audience, organizations = excluded.organizations, readers = excluded.readers, \
             valid_from = excluded.valid_from, valid_until = excluded.valid_until, version = excluded.version, updated_at = excluded.updated_at",
    )
    .bind(sqlx::types::Json(rows))
    .execute(conn)
    .await?;
    Ok(())
}

fn stored<'a>(portal: &'a PortalId, it: &'a Announcement) -> Stored<'a> {
    Stored {
        portal: portal.as_str(),
        id: it.id.uuid(),
        title: &it.title,
        body: &it.body,
        severity: it.severity.word(),
        audience: it.audience.word(),
        organizations: it.audience.organizations(),
        readers: it.audience.readers().iter().map(Reader::word).collect(),
        valid_from: it.valid_from,
        valid_until: it.valid_until,
        version: it.version,
        created_at: it.created_at,
        updated_at: it.updated_at,
    }
}

/// Takes announcements and their dismissals away.
pub async fn delete(conn: &mut PgConnection, ids: &[AnnouncementId]) -> Result<(), Error> {
    if !ids.is_empty() {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        sqlx::query(
            "WITH d AS (DELETE FROM announcement_dismissal WHERE announcement = ANY ($1)) DELETE FROM announcement WHERE id = ANY ($1)",
        )
        .bind(ids)
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// Puts announcements away for people; again: no further effect.
pub async fn dismiss(conn: &mut PgConnection, rows: &[(PortalId, AnnouncementId, PersonId, OffsetDateTime)]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO announcement_dismissal (portal, announcement, person, at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[]) ON CONFLICT DO NOTHING",
    )
    .bind(rows.iter().map(|(portal, ..)| portal.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, announcement, ..)| announcement.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, _, person, _)| person.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(.., at)| *at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// One announcement, as a person sees it.
pub async fn find(
    conn: &mut PgConnection,
    portal: &PortalId,
    id: AnnouncementId,
    person: Option<PersonId>,
) -> Result<Option<AnnouncementView>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, EXISTS (SELECT FROM announcement_dismissal d WHERE d.announcement = a.id AND d.person = $3) AS dismissed \
           FROM announcement a WHERE a.portal = $1 AND a.id = $2"
    );
    let row: Option<Row> =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(portal.as_str()).bind(id).bind(person).fetch_optional(conn).await?;
    Ok(row.map(Row::into_view))
}

/// What a list of announcements wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only those of these groups; `None`: all.
    pub readers: Option<Vec<String>>,
    /// Only those valid at this time; `None`: all.
    pub valid_at: Option<OffsetDateTime>,
    /// Whose dismissals count.
    pub person: Option<PersonId>,
    /// Leaves out what the person has put away.
    pub undismissed_only: bool,
    /// The last row of the page before.
    pub after: Option<(OffsetDateTime, Uuid)>,
    /// Rows.
    pub limit: i64,
}

/// A page, the latest beginning first.
pub async fn page(conn: &mut PgConnection, portal: &PortalId, wanted: &Wanted) -> Result<Vec<AnnouncementView>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, d.person IS NOT NULL AS dismissed \
           FROM announcement a LEFT JOIN announcement_dismissal d ON d.announcement = a.id AND d.person = $2 \
          WHERE a.portal = $1 AND ($3::text[] IS NULL OR a.readers && $3) \
            AND ($4::timestamptz IS NULL OR (a.valid_from <= $4 AND (a.valid_until IS NULL OR a.valid_until > $4))) \
            AND (NOT $5 OR d.person IS NULL) \
            AND ($6::timestamptz IS NULL OR (a.valid_from, a.id) < ($6, $7)) \
          ORDER BY a.valid_from DESC, a.id DESC LIMIT $8"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(portal.as_str())
        .bind(wanted.person)
        .bind(&wanted.readers)
        .bind(wanted.valid_at)
        .bind(wanted.undismissed_only)
        .bind(wanted.after.map(|(at, _)| at))
        .bind(wanted.after.map(|(_, id)| id))
        .bind(wanted.limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(Row::into_view).collect())
}
