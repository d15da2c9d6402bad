//! The one place that turns what happened into what other services are told: ids, states and names of fields, never text.

use portico_chassis::journal::{AggregateRef, NewEvent};
use portico_chassis::uuid::Uuid;
use portico_proto::events::v1 as wire;
use portico_proto::events::v1::community_event::Event as Body;

use crate::domain::forum::Forum;
use crate::domain::ids::TopicId;
use crate::domain::post::NoticeKind;
use crate::domain::topic::{Event, Stage, Topic};

/// The kind of forums in the journal.
pub const FORUM: &str = "forum";
/// The kind of topics in the journal.
pub const TOPIC: &str = "topic";

/// A forum was made.
pub fn forum_created(id: Uuid, forum: &Forum) -> NewEvent {
    let parent_id = forum.parent.map(|parent| parent.to_string()).unwrap_or_default();
    let body = Body::ForumCreated(wire::ForumCreated { forum_id: forum.id.to_string(), parent_id });
    new(id, AggregateRef { kind: FORUM, id: forum.id.uuid() }, body)
}

/// Something happened to a topic; `after` is its state then.
pub fn topic(id: Uuid, event: &Event, after: &Topic) -> NewEvent {
    new(id, AggregateRef { kind: TOPIC, id: after.id.uuid() }, body(event, after))
}

fn new(id: Uuid, aggregate: AggregateRef, event: Body) -> NewEvent {
    let event = wire::CommunityEvent { event: Some(event) };
    NewEvent { id, aggregate, body: wire::EventBody { body: Some(wire::event_body::Body::Community(event)) } }
}

fn body(event: &Event, after: &Topic) -> Body {
    let topic_id = after.id.to_string();
    match event {
        Event::Begun { author, .. } => Body::TopicDraftSaved(wire::TopicDraftSaved { topic_id, author_id: author.to_string() }),
        Event::Changed(_) if after.stage == Stage::Draft => {
            Body::TopicDraftSaved(wire::TopicDraftSaved { topic_id, author_id: after.author.to_string() })
        }
        Event::Changed(change) => {
            Body::TopicEdited(wire::TopicEdited { topic_id, fields: change.fields().into_iter().map(str::to_owned).collect() })
        }
        Event::Published { copies } => Body::TopicPublished(wire::TopicPublished {
            topic_id,
            forum_id: after.content.forum.as_ref().map(|forum| forum.id.to_string()).unwrap_or_default(),
            author_id: after.author.to_string(),
            copy_ids: copies.iter().map(|copy| copy.id.to_string()).collect(),
        }),
        Event::Voted { person, on } => {
            Body::TopicVoted(wire::TopicVoted { topic_id, person_id: person.to_string(), value: i32::from(*on) })
        }
        Event::Followed { person, on } => Body::TopicFollowed(wire::TopicFollowed { topic_id, person_id: person.to_string(), on: *on }),
        Event::PostAdded(post) => {
            Body::PostAdded(wire::PostAdded { topic_id, post_id: post.id.to_string(), author_id: post.author.to_string() })
        }
        Event::Accepted(post) => {
            Body::PostAccepted(wire::PostAccepted { topic_id, post_id: post.map(|id| id.to_string()).unwrap_or_default() })
        }
        Event::NoticeDue(notice) => Body::TopicNoticeDue(wire::TopicNoticeDue {
            topic_id,
            notice: notice_kind(notice.kind).into(),
            post_id: notice.post.to_string(),
            recipient_ids: notice.recipients.iter().map(ToString::to_string).collect(),
        }),
        Event::Reported { id, .. } => Body::TopicReported(wire::TopicReported { topic_id, report_id: id.to_string() }),
        Event::ReportsDismissed => Body::ReportsDismissed(wire::ReportsDismissed { topic_id }),
        Event::Locked(reason) => Body::TopicLocked(wire::TopicLocked { topic_id, locked: reason.is_some() }),
        Event::Deleted => Body::TopicDeleted(wire::TopicDeleted { topic_id }),
    }
}

fn notice_kind(kind: NoticeKind) -> wire::TopicNotice {
    match kind {
        NoticeKind::Post => wire::TopicNotice::Post,
        NoticeKind::Accepted => wire::TopicNotice::Accepted,
    }
}

/// A notice as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNotice {
    /// About which topic.
    pub topic: TopicId,
    /// Why.
    pub kind: NoticeKind,
    /// About which post.
    pub post: String,
    /// Ids of the people who are told.
    pub recipients: Vec<String>,
}

/// Reads a journal row's body; `None` when it is no notice.
pub fn stored_notice(bytes: &[u8]) -> Option<StoredNotice> {
    let body = <wire::EventBody as prost::Message>::decode(bytes).ok()?.body?;
    let wire::event_body::Body::Community(wire::CommunityEvent { event: Some(Body::TopicNoticeDue(notice)) }) = body else { return None };
    let kind = match notice.notice() {
        wire::TopicNotice::Post => NoticeKind::Post,
        wire::TopicNotice::Accepted => NoticeKind::Accepted,
        wire::TopicNotice::Unspecified => return None,
    };
    Some(StoredNotice { topic: notice.topic_id.parse().ok()?, kind, post: notice.post_id, recipients: notice.recipient_ids })
}
