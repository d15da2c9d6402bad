//! Writing a topic: drafts, publishing, edits.

use time::OffsetDateTime;

use super::attachment::{ATTACHMENTS_MAX, Attachment};
use super::copy::{self, Allowance};
use super::forum::ForumRef;
use super::ids::{AttachmentId, TopicId};
use super::person::Actor;
use super::refusal::{Problem, Refusal};
use super::text;
use super::topic::{Content, Event, Stage, Topic, TopicType};

/// A topic to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Names it.
    pub id: TopicId,
    /// What it says.
    pub content: Content,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// Who gets a copy, normalised.
    pub notify: Vec<String>,
    /// Keep it as a draft.
    pub draft: bool,
    /// What the writer may still send.
    pub allowance: Allowance,
}

/// What to change; `None` leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// What it is.
    pub kind: Option<TopicType>,
    /// One line.
    pub title: Option<String>,
    /// Markdown.
    pub body: Option<String>,
    /// Where it stands; `Some(None)` takes a draft out of its forum.
    pub forum: Option<Option<ForumRef>>,
    /// Normalised.
    pub tags: Option<Vec<String>>,
    /// Who gets a copy, normalised.
    pub notify: Option<Vec<String>>,
    /// Files to add.
    pub add: Vec<Attachment>,
    /// Files to take away.
    pub remove: Vec<AttachmentId>,
    /// `Some(false)` publishes.
    pub draft: Option<bool>,
    /// What the writer may still send.
    pub allowance: Allowance,
}

/// What was changed; only what is different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What it is.
    pub kind: Option<TopicType>,
    /// One line.
    pub title: Option<String>,
    /// Markdown.
    pub body: Option<String>,
    /// Where it stands.
    pub forum: Option<Option<ForumRef>>,
    /// Normalised.
    pub tags: Option<Vec<String>>,
    /// Who gets a copy.
    pub notify: Option<Vec<String>>,
    /// Files added.
    pub added: Vec<Attachment>,
    /// Files taken away.
    pub removed: Vec<AttachmentId>,
}

impl Change {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the fields that changed, as events tell them.
    pub fn fields(&self) -> Vec<&'static str> {
        let changed = [
            (self.kind.is_some(), "type"),
            (self.title.is_some(), "title"),
            (self.body.is_some(), "body"),
            (self.forum.is_some(), "forum"),
            (self.tags.is_some(), "tags"),
            (!self.added.is_empty() || !self.removed.is_empty(), "attachments"),
        ];
        changed.into_iter().filter_map(|(is_changed, name)| is_changed.then_some(name)).collect()
    }

    /// Makes the change.
    pub fn apply(&self, topic: &mut Topic, at: OffsetDateTime) {
        let content = &mut topic.content;
        if let Some(kind) = self.kind {
            content.kind = kind;
        }
        if let Some(title) = &self.title {
            content.title.clone_from(title);
        }
        if let Some(body) = &self.body {
            content.body.clone_from(body);
        }
        if let Some(forum) = &self.forum {
            content.forum.clone_from(forum);
        }
        if let Some(tags) = &self.tags {
            content.tags.clone_from(tags);
        }
        if let Some(notify) = &self.notify {
            topic.notify.clone_from(notify);
        }
        topic.attachments.retain(|attachment| !self.removed.contains(&attachment.id));
        topic.attachments.extend(self.added.iter().cloned());
        topic.edited_at = at;
        if topic.stage == Stage::Draft {
            topic.last_activity_at = at;
        }
    }
}

/// Begins a topic and, unless it stays a draft, publishes it.
pub fn create(actor: &Actor, creation: Creation) -> Result<Vec<Event>, Refusal> {
    let Creation { id, content, attachments, notify, draft, allowance } = creation;
    let mut problems = check(&content, &attachments, actor);
    if !draft {
        problems.extend(missing(&content));
    }
    if !problems.is_empty() {
        return Err(Refusal::Fields(problems));
    }
    let copies = if draft { Vec::new() } else { copy::make(&notify, &allowance)? };
    let mut events = vec![Event::Begun { id, author: actor.id, content, attachments, notify }];
    if !draft {
        events.extend(publish(actor, copies));
    }
    Ok(events)
}

