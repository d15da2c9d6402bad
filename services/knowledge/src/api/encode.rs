//! From the service's words to the wire.

use portico_chassis::clock::to_proto;
use portico_chassis::markdown;
use portico_proto::common::v1 as common;
use portico_proto::knowledge::v1 as wire;

use crate::domain::announcement::{AnnouncementView, Severity};
use crate::domain::article::{ArticleKind, ArticleState, ArticleView};
use crate::domain::attachment::{Attachment, ScanState};
use crate::domain::audience::{Audience, Viewer};
use crate::domain::comment::{Byline, Comment};

/// Characters of an excerpt.
const EXCERPT: usize = 200;

/// An article; `whole` with its body.
pub fn article(view: ArticleView, viewer: &Viewer, whole: bool) -> wire::Article {
    let article = view.article;
    let staff = viewer.is_staff();
    wire::Article {
        id: article.id.to_string(),
        slug: article.slug,
        source_id: article.source_id.unwrap_or_default(),
        title: article.title,
        body_html: if whole { markdown::render(&article.body) } else { String::new() },
        excerpt: markdown::excerpt(&article.body, EXCERPT),
        body: if whole { article.body } else { String::new() },
        kind: kind(article.kind).into(),
        state: state(article.state).into(),
        audience: audience(&article.audience).into(),
        organizations: if staff { organizations(&article.audience) } else { Vec::new() },
        department: article.department,
        category: article.category,
        tags: article.tags,
        attachments: article.attachments.into_iter().map(attachment).collect(),
        views: view.views,
        comment_count: view.comment_count,
        version: article.version,
        etag: article.version.to_string(),
        published_at: article.published_at.map(to_proto),
        updated_at: Some(to_proto(article.updated_at)),
        created_at: Some(to_proto(article.created_at)),
        helpful_count: if staff { view.helpful } else { 0 },
        unhelpful_count: if staff { view.unhelpful } else { 0 },
    }
}

/// A file.
pub fn attachment(file: Attachment) -> common::Attachment {
    let state = match file.state {
        ScanState::Quarantined => common::ScanState::Quarantined,
        ScanState::Clean => common::ScanState::Clean,
        ScanState::Infected => common::ScanState::Infected,
    };
    common::Attachment {
        id: file.id.to_string(),
        name: file.name,
        size: file.size,
        content_type: file.content_type,
        state: state.into(),
        created_at: Some(to_proto(file.created_at)),
    }
}

/// A comment, as `reader` (a person's id, or nobody's) and perhaps as an agent sees it.
pub fn comment(comment: Comment, reader: Option<crate::domain::ids::PersonId>, staff: bool) -> wire::ArticleComment {
    let removable = staff || reader == Some(comment.author.id);
    wire::ArticleComment {
        id: comment.id.to_string(),
        author: Some(person(comment.author)),
        body_html: markdown::render(&comment.body),
        body: comment.body,
        created_at: Some(to_proto(comment.created_at)),
        removable,
    }
}

fn person(byline: Byline) -> common::PersonName {
    let role = match byline.role.as_str() {
        "admin" => common::Role::Admin,
        "agent" => common::Role::Agent,
        _ => common::Role::Customer,
    };
    common::PersonName { id: byline.id.to_string(), name: byline.name, role: role.into() }
}

/// An announcement.
pub fn announcement(view: AnnouncementView, viewer: &Viewer) -> wire::Announcement {
    let it = view.announcement;
    let severity = match it.severity {
        Severity::Info => wire::Severity::Info,
        Severity::Warning => wire::Severity::Warning,
        Severity::Critical => wire::Severity::Critical,
    };
    wire::Announcement {
        id: it.id.to_string(),
        title: it.title,
        body_html: markdown::render(&it.body),
        body: it.body,
        severity: severity.into(),
        audience: audience(&it.audience).into(),
        organizations: if viewer.is_staff() { organizations(&it.audience) } else { Vec::new() },
        valid_from: Some(to_proto(it.valid_from)),
        valid_until: it.valid_until.map(to_proto),
        dismissed: view.dismissed,
        version: it.version,
        etag: it.version.to_string(),
        created_at: Some(to_proto(it.created_at)),
        updated_at: Some(to_proto(it.updated_at)),
    }
}

fn kind(kind: ArticleKind) -> wire::ArticleKind {
    match kind {
        ArticleKind::Article => wire::ArticleKind::Article,
        ArticleKind::Faq => wire::ArticleKind::Faq,
    }
}

fn state(state: ArticleState) -> wire::ArticleState {
    match state {
        ArticleState::Draft => wire::ArticleState::Draft,
        ArticleState::Review => wire::ArticleState::Review,
        ArticleState::Published => wire::ArticleState::Published,
        ArticleState::Archived => wire::ArticleState::Archived,
    }
}

fn audience(audience: &Audience) -> wire::Audience {
    match audience {
        Audience::Public => wire::Audience::Public,
        Audience::Customers => wire::Audience::Customers,
        Audience::Agents => wire::Audience::Agents,
        Audience::Organizations(_) => wire::Audience::Organizations,
    }
}

fn organizations(audience: &Audience) -> Vec<String> {
    audience.organizations().iter().map(ToString::to_string).collect()
}
