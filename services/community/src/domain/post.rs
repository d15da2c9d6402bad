//! Posts under a topic, and the one that is accepted as the answer.

use time::OffsetDateTime;

use super::attachment::{ATTACHMENTS_MAX, Attachment};
use super::ids::{PersonId, PostId};
use super::person::Actor;
use super::refusal::{Problem, Refusal};
use super::text;
use super::topic::{Event, Topic};

/// Recipients of one notice: an event stays small, many followers make several events.
pub const NOTICE_RECIPIENTS: usize = 500;

/// A post to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPost {
    /// Names it.
    pub id: PostId,
    /// Markdown.
    pub body: String,
    /// Its files.
    pub attachments: Vec<Attachment>,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Names it.
    pub id: PostId,
    /// 1, 2, 3, … in the topic.
    pub number: i64,
    /// Who wrote it.
    pub author: PersonId,
    /// Markdown.
    pub body: String,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// When it was added.
    pub created_at: OffsetDateTime,
}

/// A post of this topic that is to be the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Names it.
    pub id: PostId,
    /// Who wrote it.
    pub author: PersonId,
}

/// Why people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Somebody answered.
    Post,
    /// An answer was accepted.
    Accepted,
}

/// People who get a bell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Why.
    pub kind: NoticeKind,
    /// About which post.
    pub post: PostId,
    /// At most [`NOTICE_RECIPIENTS`]; never the one who acted.
    pub recipients: Vec<PersonId>,
}

/// Somebody answers.
pub fn add(topic: &Topic, actor: &Actor, now: OffsetDateTime, new: NewPost) -> Result<Vec<Event>, Refusal> {
    topic.refuse_when_draft()?;
    topic.refuse_when_locked(actor)?;
    let mut problems = Vec::new();
    if text::is_blank(&new.body) {
        problems.push(Problem::new("body", "required", "Write something."));
    }
    if new.attachments.len() > ATTACHMENTS_MAX {
        problems.push(Problem::new("uploads", "too_many", format!("A post has at most {ATTACHMENTS_MAX} files.")));
    }
    if !problems.is_empty() {
        return Err(Refusal::Fields(problems));
    }
    let NewPost { id, body, attachments } = new;
    let post = Post { id, number: topic.posts + 1, author: actor.id, body, attachments, created_at: now };
    let mut events = vec![Event::PostAdded(post)];
    events.extend(notices(topic, actor, NoticeKind::Post, id, None));
    Ok(events)
}

/// The writer or an agent marks the answer, or takes the mark back.
pub fn accept(topic: &Topic, actor: &Actor, accepted: Option<Accepted>) -> Result<Vec<Event>, Refusal> {
    topic.refuse_when_draft()?;
    if !actor.staff && !topic.is_writer(actor) {
        return Err(Refusal::Forbidden);
    }
    if !topic.content.kind.is_answerable() {
        return Err(Refusal::NotAnswerable);
    }
    topic.refuse_when_locked(actor)?;
    if topic.accepted == accepted.map(|post| post.id) {
        return Ok(Vec::new());
    }
    let mut events = vec![Event::Accepted(accepted.map(|post| post.id))];
    if let Some(post) = accepted {
        events.extend(notices(topic, actor, NoticeKind::Accepted, post.id, Some(post.author)));
    }
    Ok(events)
}

fn notices(topic: &Topic, actor: &Actor, kind: NoticeKind, post: PostId, also: Option<PersonId>) -> Vec<Event> {
    let mut people = topic.followers.clone();
    people.extend(also);
    people.remove(&actor.id);
    let people: Vec<PersonId> = people.into_iter().collect();
    people.chunks(NOTICE_RECIPIENTS).map(|some| Event::NoticeDue(Notice { kind, post, recipients: some.to_vec() })).collect()
}
