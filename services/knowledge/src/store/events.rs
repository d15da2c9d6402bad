//! Domain events as they are stored and travel.

use portico_chassis::journal::{AggregateRef, NewEvent};
use portico_proto::events::v1 as wire;
use uuid::Uuid;

use crate::domain::announcement::Announcement;
use crate::domain::article::Article;
use crate::domain::comment::Comment;

/// The kind of articles in the journal.
pub const ARTICLE: &str = "article";
/// The kind of comments in the journal.
pub const COMMENT: &str = "article_comment";
/// The kind of announcements in the journal.
pub const ANNOUNCEMENT: &str = "announcement";

fn event(id: Uuid, kind: &'static str, aggregate: Uuid, event: wire::knowledge_event::Event) -> NewEvent {
    let body = wire::event_body::Body::Knowledge(wire::KnowledgeEvent { event: Some(event) });
    NewEvent { id, aggregate: AggregateRef { kind, id: aggregate }, body: wire::EventBody { body: Some(body) } }
}

/// An article was created (no fields) or changed; `published` when it became readable beyond the agents.
#[must_use]
pub fn article_changed(id: Uuid, article: &Article, fields: &[&'static str], published: bool) -> NewEvent {
    let changed = wire::ArticleChanged {
        kind: article.kind.word().to_owned(),
        state: article.state.word().to_owned(),
        audience: article.audience.word().to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        published,
    };
    event(id, ARTICLE, article.id.uuid(), wire::knowledge_event::Event::ArticleChanged(changed))
}

/// An article is gone.
#[must_use]
pub fn article_deleted(id: Uuid, article: &Article) -> NewEvent {
    event(id, ARTICLE, article.id.uuid(), wire::knowledge_event::Event::ArticleDeleted(wire::ArticleDeleted {}))
}

/// Somebody commented.
#[must_use]
pub fn comment_added(id: Uuid, comment: &Comment) -> NewEvent {
    let added = wire::ArticleCommentAdded { comment_id: comment.id.to_string(), author_id: comment.author.id.to_string() };
    event(id, COMMENT, comment.id.uuid(), wire::knowledge_event::Event::ArticleCommentAdded(added))
}

/// A comment was removed.
#[must_use]
pub fn comment_deleted(id: Uuid, comment: &Comment) -> NewEvent {
    let deleted = wire::ArticleCommentDeleted { comment_id: comment.id.to_string() };
    event(id, COMMENT, comment.id.uuid(), wire::knowledge_event::Event::ArticleCommentDeleted(deleted))
}

/// An announcement was created (no fields) or changed.
#[must_use]
pub fn announcement_changed(id: Uuid, announcement: &Announcement, fields: &[&'static str]) -> NewEvent {
    let changed = wire::AnnouncementChanged {
        severity: announcement.severity.word().to_owned(),
        audience: announcement.audience.word().to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    event(id, ANNOUNCEMENT, announcement.id.uuid(), wire::knowledge_event::Event::AnnouncementChanged(changed))
}

/// An announcement is gone.
#[must_use]
pub fn announcement_deleted(id: Uuid, announcement: &Announcement) -> NewEvent {
    let deleted = wire::knowledge_event::Event::AnnouncementDeleted(wire::AnnouncementDeleted {});
    event(id, ANNOUNCEMENT, announcement.id.uuid(), deleted)
}
