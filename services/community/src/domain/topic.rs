//! A topic: its state, what can be asked of it, what can happen to it.
//!
//! The decisions stand by their nouns: [`super::writing`], [`super::post`], [`super::moderation`]; votes and follows here.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::attachment::Attachment;
use super::copy::Copy;
use super::forum::{Audience, ForumRef};
use super::ids::{AttachmentId, PersonId, PostId, ReportId, TopicId};
use super::moderation::{self, Report};
use super::person::{Actor, Reader};
use super::post::{self, Accepted, NewPost, Notice};
use super::refusal::Refusal;
use super::writing::{self, Change, Creation, Update};

/// Followers of one topic: their ids are held in memory while the topic is used.
pub const FOLLOWERS_MAX: usize = 10_000;

/// What a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicType {
    /// Wants an answer.
    Question,
    /// Wants votes.
    Idea,
    /// Something does not work; wants an answer.
    Problem,
    /// Wants talk.
    Discussion,
    /// News by the staff.
    Announcement,
}

impl TopicType {
    /// Whether one post can be accepted as the answer.
    pub fn is_answerable(self) -> bool {
        matches!(self, Self::Question | Self::Problem)
    }
}

/// Where a topic stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It exists for its writer alone.
    Draft,
    /// Its forum's audience reads it.
    Published,
    /// Nobody sees it again.
    Deleted,
}

/// What a writer wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Chosen first.
    pub kind: TopicType,
    /// One line; empty only in a draft.
    pub title: String,
    /// Markdown; empty only in a draft.
    pub body: String,
    /// `None` only in a draft.
    pub forum: Option<ForumRef>,
    /// Normalised.
    pub tags: Vec<String>,
}

/// The state that decisions need. Views are no part of it: nothing is decided by them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Names it.
    pub id: TopicId,
    /// Where it stands.
    pub stage: Stage,
    /// Who wrote it.
    pub author: PersonId,
    /// What it says.
    pub content: Content,
    /// Files of the topic's own text.
    pub attachments: Vec<Attachment>,
    /// Who gets a copy when the draft is published.
    pub notify: Vec<String>,
    /// Posts so far; the next one has the next number.
    pub posts: i64,
    /// Whether somebody other than the writer has posted.
    pub has_replies: bool,
    /// The accepted post.
    pub accepted: Option<PostId>,
    /// The reason, while it is locked.
    pub locked: Option<String>,
    /// Whether somebody has told the moderators and they have not looked yet.
    pub is_reported: bool,
    /// Who has voted.
    pub voters: BTreeSet<PersonId>,
    /// Who gets bells.
    pub followers: BTreeSet<PersonId>,
    /// When it was begun.
    pub created_at: OffsetDateTime,
    /// When its audience could first read it.
    pub published_at: Option<OffsetDateTime>,
    /// Publishing, or the newest post or accepted answer.
    pub last_activity_at: OffsetDateTime,
    /// The last change of what it says.
    pub edited_at: OffsetDateTime,
}

/// What can be asked of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin it.
    Create(Creation),
    /// Change it, perhaps publish it.
    Update(Update),
    /// Give or take back a vote.
    Vote {
        /// Whether the vote is given.
        on: bool,
    },
    /// Follow or stop following.
    Follow {
        /// Whether bells are wanted.
        on: bool,
    },
    /// Answer it.
    AddPost(NewPost),
    /// Mark the answer, or take the mark back.
    Accept(Option<Accepted>),
    /// Tell the moderators.
    Report(Report),
    /// Close all reports.
    DismissReports,
    /// Lock it for a reason, or open it.
    Lock {
        /// `None` opens it.
        reason: Option<String>,
    },
    /// Delete it.
    Delete,
}

/// What can happen to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A draft was begun; a topic that is published at once is a draft for one moment.
    Begun {
        /// Names it.
        id: TopicId,
        /// Who wrote it.
        author: PersonId,
        /// What it says.
        content: Content,
        /// Its files.
        attachments: Vec<Attachment>,
        /// Who gets a copy.
        notify: Vec<String>,
    },
    /// What it says was changed.
    Changed(Change),
    /// Its audience may read it.
    Published {
        /// The mails that go out.
        copies: Vec<Copy>,
    },
    /// Somebody gave or took back a vote.
    Voted {
        /// Who.
        person: PersonId,
        /// Whether it was given.
        on: bool,
    },
    /// Somebody follows or stopped.
    Followed {
        /// Who.
        person: PersonId,
        /// Whether bells are wanted.
        on: bool,
    },
    /// Somebody answered.
    PostAdded(post::Post),
    /// A post is the answer, or no post any more.
    Accepted(Option<PostId>),
    /// People are to be told.
    NoticeDue(Notice),
    /// Somebody told the moderators.
    Reported {
        /// Names the report.
        id: ReportId,
        /// Who.
        reporter: PersonId,
        /// Why.
        reason: String,
    },
    /// The moderators have looked.
    ReportsDismissed,
    /// It was locked for a reason, or opened.
    Locked(Option<String>),
    /// It is gone.
    Deleted,
}

impl Topic {
    /// Whether it exists for this reader.
    pub fn is_visible_to(&self, reader: &Reader) -> bool {
        match self.stage {
            Stage::Draft => reader.person() == Some(self.author),
            Stage::Published => reader.may_read(self.audience()),
            Stage::Deleted => false,
        }
    }

