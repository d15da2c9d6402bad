//! Forums: at most a few hundred a portal, always read together.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::codes;
use crate::domain::forum::Forum;
use crate::domain::ids::{ForumId, TopicId};
use crate::domain::view::{ForumView, LatestTopic};

#[derive(FromRow)]
struct ForumRow {
    id: ForumId,
    slug: String,
    name: String,
    description: String,
    parent: Option<ForumId>,
    audience: i16,
}

impl ForumRow {
    fn forum(self) -> Result<Forum, Error> {
        let audience = codes::audience(self.audience)?;
        Ok(Forum { id: self.id, slug: self.slug, name: self.name, description: self.description, parent: self.parent, audience })
    }
}

/// All forums of a portal, in the order they were made.
pub async fn all(conn: &mut PortalConn, portal: &PortalId) -> Result<Vec<Forum>, Error> {
    let rows: Vec<ForumRow> =
        sqlx::query_as("SELECT id, slug, name, description, parent, audience FROM forum WHERE portal = $1 ORDER BY created_at, id")
            .bind(portal.as_str())
            .fetch_all(&mut **conn)
            .await?;
    rows.into_iter().map(ForumRow::forum).collect()
}

#[derive(FromRow)]
struct CountedRow {
    #[sqlx(flatten)]
    forum: ForumRow,
    topics: i64,
    posts: i64,
    version: i64,
    latest: Option<TopicId>,
    latest_title: Option<String>,
    latest_at: Option<OffsetDateTime>,
}

/// All forums with the counts and the latest topic of each alone, in the order they were made.
pub async fn with_counts(conn: &mut PortalConn, portal: &PortalId) -> Result<Vec<ForumView>, Error> {
    let rows: Vec<CountedRow> = sqlx::query_as(
        "SELECT f.id, f.slug, f.name, f.description, f.parent, f.audience, f.topics, f.posts, f.version, \
                l.id AS latest, l.title AS latest_title, l.last_activity_at AS latest_at \
           FROM forum f LEFT JOIN LATERAL ( \
                SELECT t.id, t.title, t.last_activity_at FROM topic t WHERE t.forum = f.id AND t.stage = 'published' \
                 ORDER BY t.last_activity_at DESC, t.id DESC LIMIT 1) l ON true \
          WHERE f.portal = $1 ORDER BY f.created_at, f.id",
    )
    .bind(portal.as_str())
    .fetch_all(&mut **conn)
    .await?;
    rows.into_iter().map(CountedRow::view).collect()
}

impl CountedRow {
    fn view(self) -> Result<ForumView, Error> {
        let latest = match (self.latest, self.latest_title, self.latest_at) {
            (Some(id), Some(title), Some(last_activity_at)) => Some(LatestTopic { id, title, last_activity_at }),
            _ => None,
        };
        let forum = self.forum.forum()?;
        Ok(ForumView { forum, topics: self.topics, posts: self.posts, latest, children: Vec::new(), version: self.version })
    }
}
