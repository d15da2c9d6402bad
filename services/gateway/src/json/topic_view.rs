//! How topics and posts look in JSON.

use portico_proto::community::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::{Byline, File, Moment, files, filled};
use crate::wire_enum;

wire_enum! {
    /// What a topic is.
    pub enum TopicType : proto::TopicType {
        /// Wants an answer.
        Question = "question" <=> Question,
        /// Wants a change.
        Idea = "idea" <=> Idea,
        /// Something does not work.
        Problem = "problem" <=> Problem,
        /// Wants to talk.
        Discussion = "discussion" <=> Discussion,
        /// By agents.
        Announcement = "announcement" <=> Announcement,
    }
}

wire_enum! {
    /// How a list of topics is ordered.
    pub enum TopicSort : proto::TopicSort {
        /// By last activity.
        Recent = "recent" <=> Recent,
        /// By posts.
        MostDiscussed = "most_discussed" <=> MostDiscussed,
        /// By views.
        MostViewed = "most_viewed" <=> MostViewed,
        /// By votes.
        Top = "top" <=> Top,
    }
}

/// A forum as a topic names it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForumName {
    /// Opaque.
    pub id: String,
    /// The last part of its address.
    pub slug: String,
    /// Name.
    pub name: String,
}

impl From<proto::ForumName> for ForumName {
    fn from(forum: proto::ForumName) -> Self {
        Self { id: forum.id, slug: forum.slug, name: forum.name }
    }
}

/// A topic as a row of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicRow {
    /// Opaque.
    pub id: String,
    /// For readable addresses.
    pub slug: String,
    /// What it is.
    pub r#type: Option<TopicType>,
    /// Title.
    pub title: String,
    /// The beginning of the text.
    pub excerpt: String,
    /// Where it is; null only in a draft.
    pub forum: Option<ForumName>,
    /// Tags.
    pub tags: Vec<String>,
    /// Not published yet.
    pub draft: bool,
    /// Who wrote it.
    pub author: Option<Byline>,
    /// Votes.
    pub votes: i64,
    /// Posts under it.
    pub posts: i64,
    /// Views.
    pub views: i64,
    /// Id of the accepted post.
    pub accepted_post: Option<String>,
    /// Nobody but agents writes.
    pub locked: bool,
    /// When it was made.
    pub created_at: Option<Moment>,
    /// Publishing, or the newest post or accepted answer.
    pub last_activity_at: Option<Moment>,
    /// Counts changes.
    pub version: i64,
}

impl From<proto::TopicSummary> for TopicRow {
    fn from(topic: proto::TopicSummary) -> Self {
        Self {
            r#type: TopicType::from_proto(topic.r#type),
            forum: topic.forum.map(ForumName::from),
            author: topic.author.map(Byline::from),
            accepted_post: filled(topic.accepted_post_id),
            created_at: Moment::of(topic.created_at.as_ref()),
            last_activity_at: Moment::of(topic.last_activity_at.as_ref()),
            id: topic.id,
            slug: topic.slug,
            title: topic.title,
            excerpt: topic.excerpt,
            tags: topic.tags,
            draft: topic.draft,
            votes: topic.votes,
            posts: topic.posts,
            views: topic.views,
            locked: topic.locked,
            version: topic.version,
        }
    }
}

/// What the caller has done and may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicViewer {
    /// Has voted.
    pub voted: bool,
    /// Follows it.
    pub following: bool,
    /// May change it.
    pub may_edit: bool,
    /// May delete it.
    pub may_delete: bool,
    /// May post.
    pub may_post: bool,
    /// May mark the answer.
    pub may_accept: bool,
}

/// A topic in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct Topic {
    /// Opaque.
    pub id: String,
    /// For readable addresses.
    pub slug: String,
    /// What it is.
    pub r#type: Option<TopicType>,
    /// Title.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Safe HTML.
    pub body_html: String,
    /// Where it is; null only in a draft.
    pub forum: Option<ForumName>,
    /// Tags.
    pub tags: Vec<String>,
    /// Not published yet.
    pub draft: bool,
    /// Who wrote it.
    pub author: Option<Byline>,
    /// Votes.
    pub votes: i64,
    /// Posts under it.
    pub posts: i64,
    /// Views.
    pub views: i64,
    /// Id of the accepted post.
    pub accepted_post: Option<String>,
    /// Nobody but agents writes.
    pub locked: bool,
    /// When it was made.
    pub created_at: Option<Moment>,
    /// Publishing, or the newest post or accepted answer.
    pub last_activity_at: Option<Moment>,
    /// When it was published; null in a draft.
    pub published_at: Option<Moment>,
    /// Files.
    pub attachments: Vec<File>,
    /// For the writer of a draft: who gets a copy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub notify_emails: Vec<String>,
    /// What the caller has done and may do.
    pub viewer: Option<TopicViewer>,
    /// Counts changes.
    pub version: i64,
}

impl From<proto::Topic> for Topic {
    fn from(topic: proto::Topic) -> Self {
        Self {
            body_html: chassis::markdown::render(&topic.body),
            r#type: TopicType::from_proto(topic.r#type),
            forum: topic.forum.map(ForumName::from),
            author: topic.author.map(Byline::from),
            accepted_post: filled(topic.accepted_post_id),
            created_at: Moment::of(topic.created_at.as_ref()),
            last_activity_at: Moment::of(topic.last_activity_at.as_ref()),
            published_at: Moment::of(topic.published_at.as_ref()),
            attachments: files(topic.attachments),
            viewer: topic.viewer.map(|viewer| TopicViewer {
                voted: viewer.voted,
                following: viewer.following,
                may_edit: viewer.may_edit,
                may_delete: viewer.may_delete,
                may_post: viewer.may_post,
                may_accept: viewer.may_accept,
            }),
            id: topic.id,
            slug: topic.slug,
            title: topic.title,
            body: topic.body,
            tags: topic.tags,
            draft: topic.draft,
            votes: topic.votes,
            posts: topic.posts,
            views: topic.views,
            locked: topic.locked,
            notify_emails: topic.notify_emails,
            version: topic.version,
        }
    }
}

/// A post under a topic.
#[derive(Debug, Serialize, ToSchema)]
pub struct Post {
    /// Opaque.
    pub id: String,
    /// Markdown.
    pub body: String,
    /// Safe HTML.
    pub body_html: String,
    /// Who wrote it.
    pub author: Option<Byline>,
    /// It is the answer.
    pub accepted: bool,
    /// Files.
    pub attachments: Vec<File>,
    /// When.
    pub created_at: Option<Moment>,
}

impl From<proto::Post> for Post {
    fn from(post: proto::Post) -> Self {
        Self {
            body_html: chassis::markdown::render(&post.body),
            author: post.author.map(Byline::from),
            created_at: Moment::of(post.created_at.as_ref()),
            attachments: files(post.attachments),
            id: post.id,
            body: post.body,
            accepted: post.accepted,
        }
    }
}
