//! Published topics as the search index takes them.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::uuid::Uuid;
use sqlx::{FromRow, PgPool};

use super::codes;
use super::head::{HeadRow, from_topic, head_columns};
use crate::domain::ids::TopicId;
use crate::domain::view::SearchableTopic;

#[derive(FromRow)]
struct SearchRow {
    #[sqlx(flatten)]
    head: HeadRow,
    body: String,
    answer: Option<String>,
    reach: i16,
}

/// These topics, the published ones.
pub async fn documents(conn: &mut PortalConn, portal: &PortalId, ids: &[TopicId]) -> Result<Vec<SearchableTopic>, Error> {
    let rows: Vec<SearchRow> = sqlx::query_as(concat!(
        "SELECT ",
        head_columns!(),
        ", t.body, t.audience AS reach, (SELECT b.body FROM post b WHERE b.id = t.accepted) AS answer",
        from_topic!(),
        "WHERE t.portal = $1 AND t.id = ANY ($2) AND t.stage = 'published'"
    ))
    .bind(portal.as_str())
    .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(&mut **conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(SearchableTopic { head: row.head.head()?, body: row.body, answer: row.answer, audience: codes::audience(row.reach)? })
        })
        .collect()
}

/// Portal, id and version of published topics after `after` in id order; of all portals when `portal` is `None`.
pub async fn snapshot(pool: &PgPool, portal: Option<&PortalId>, after: Uuid, limit: i64) -> Result<Vec<(String, Uuid, i64)>, Error> {
    Ok(sqlx::query_as(
        "SELECT portal, id, version FROM topic WHERE stage = 'published' AND id > $1 AND ($2::text IS NULL OR portal = $2) \
          ORDER BY id LIMIT $3",
    )
    .bind(after)
    .bind(portal.map(PortalId::as_str))
    .bind(limit)
    .fetch_all(pool)
    .await?)
}
