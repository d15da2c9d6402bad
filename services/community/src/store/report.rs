//! What people reported.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::head::{self, HeadRow, head_columns};
use super::listing::{micros, time_of};
use crate::domain::ids::{PersonId, ReportId};
use crate::domain::listing::Position;
use crate::domain::view::ReportView;

#[derive(FromRow)]
struct ReportRow {
    #[sqlx(flatten)]
    topic: HeadRow,
    report: ReportId,
    reporter: PersonId,
    reporter_name: Option<String>,
    reporter_role: Option<String>,
    reason: String,
    at: OffsetDateTime,
}

/// Reports about topics that still stand, newest first.
pub async fn newest(
    conn: &mut PortalConn,
    portal: &PortalId,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<(ReportView, Position)>, Error> {
    let after_at = after.map(|after| time_of(after.key)).transpose()?;
    let rows: Vec<ReportRow> = sqlx::query_as(concat!(
        "SELECT ",
        head_columns!(),
        ", r.id AS report, r.reporter, q.name AS reporter_name, q.role AS reporter_role, r.reason, r.at \
           FROM report r JOIN topic t ON t.id = r.topic AND t.stage = 'published' LEFT JOIN forum f ON f.id = t.forum \
           LEFT JOIN person p ON p.id = t.author LEFT JOIN person q ON q.id = r.reporter \
          WHERE r.portal = $1 AND ($2::timestamptz IS NULL OR (r.at, r.id) < ($2, $3)) ORDER BY r.at DESC, r.id DESC LIMIT $4"
    ))
    .bind(portal.as_str())
    .bind(after_at)
    .bind(after.map(|after| after.id))
    .bind(limit)
    .fetch_all(&mut **conn)
    .await?;
    rows.into_iter().map(ReportRow::view).collect()
}

impl ReportRow {
    fn view(self) -> Result<(ReportView, Position), Error> {
        let position = Position { key: micros(self.at), id: self.report.uuid() };
        let reporter = head::byline(self.reporter, self.reporter_name, self.reporter_role.as_deref());
        Ok((ReportView { id: self.report, topic: self.topic.head()?, reporter, reason: self.reason, at: self.at }, position))
    }
}
