//! Views, counted in memory and written in batches.

use portico_chassis::error::Error;
use portico_chassis::uuid::Uuid;
use sqlx::PgPool;

use crate::domain::ids::TopicId;

/// Adds views to topics and says which of them took them. A topic that the journal is writing at this moment is left for the next time:
/// waiting for its row while holding others would let the two lock each other out.
pub async fn add(pool: &PgPool, views: &[(TopicId, i64)]) -> Result<Vec<TopicId>, Error> {
    let (ids, counts): (Vec<Uuid>, Vec<i64>) = views.iter().map(|(id, count)| (id.uuid(), *count)).unzip();
    Ok(sqlx::query_scalar(
        "WITH wanted AS (SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS w (id, count)), \
              free AS (SELECT t.id FROM topic t WHERE t.id IN (SELECT id FROM wanted) FOR NO KEY UPDATE SKIP LOCKED) \
         UPDATE topic t SET views = t.views + w.count FROM wanted w JOIN free USING (id) WHERE t.id = w.id RETURNING t.id",
    )
    .bind(ids)
    .bind(counts)
    .fetch_all(pool)
    .await?)
}
