//! Rows of articles.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::attachment;
use crate::domain::article::{Article, ArticleKind, ArticleState, ArticleView};
use crate::domain::audience::Audience;
use crate::domain::ids::ArticleId;
use crate::domain::search::document::Reader;
use crate::domain::text::category_id;

const COLUMNS: &str = "id, slug, source_id, title, kind, state, audience, organizations, department, category, tags, version, \
                       created_at, published_at, updated_at, views, comment_count";

#[derive(sqlx::FromRow)]
struct Row {
    id: ArticleId,
    slug: String,
    source_id: Option<String>,
    title: String,
    body: String,
    kind: String,
    state: String,
    audience: String,
    organizations: Vec<Uuid>,
    department: String,
    category: String,
    tags: Vec<String>,
    version: i64,
    created_at: OffsetDateTime,
    published_at: Option<OffsetDateTime>,
    updated_at: OffsetDateTime,
    views: i64,
    comment_count: i32,
}

impl Row {
    fn into_view(self) -> ArticleView {
        let article = Article {
            id: self.id,
            slug: self.slug,
            source_id: self.source_id,
            title: self.title,
            body: self.body,
            kind: ArticleKind::from_word(&self.kind),
            state: ArticleState::from_word(&self.state),
            audience: Audience::from_word(&self.audience, self.organizations),
            department: self.department,
            category: self.category,
            tags: self.tags,
            attachments: Vec::new(),
            version: self.version,
            created_at: self.created_at,
            published_at: self.published_at,
            updated_at: self.updated_at,
        };
        ArticleView { article, views: self.views, comment_count: self.comment_count, helpful: 0, unhelpful: 0 }
    }
}

#[derive(Serialize)]
struct Stored<'a> {
    portal: &'a str,
    id: Uuid,
    slug: &'a str,
    source_id: Option<&'a str>,
    title: &'a str,
    body: &'a str,
    kind: &'a str,
    state: &'a str,
    audience: &'a str,
    organizations: &'a [Uuid],
    readers: Vec<String>,
    department: &'a str,
    category: &'a str,
    category_id: String,
    tags: &'a [String],
    version: i64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    published_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// Writes articles; counters stay. As one JSON array, because `unnest` can't take rows that hold arrays.
pub async fn upsert(conn: &mut PgConnection, articles: &[(PortalId, Article)]) -> Result<(), Error> {
    if articles.is_empty() {
        return Ok(());
    }
    let rows: Vec<Stored<'_>> = articles.iter().map(|(portal, article)| stored(portal, article)).collect();
    sqlx::query(
        "INSERT INTO article (portal, id, slug, source_id, title, body, kind, state, audience, organizations, readers, department, \
             category, category_id, tags, version, created_at, published_at, updated_at) \
         SELECT * FROM jsonb_to_recordset($1) AS w (portal text, id uuid, slug text, source_id text, title text, body text, kind text, \
             state text, audience text, organizations uuid[], readers text[], department text, category text, category_id text, \
             tags text[], version bigint, created_at timestamptz, published_at timestamptz, updated_at timestamptz) \
         ON CONFLICT (id) DO UPDATE SET title = excluded.title, body = excluded.body, kind = excluded.kind, state = excluded.state, \
             audience = excluded.audience, organizations = excluded.organizations, readers = excluded.readers, \
             department = excluded.department, category = excluded.category, category_id = excluded.category_id, tags = excluded.tags, \
             version = excluded.version, published_at = excluded.published_at, updated_at = excluded.updated_at",
    )
    .bind(sqlx::types::Json(rows))
    .execute(conn)
    .await?;
    Ok(())
}

fn stored<'a>(portal: &'a PortalId, article: &'a Article) -> Stored<'a> {
    Stored {
        portal: portal.as_str(),
        id: article.id.uuid(),
        slug: &article.slug,
        source_id: article.source_id.as_deref(),
        title: &article.title,
        body: &article.body,
        kind: article.kind.word(),
        state: article.state.word(),
        audience: article.audience.word(),
        organizations: article.audience.organizations(),
        readers: article.readers().iter().map(Reader::word).collect(),
        department: &article.department,
        category: &article.category,
        category_id: category_id(&article.category),
        tags: &article.tags,
        version: article.version,
        created_at: article.created_at,
        published_at: article.published_at,
        updated_at: article.updated_at,
    }
}

/// Takes articles away, with their comments, feedback and files.
pub async fn delete(conn: &mut PgConnection, ids: &[ArticleId]) -> Result<(), Error> {
    if !ids.is_empty() {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        sqlx::query(
            "WITH c AS (DELETE FROM article_comment WHERE article = ANY ($1)), f AS (DELETE FROM article_feedback WHERE article = ANY ($1)), \
                  a AS (DELETE FROM attachment WHERE article = ANY ($1)) \
             DELETE FROM article WHERE id = ANY ($1)",
        )
        .bind(ids)
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// An article with its files, by its id.
pub async fn load(conn: &mut PgConnection, portal: &PortalId, id: ArticleId) -> Result<Option<ArticleView>, Error> {
    let sql = format!("SELECT {COLUMNS}, body FROM article WHERE portal = $1 AND id = $2");
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql)).bind(portal.as_str()).bind(id).fetch_optional(&mut *conn).await?;
    let Some(mut view) = row.map(Row::into_view) else { return Ok(None) };
    view.article.attachments = attachment::of_article(conn, portal, id).await?;
    Ok(Some(view))
}

