//! Views, counted in batches.

use portico_chassis::error::Error;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::domain::ids::ArticleId;

/// Counts what new articles were read before they came here.
pub async fn count(conn: &mut PgConnection, views: &[(ArticleId, i64)]) -> Result<(), Error> {
    if views.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE article a SET views = a.views + w.count FROM unnest($1::uuid[], $2::bigint[]) AS w (id, count) WHERE a.id = w.id")
        .bind(views.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>())
        .bind(views.iter().map(|(_, count)| *count).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds views to articles; those that are gone are passed over.
pub async fn add(pool: &PgPool, ids: &[Uuid], counts: &[i64]) -> Result<(), Error> {
    sqlx::query("UPDATE article a SET views = a.views + w.count FROM unnest($1::uuid[], $2::bigint[]) AS w (id, count) WHERE a.id = w.id")
        .bind(ids)
        .bind(counts)
        .execute(pool)
        .await?;
    Ok(())
}