    /// Whose eyes a published topic is for. A topic without a forum is nobody's: the narrowest.
    pub fn audience(&self) -> Audience {
        self.content.forum.as_ref().map_or(Audience::Agents, |forum| forum.audience)
    }

    /// The attachment of the topic's own text with this id.
    pub fn attachment(&self, id: AttachmentId) -> Option<&Attachment> {
        self.attachments.iter().find(|attachment| attachment.id == id)
    }

    pub(super) fn is_writer(&self, actor: &Actor) -> bool {
        self.author == actor.id
    }

    /// Refuses customers on a locked topic.
    pub(super) fn refuse_when_locked(&self, actor: &Actor) -> Result<(), Refusal> {
        if self.locked.is_some() && !actor.staff { Err(Refusal::Locked) } else { Ok(()) }
    }

    /// Refuses on a draft: what others do to a topic begins with publishing.
    pub(super) fn refuse_when_draft(&self) -> Result<(), Refusal> {
        if self.stage == Stage::Draft { Err(Refusal::InvalidTransition("Publish the draft first.")) } else { Ok(()) }
    }
}

/// What happens when `actor` asks for `command` at `now`. Nothing happens more than once: repeating gives no event.
pub fn decide(topic: Option<&Topic>, actor: &Actor, now: OffsetDateTime, command: Command) -> Result<Vec<Event>, Refusal> {
    let topic = match (topic, command) {
        (None, Command::Create(creation)) => return writing::create(actor, creation),
        (Some(_), Command::Create(_)) => return Err(Refusal::InvalidTransition("This topic was begun before.")),
        (Some(topic), command) if topic.is_visible_to(&Reader::Person(*actor)) => (topic, command),
        _ => return Err(Refusal::NotFound),
    };
    match topic {
        (topic, Command::Update(update)) => writing::update(topic, actor, update),
        (topic, Command::Vote { on }) => vote(topic, actor, on),
        (topic, Command::Follow { on }) => follow(topic, actor, on),
        (topic, Command::AddPost(new)) => post::add(topic, actor, now, new),
        (topic, Command::Accept(accepted)) => post::accept(topic, actor, accepted),
        (topic, Command::Report(report)) => moderation::report(topic, actor, report),
        (topic, Command::DismissReports) => moderation::dismiss(topic, actor),
        (topic, Command::Lock { reason }) => moderation::lock(topic, actor, reason),
        (topic, Command::Delete) => moderation::delete(topic, actor),
        (_, Command::Create(_)) => Err(Refusal::InvalidTransition("This topic was begun before.")),
    }
}

fn vote(topic: &Topic, actor: &Actor, on: bool) -> Result<Vec<Event>, Refusal> {
    topic.refuse_when_draft()?;
    topic.refuse_when_locked(actor)?;
    if topic.voters.contains(&actor.id) == on {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Voted { person: actor.id, on }])
}

fn follow(topic: &Topic, actor: &Actor, on: bool) -> Result<Vec<Event>, Refusal> {
    topic.refuse_when_draft()?;
    if topic.followers.contains(&actor.id) == on {
        return Ok(Vec::new());
    }
    if on && topic.followers.len() >= FOLLOWERS_MAX {
        return Err(Refusal::FollowersFull);
    }
    Ok(vec![Event::Followed { person: actor.id, on }])
}

/// The state after an event at `at`. Only [`Event::Begun`] makes one out of nothing.
pub fn evolve(topic: Option<Topic>, event: &Event, at: OffsetDateTime) -> Option<Topic> {
    if let Event::Begun { id, author, content, attachments, notify } = event {
        return Some(begin(*id, *author, content.clone(), attachments.clone(), notify.clone(), at));
    }
    let mut topic = topic?;
    match event {
        Event::Begun { .. } | Event::NoticeDue(_) => {}
        Event::Changed(change) => change.apply(&mut topic, at),
        Event::Published { .. } => {
            topic.stage = Stage::Published;
            topic.notify.clear();
            topic.published_at = Some(at);
            topic.last_activity_at = at;
        }
        Event::Voted { person, on } => set(&mut topic.voters, *person, *on),
        Event::Followed { person, on } => set(&mut topic.followers, *person, *on),
        Event::PostAdded(post) => {
            topic.posts = post.number;
            topic.has_replies |= post.author != topic.author;
            topic.last_activity_at = at;
        }
        Event::Accepted(accepted) => {
            topic.accepted = *accepted;
            if accepted.is_some() {
                topic.last_activity_at = at;
            }
        }
        Event::Reported { .. } => topic.is_reported = true,
        Event::ReportsDismissed => topic.is_reported = false,
        Event::Locked(reason) => topic.locked.clone_from(reason),
        Event::Deleted => topic.stage = Stage::Deleted,
    }
    Some(topic)
}

fn begin(id: TopicId, author: PersonId, content: Content, attachments: Vec<Attachment>, notify: Vec<String>, at: OffsetDateTime) -> Topic {
    Topic {
        id,
        stage: Stage::Draft,
        author,
        content,
        attachments,
        notify,
        posts: 0,
        has_replies: false,
        accepted: None,
        locked: None,
        is_reported: false,
        voters: BTreeSet::new(),
        followers: BTreeSet::new(),
        created_at: at,
        published_at: None,
        last_activity_at: at,
        edited_at: at,
    }
}

fn set(people: &mut BTreeSet<PersonId>, person: PersonId, on: bool) {
    if on {
        people.insert(person);
    } else {
        people.remove(&person);
    }
}

#[cfg(test)]
mod tests;