/// The id of the article with this slug.
pub async fn by_slug(conn: &mut PgConnection, portal: &PortalId, slug: &str) -> Result<Option<ArticleId>, Error> {
    let sql = "SELECT id FROM article WHERE portal = $1 AND slug = $2";
    Ok(sqlx::query_scalar(sql).bind(portal.as_str()).bind(slug).fetch_optional(conn).await?)
}

/// Articles that earlier imports made, by their source ids; without files.
pub async fn by_source(conn: &mut PgConnection, portal: &PortalId, source_ids: &[String]) -> Result<Vec<Article>, Error> {
    let sql = format!("SELECT {COLUMNS}, body FROM article WHERE portal = $1 AND source_id = ANY ($2)");
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql)).bind(portal.as_str()).bind(source_ids).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| row.into_view().article).collect())
}

/// How a list is ordered, and the last row of the page before.
#[derive(Debug, Clone)]
pub enum Order {
    /// Last changed first.
    Recent(Option<(OffsetDateTime, Uuid)>),
    /// Most viewed first.
    MostViewed(Option<(i64, Uuid)>),
}

/// What a list of articles wants; `None` and empty texts: all.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only published ones of these groups.
    pub readers: Option<Vec<String>>,
    /// Only of this kind.
    pub kind: Option<ArticleKind>,
    /// Only in this state.
    pub state: Option<ArticleState>,
    /// Only of this department.
    pub department: String,
    /// Only of this category, by its id.
    pub category: String,
    /// Only with this tag.
    pub tag: String,
    /// Order and page.
    pub order: Order,
    /// Rows.
    pub limit: i64,
}

/// A page of articles; their bodies are cut after 1,000 characters and their files left out.
pub async fn page(conn: &mut PgConnection, portal: &PortalId, wanted: &Wanted) -> Result<Vec<ArticleView>, Error> {
    let (after, order) = match wanted.order {
        // Both parameters stand in both texts, so that one list of bindings serves either.
        Order::Recent(_) => {
            ("($8::bigint IS NULL AND ($7::timestamptz IS NULL OR (updated_at, id) < ($7, $9)))", "updated_at DESC, id DESC")
        }
        Order::MostViewed(_) => ("($7::timestamptz IS NULL AND ($8::bigint IS NULL OR (views, id) < ($8, $9)))", "views DESC, id DESC"),
    };
    let (at, views, id) = match &wanted.order {
        Order::Recent(after) => (after.map(|(at, _)| at), None, after.map(|(_, id)| id)),
        Order::MostViewed(after) => (None, after.map(|(views, _)| views), after.map(|(_, id)| id)),
    };
    let sql = format!(
        "SELECT {COLUMNS}, left(body, 1000) AS body FROM article \
          WHERE portal = $1 AND ($2::text[] IS NULL OR (state = 'published' AND readers && $2)) \
            AND ($3::text IS NULL OR kind = $3) AND ($4::text IS NULL OR state = $4) AND ($5 = '' OR department = $5) \
            AND ($6 = '' OR category_id = $6) AND ($10 = '' OR $10 = ANY (tags)) AND {after} \
          ORDER BY {order} LIMIT $11"
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(portal.as_str())
        .bind(&wanted.readers)
        .bind(wanted.kind.map(ArticleKind::word))
        .bind(wanted.state.map(ArticleState::word))
        .bind(&wanted.department)
        .bind(&wanted.category)
        .bind(at)
        .bind(views)
        .bind(id)
        .bind(&wanted.tag)
        .bind(wanted.limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(Row::into_view).collect())
}

/// A category: id, name, articles in it that may be read.
pub type CategoryCount = (String, String, i64);

/// The categories of what these groups may read (`None`: of everything), by name.
pub async fn categories(
    conn: &mut PgConnection,
    portal: &PortalId,
    readers: Option<&[String]>,
    kind: Option<ArticleKind>,
) -> Result<Vec<CategoryCount>, Error> {
    Ok(sqlx::query_as(
        "SELECT category_id, min(category), count(*) FROM article \
          WHERE portal = $1 AND category_id <> '' AND ($2::text[] IS NULL OR (state = 'published' AND readers && $2)) \
            AND ($3::text IS NULL OR kind = $3) \
          GROUP BY category_id ORDER BY min(lower(category)) LIMIT 500",
    )
    .bind(portal.as_str())
    .bind(readers)
    .bind(kind.map(ArticleKind::word))
    .fetch_all(conn)
    .await?)
}
