//! What of articles and announcements can be found.

use portico_chassis::ids::PortalId;
use portico_chassis::markdown;

use crate::domain::announcement::Announcement;
use crate::domain::article::{Article, ArticleState};
use crate::domain::search::document::SearchKind;
use crate::store::search_doc::DocWrite;

/// The document of an article; out of the search unless it is published.
pub fn of_article(portal: &PortalId, article: &Article) -> DocWrite {
    let (id, kind) = (article.id.uuid(), article.kind.search_kind());
    if article.state != ArticleState::Published {
        return DocWrite::gone(portal.clone(), id, kind, article.version, article.updated_at);
    }
    DocWrite {
        deleted: false,
        title: article.title.clone(),
        body: with_tags(markdown::plain(&article.body), &article.tags),
        readers: article.readers(),
        department: article.department.clone(),
        category: crate::domain::text::category_id(&article.category),
        source_id: article.source_id.clone(),
        slug: article.slug.clone(),
        valid_until: i64::MAX,
        ..DocWrite::gone(portal.clone(), id, kind, article.version, article.updated_at)
    }
}

/// The document of an announcement; its validity is looked at when somebody searches.
pub fn of_announcement(portal: &PortalId, announcement: &Announcement) -> DocWrite {
    let gone =
        DocWrite::gone(portal.clone(), announcement.id.uuid(), SearchKind::Announcement, announcement.version, announcement.updated_at);
    DocWrite {
        deleted: false,
        title: announcement.title.clone(),
        body: markdown::plain(&announcement.body),
        readers: announcement.audience.readers(),
        slug: announcement.id.to_string(),
        valid_from: announcement.valid_from.unix_timestamp(),
        valid_until: announcement.valid_until.map_or(i64::MAX, |until| until.unix_timestamp()),
        ..gone
    }
}

/// Tags are words that somebody may look for.
pub fn with_tags(body: String, tags: &[String]) -> String {
    if tags.is_empty() { body } else { format!("{body}\n{}", tags.join(", ")) }
}
