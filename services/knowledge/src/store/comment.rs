//! Rows of comments.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::page::First;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::comment::{Byline, Comment};
use crate::domain::ids::{ArticleId, CommentId, PersonId};

#[derive(sqlx::FromRow)]
struct Row {
    id: CommentId,
    article: ArticleId,
    author: PersonId,
    name: Option<String>,
    role: Option<String>,
    body: String,
    created_at: OffsetDateTime,
}

impl Row {
    fn into_comment(self) -> Comment {
        let author =
            Byline { id: self.author, name: self.name.unwrap_or_default(), role: self.role.unwrap_or_else(|| "customer".to_owned()) };
        Comment { id: self.id, article: self.article, author, body: self.body, created_at: self.created_at }
    }
}

/// Adds comments and counts them.
pub async fn insert(conn: &mut PgConnection, comments: &[(PortalId, Comment)]) -> Result<(), Error> {
    if comments.is_empty() {
        return Ok(());
    }
    let articles: Vec<Uuid> = comments.iter().map(|(_, comment)| comment.article.uuid()).collect();
    sqlx::query(
        "INSERT INTO article_comment (portal, id, article, author, body, created_at) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])",
    )
    .bind(comments.iter().map(|(portal, _)| portal.as_str()).collect::<Vec<_>>())
    .bind(comments.iter().map(|(_, comment)| comment.id.uuid()).collect::<Vec<_>>())
    .bind(&articles)
    .bind(comments.iter().map(|(_, comment)| comment.author.id.uuid()).collect::<Vec<_>>())
    .bind(comments.iter().map(|(_, comment)| comment.body.as_str()).collect::<Vec<_>>())
    .bind(comments.iter().map(|(_, comment)| comment.created_at).collect::<Vec<_>>())
    .execute(&mut *conn)
    .await?;
    count(conn, &articles, 1).await
}

/// Takes comments away and counts them.
pub async fn delete(conn: &mut PgConnection, comments: &[Comment]) -> Result<(), Error> {
    if comments.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM article_comment WHERE id = ANY ($1)")
        .bind(comments.iter().map(|comment| comment.id.uuid()).collect::<Vec<_>>())
        .execute(&mut *conn)
        .await?;
    let articles: Vec<Uuid> = comments.iter().map(|comment| comment.article.uuid()).collect();
    count(conn, &articles, -1).await
}

async fn count(conn: &mut PgConnection, articles: &[Uuid], step: i32) -> Result<(), Error> {
    sqlx::query(
        "UPDATE article a SET comment_count = greatest(0, a.comment_count + w.times * $2) \
           FROM (SELECT id, count(*)::int AS times FROM unnest($1::uuid[]) AS u (id) GROUP BY id) AS w WHERE a.id = w.id",
    )
    .bind(articles)
    .bind(step)
    .execute(conn)
    .await?;
    Ok(())
}

macro_rules! page_of_comments {
    ($after:literal, $order:literal) => {
        concat!(
            "SELECT c.id, c.article, c.author, p.name, p.role, c.body, c.created_at \
               FROM article_comment c LEFT JOIN person p ON p.id = c.author \
              WHERE c.portal = $1 AND c.article = $2 AND ($3::uuid IS NULL OR ",
            $after,
            ") ORDER BY ",
            $order,
            " LIMIT $4"
        )
    };
}

/// Comments of an article after one of them.
pub async fn page(
    conn: &mut PgConnection,
    portal: &PortalId,
    article: ArticleId,
    first: First,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Comment>, Error> {
    let sql = match first {
        First::Oldest => page_of_comments!("c.id > $3", "c.id"),
        First::Newest => page_of_comments!("c.id < $3", "c.id DESC"),
    };
    let rows: Vec<Row> = sqlx::query_as(sql).bind(portal.as_str()).bind(article).bind(after).bind(limit).fetch_all(conn).await?;
    Ok(rows.into_iter().map(Row::into_comment).collect())
}

/// One comment.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: CommentId) -> Result<Option<Comment>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT c.id, c.article, c.author, p.name, p.role, c.body, c.created_at \
           FROM article_comment c LEFT JOIN person p ON p.id = c.author WHERE c.portal = $1 AND c.id = $2",
    )
    .bind(portal.as_str())
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Row::into_comment))
}
