//! Views, counted in batches.

use portico_chassis::error::Error;
use sqlx::PgPool;
use uuid::Uuid;

/// Adds views to articles; those that are gone are passed over.
pub async fn add(pool: &PgPool, ids: &[Uuid], counts: &[i64]) -> Result<(), Error> {
    sqlx::query("UPDATE article a SET views = a.views + w.count FROM unnest($1::uuid[], $2::bigint[]) AS w (id, count) WHERE a.id = w.id")
        .bind(ids)
        .bind(counts)
        .execute(pool)
        .await?;
    Ok(())
}