/// Changes a topic and, when asked to, publishes a draft.
pub fn update(topic: &Topic, actor: &Actor, update: Update) -> Result<Vec<Event>, Refusal> {
    let (draft, allowance) = (update.draft, update.allowance.clone());
    if topic.stage == Stage::Published {
        allow_edit(topic, actor, &update)?;
    }
    let (change, mut problems) = difference(topic, update);
    let mut changed = topic.clone();
    change.apply(&mut changed, topic.edited_at);
    let publishes = topic.stage == Stage::Draft && draft == Some(false);
    let touched = change.kind.is_some() || change.forum.is_some() || !change.added.is_empty() || publishes;
    if touched {
        problems.extend(check(&changed.content, &changed.attachments, actor));
    }
    if publishes || topic.stage == Stage::Published {
        problems.extend(missing(&changed.content));
    }
    if !problems.is_empty() {
        return Err(Refusal::Fields(problems));
    }
    let mut events = Vec::new();
    if !change.is_empty() {
        events.push(Event::Changed(change));
    }
    if publishes {
        events.extend(publish(actor, copy::make(&changed.notify, &allowance)?));
    }
    Ok(events)
}

/// Publishing makes the writer a follower.
fn publish(actor: &Actor, copies: Vec<copy::Copy>) -> [Event; 2] {
    [Event::Published { copies }, Event::Followed { person: actor.id, on: true }]
}

/// Who may change which parts of a published topic.
fn allow_edit(topic: &Topic, actor: &Actor, update: &Update) -> Result<(), Refusal> {
    if !actor.staff && !topic.is_writer(actor) {
        return Err(Refusal::Forbidden);
    }
    topic.refuse_when_locked(actor)?;
    if update.draft == Some(true) {
        return Err(Refusal::InvalidTransition("A published topic does not become a draft again."));
    }
    if update.notify.is_some() {
        return Err(Refusal::InvalidTransition("Copies went out when the topic was published."));
    }
    let mut problems = Vec::new();
    if !actor.staff && update.kind.is_some_and(|kind| kind != topic.content.kind) {
        problems.push(Problem::new("type", "not_allowed", "The type stays as it was published."));
    }
    let moves = update.forum.as_ref().is_some_and(|forum| *forum != topic.content.forum);
    if !actor.staff && moves {
        problems.push(Problem::new("forum", "not_allowed", "Only the team moves a published topic."));
    }
    if topic.accepted.is_some() && update.kind.is_some_and(|kind| !kind.is_answerable()) {
        problems.push(Problem::new("type", "not_allowed", "A topic with an accepted answer stays a question or a problem."));
    }
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Fields(problems)) }
}

/// What of the update is different from the topic.
fn difference(topic: &Topic, update: Update) -> (Change, Vec<Problem>) {
    fn other<T: PartialEq>(wish: Option<T>, present: &T) -> Option<T> {
        wish.filter(|wish| wish != present)
    }
    let unknown = update.remove.iter().any(|id| topic.attachment(*id).is_none());
    let problems = if unknown { vec![Problem::new("remove_attachments", "unknown", "There is no such file.")] } else { Vec::new() };
    let change = Change {
        kind: other(update.kind, &topic.content.kind),
        title: other(update.title, &topic.content.title),
        body: other(update.body, &topic.content.body),
        forum: other(update.forum, &topic.content.forum),
        tags: other(update.tags, &topic.content.tags),
        notify: other(update.notify, &topic.notify),
        added: update.add,
        removed: update.remove,
    };
    (change, problems)
}

/// What no topic may be, draft or not.
fn check(content: &Content, attachments: &[Attachment], actor: &Actor) -> Vec<Problem> {
    let mut problems = Vec::new();
    if content.kind == TopicType::Announcement && !actor.staff {
        problems.push(Problem::new("type", "not_allowed", "Announcements are made by the team."));
    }
    // A forum that the writer can't read does not exist for the writer.
    if content.forum.as_ref().is_some_and(|forum| !super::person::Reader::Person(*actor).may_read(forum.audience)) {
        problems.push(Problem::new("forum", "unknown", "Choose a forum."));
    }
    if attachments.len() > ATTACHMENTS_MAX {
        problems.push(Problem::new("uploads", "too_many", format!("A topic has at most {ATTACHMENTS_MAX} files.")));
    }
    problems
}

/// What publishing needs and a draft may lack.
fn missing(content: &Content) -> Vec<Problem> {
    let mut problems = Vec::new();
    if text::is_blank(&content.title) {
        problems.push(Problem::new("title", "required", "Enter a title."));
    }
    if text::is_blank(&content.body) {
        problems.push(Problem::new("body", "required", "Write something."));
    }
    if content.forum.is_none() {
        problems.push(Problem::new("forum", "required", "Choose a forum."));
    }
    problems
}
