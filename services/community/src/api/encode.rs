//! What readers are shown, on the wire.

use portico_chassis::clock::to_proto;
use portico_chassis::markdown;
use portico_proto::common::v1 as common;
use portico_proto::community::v1 as wire;

use crate::app::entity::Outcome;
use crate::domain::attachment::{Attachment, ScanState};
use crate::domain::forum::{Audience, ForumRef};
use crate::domain::person::Reader;
use crate::domain::text;
use crate::domain::topic::{Stage, TopicType};
use crate::domain::view::{Byline, ForumView, PostView, Role, TopicHead, TopicView};

/// Characters of an excerpt.
const EXCERPT: usize = 240;

pub(super) fn topic(view: &TopicView, reader: &Reader) -> wire::Topic {
    let head = &view.head;
    let is_writer = reader.person() == Some(head.author.id);
    let summary = summary(head);
    wire::Topic {
        id: summary.id,
        slug: summary.slug,
        r#type: summary.r#type,
        title: summary.title,
        body: view.body.clone(),
        forum: summary.forum,
        tags: summary.tags,
        draft: summary.draft,
        author: summary.author,
        votes: head.votes,
        posts: head.posts,
        views: head.views,
        accepted_post_id: summary.accepted_post_id,
        locked: head.locked,
        created_at: summary.created_at,
        last_activity_at: summary.last_activity_at,
        edited_at: Some(to_proto(view.edited_at)),
        published_at: view.published_at.map(to_proto),
        attachments: view.attachments.iter().map(attachment).collect(),
        notify_emails: if is_writer { view.notify.clone() } else { Vec::new() },
        version: head.version,
        etag: head.version.to_string(),
        viewer: Some(viewer(view, reader)),
        lock_reason: view.lock_reason.clone().unwrap_or_default(),
    }
}

fn viewer(view: &TopicView, reader: &Reader) -> wire::TopicViewer {
    let rights = view.rights(reader);
    wire::TopicViewer {
        voted: view.voted,
        following: view.following,
        may_edit: rights.edit,
        may_delete: rights.delete,
        may_post: rights.post,
        may_accept: rights.accept,
        may_moderate: rights.moderate,
    }
}

pub(super) fn summary(head: &TopicHead) -> wire::TopicSummary {
    wire::TopicSummary {
        id: head.id.to_string(),
        slug: text::slug(&head.title, "topic"),
        r#type: topic_type(head.kind).into(),
        title: head.title.clone(),
        excerpt: markdown::excerpt(&head.beginning, EXCERPT),
        forum: head.forum.as_ref().map(forum_name),
        tags: head.tags.clone(),
        draft: head.stage == Stage::Draft,
        author: Some(person(&head.author)),
        votes: head.votes,
        posts: head.posts,
        views: head.views,
        accepted_post_id: head.accepted.map(|post| post.to_string()).unwrap_or_default(),
        locked: head.locked,
        created_at: Some(to_proto(head.created_at)),
        last_activity_at: Some(to_proto(head.last_activity_at)),
        version: head.version,
    }
}

/// The answer of a command that shows the whole topic.
pub(super) fn topic_answer(outcome: &Outcome) -> Vec<u8> {
    prost::Message::encode_to_vec(&topic(&outcome.view, &outcome.reader))
}

pub(super) fn post(view: &PostView) -> wire::Post {
    wire::Post {
        id: view.id.to_string(),
        topic_id: view.topic.to_string(),
        body: view.body.clone(),
        author: Some(person(&view.author)),
        accepted: view.accepted,
        attachments: view.attachments.iter().map(attachment).collect(),
        created_at: Some(to_proto(view.created_at)),
        number: view.number,
    }
}

pub(super) fn forum(view: &ForumView) -> wire::Forum {
    let latest_topic = view.latest.as_ref().map(|latest| wire::LatestTopic {
        id: latest.id.to_string(),
        slug: text::slug(&latest.title, "topic"),
        title: latest.title.clone(),
        last_activity_at: Some(to_proto(latest.last_activity_at)),
    });
    wire::Forum {
        id: view.forum.id.to_string(),
        slug: view.forum.slug.clone(),
        name: view.forum.name.clone(),
        description: view.forum.description.clone(),
        parent_id: view.forum.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        audience: audience(view.forum.audience).into(),
        topics: view.topics,
        posts: view.posts,
        latest_topic,
        children: view.children.iter().map(forum).collect(),
        version: view.version,
    }
}

fn forum_name(forum: &ForumRef) -> wire::ForumName {
    wire::ForumName {
        id: forum.id.to_string(),
        slug: forum.slug.clone(),
        name: forum.name.clone(),
        parent_id: forum.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        audience: audience(forum.audience).into(),
    }
}

pub(super) fn audience(audience: Audience) -> wire::Audience {
    match audience {
        Audience::Public => wire::Audience::Public,
        Audience::Customers => wire::Audience::Customers,
        Audience::Agents => wire::Audience::Agents,
    }
}

pub(super) fn topic_type(kind: TopicType) -> wire::TopicType {
    match kind {
        TopicType::Question => wire::TopicType::Question,
        TopicType::Idea => wire::TopicType::Idea,
        TopicType::Problem => wire::TopicType::Problem,
        TopicType::Discussion => wire::TopicType::Discussion,
        TopicType::Announcement => wire::TopicType::Announcement,
    }
}

pub(super) fn person(byline: &Byline) -> common::PersonName {
    let role = match byline.role {
        Role::Customer => common::Role::Customer,
        Role::Agent => common::Role::Agent,
        Role::Admin => common::Role::Admin,
    };
    common::PersonName { id: byline.id.to_string(), name: byline.name.clone(), role: role.into() }
}

pub(super) fn attachment(attachment: &Attachment) -> common::Attachment {
    let state = match attachment.state {
        ScanState::Quarantined => common::ScanState::Quarantined,
        ScanState::Clean => common::ScanState::Clean,
        ScanState::Infected => common::ScanState::Infected,
    };
    common::Attachment {
        id: attachment.id.to_string(),
        name: attachment.name.clone(),
        size: attachment.size,
        content_type: attachment.content_type.clone(),
        state: state.into(),
        created_at: Some(to_proto(attachment.created_at)),
    }
}
