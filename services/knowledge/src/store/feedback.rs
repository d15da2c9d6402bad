//! Whether articles helped.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::domain::ids::ArticleId;

/// One person's opinion of one article.
#[derive(Debug, Clone)]
pub struct Vote {
    /// In which portal.
    pub portal: PortalId,
    /// Of which article.
    pub article: ArticleId,
    /// Who: a person's id, or a hash of where a guest comes from.
    pub voter: String,
    /// Yes or no.
    pub helpful: bool,
    /// When.
    pub at: OffsetDateTime,
}

/// Keeps votes; a later one replaces an earlier one of the same voter.
pub async fn upsert(conn: &mut PgConnection, votes: &[Vote]) -> Result<(), Error> {
    if votes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO article_feedback (portal, article, voter, helpful, at) \
         SELECT w.* FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bool[], $5::timestamptz[]) AS w (portal, article, voter, helpful, at) \
          WHERE EXISTS (SELECT FROM article a WHERE a.id = w.article) \
         ON CONFLICT (article, voter) DO UPDATE SET helpful = excluded.helpful, at = excluded.at",
    )
    .bind(votes.iter().map(|vote| vote.portal.as_str()).collect::<Vec<_>>())
    .bind(votes.iter().map(|vote| vote.article.uuid()).collect::<Vec<_>>())
    .bind(votes.iter().map(|vote| vote.voter.as_str()).collect::<Vec<_>>())
    .bind(votes.iter().map(|vote| vote.helpful).collect::<Vec<_>>())
    .bind(votes.iter().map(|vote| vote.at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// How many said yes, and how many no.
pub async fn count(conn: &mut PgConnection, portal: &PortalId, article: ArticleId) -> Result<(i32, i32), Error> {
    let (helpful, unhelpful): (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE helpful), count(*) FILTER (WHERE NOT helpful) FROM article_feedback WHERE portal = $1 AND article = $2",
    )
    .bind(portal.as_str())
    .bind(article)
    .fetch_one(conn)
    .await?;
    Ok((i32::try_from(helpful).unwrap_or(i32::MAX), i32::try_from(unhelpful).unwrap_or(i32::MAX)))
}
