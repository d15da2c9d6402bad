//! Topics: lists, pages, drafts, publishing, edits, votes, follows.

use portico_chassis::blobs::{Claimed, unusable};
use portico_chassis::db::PortalConn;
use portico_chassis::entity::Asked;
use portico_chassis::error::Error;
use portico_chassis::journal::{Claim, Entry, Outcome, Replay, RequestKey, replay};

use super::Community;
use super::asker::{Asker, Writer};
use super::entity::{Render, TopicCommand, with_problems};
use super::forum;
use crate::domain::forum::ForumRef;
use crate::domain::ids::{AttachmentId, TopicId};
use crate::domain::listing::{Filter, Order, Page, Position};
use crate::domain::refusal::Problem;
use crate::domain::topic::{self, Command, Content, Stage, TopicType};
use crate::domain::view::{TopicHead, TopicView};
use crate::domain::writing::{Creation, Update};
use crate::store;
use crate::store::pace::Written;
use crate::store::writes::Write;

/// A list that somebody asks for.
#[derive(Clone, Debug)]
pub struct ListWish {
    /// A forum's id or slug; empty: all.
    pub forum: String,
    /// `None`: all.
    pub kind: Option<TopicType>,
    /// Normalised.
    pub tag: Option<String>,
    /// Only questions and problems without an accepted answer.
    pub unanswered: bool,
    /// The order.
    pub order: Order,
}

/// A topic that somebody wants to write. Texts are bounded, tags and addresses normalised.
#[derive(Clone, Debug)]
pub struct TopicWish {
    /// Chosen first.
    pub kind: TopicType,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// A forum's id or slug; empty: none yet.
    pub forum: String,
    /// Normalised.
    pub tags: Vec<String>,
    /// Upload tickets.
    pub uploads: Vec<String>,
    /// Who gets a copy.
    pub notify: Vec<String>,
    /// Keep it as a draft.
    pub draft: bool,
    /// What was wrong with the request before it came here.
    pub problems: Vec<Problem>,
}

/// A change that somebody wants to make; `None` leaves as it is.
#[derive(Clone, Debug)]
pub struct UpdateWish {
    /// Which topic.
    pub id: TopicId,
    /// The version that the caller read.
    pub etag: Option<i64>,
    /// What it is.
    pub kind: Option<TopicType>,
    /// One line.
    pub title: Option<String>,
    /// Markdown.
    pub body: Option<String>,
    /// A forum's id or slug; empty takes a draft out of its forum.
    pub forum: Option<String>,
    /// Normalised.
    pub tags: Option<Vec<String>>,
    /// Who gets a copy.
    pub notify: Option<Vec<String>>,
    /// Upload tickets.
    pub uploads: Vec<String>,
    /// Files to take away.
    pub remove: Vec<AttachmentId>,
    /// `Some(false)` publishes.
    pub draft: Option<bool>,
    /// What was wrong with the request before it came here.
    pub problems: Vec<Problem>,
}

/// A command to a topic that needs nothing else.
pub struct PlainCommand {
    /// Which topic.
    pub id: TopicId,
    /// The version that the caller read.
    pub etag: Option<i64>,
    /// Its idempotency key.
    pub request: RequestKey,
    /// What was wrong with the request before it came here.
    pub problems: Vec<Problem>,
    /// What is asked.
    pub command: Command,
    /// Encodes the answer.
    pub render: Render,
}

impl Community {
    /// Published topics that the asker may read.
    pub async fn topics(&self, asker: &Asker, wish: ListWish, after: Option<Position>, limit: i64) -> Result<Page<TopicHead>, Error> {
        let mut conn = self.enter(asker).await?;
        let forums = match wish.forum.as_str() {
            "" => None,
            key => Some(forum::with_sub_forums(&mut conn, asker, key).await?),
        };
        let ListWish { kind, tag, unanswered, order, .. } = wish;
        let filter = Filter { reach: asker.reader.reach(), forums, kind, tag, unanswered, order };
        let rows = store::listing::published(&mut conn, &asker.portal, &filter, after, limit + 1).await?;
        Ok(Page::cut(rows, limit))
    }

    /// The asker's own drafts.
    pub async fn drafts(&self, asker: &Asker, after: Option<Position>, limit: i64) -> Result<Page<TopicHead>, Error> {
        let writer = asker.writer()?;
        let mut conn = self.enter(asker).await?;
        let rows = store::listing::drafts(&mut conn, &asker.portal, writer.actor.id, after, limit + 1).await?;
        Ok(Page::cut(rows, limit))
    }

    /// One topic in full; counts a view of a published one when asked to.
    pub async fn topic(&self, asker: &Asker, id: TopicId, count_view: bool) -> Result<TopicView, Error> {
        let mut conn = self.enter(asker).await?;
        let view = self.visible_page(&mut conn, asker, id).await?;
        if count_view && view.head.stage == Stage::Published {
            self.views.note(id);
        }
        Ok(view)
    }

    /// Writes a topic: a draft, or published at once.
    pub async fn create_topic(&self, asker: &Asker, request: RequestKey, wish: TopicWish, render: Render) -> Result<Vec<u8>, Error> {
        let writer = asker.writer()?;
        let mut conn = self.enter(asker).await?;
        if let Some(answer) = self.answered(&mut conn, asker, &request).await? {
            return Ok(answer);
        }
        let now = self.clock.now();
        self.keep_pace(&mut conn, asker, writer.actor.id, Written::Topics, now).await?;
        let mut problems = wish.problems;
        let forum = wished_forum(&mut conn, asker, &wish.forum, &mut problems).await?;
        let allowance = self.allowance(&mut conn, asker, writer.actor.id, now).await?;
        drop(conn);
        let content = Content { kind: wish.kind, title: wish.title, body: wish.body, forum, tags: wish.tags };
        let id = TopicId::new(self.random.uuid(now));
        let creation = Creation { id, content, attachments: Vec::new(), notify: wish.notify, draft: wish.draft, allowance };
        // Decided once without files, so that nothing is copied for a request that is refused anyway.
        let decide = |creation: Creation| topic::decide(None, &writer.actor, now, Command::Create(creation));
        with_problems(decide(creation.clone()), &problems)?;
        let (attachments, claimed) = self.claim(asker, &wish.uploads, now).await?;
        let events = decide(Creation { attachments, ..creation })?;
        let events = events.into_iter().map(|event| (event, now)).collect();
        let (_, entry) = self.topics.aggregate().entry(&asker.portal, None, &writer, events, render)?;
        let entry = entry.request(Some(request)).expect(store::events::TOPIC, id, 0);
        self.append_new(asker, entry, claimed).await
    }

    pub(super) async fn append_new(&self, asker: &Asker, mut entry: Entry<Write>, claimed: Claimed) -> Result<Vec<u8>, Error> {
        entry.claims = claimed.claims();
        match self.journal.append_one(entry, asker.deadline).await? {
            Outcome::Committed(committed) => {
                self.blobs.settle(&claimed).await;
                Ok(committed.answer)
            }
            Outcome::Replayed(answer) => Ok(answer),
            Outcome::KeyReused => Err(Error::KeyReused),
            Outcome::ClaimTaken { .. } => Err(unusable()),
            Outcome::VersionConflict => Err(Error::internal("a new topic has the id of an old one")),
        }
    }

    /// Changes a topic, perhaps publishes it.
    pub async fn update_topic(&self, asker: &Asker, request: RequestKey, wish: UpdateWish, render: Render) -> Result<Vec<u8>, Error> {
        let writer = asker.writer()?;
        let mut conn = self.enter(asker).await?;
        if let Some(answer) = self.answered(&mut conn, asker, &request).await? {
            return Ok(answer);
        }
        self.visible_head(&mut conn, asker, wish.id).await?;
        let now = self.clock.now();
        let allowance = self.allowance(&mut conn, asker, writer.actor.id, now).await?;
        let mut problems = wish.problems;
        let forum = match wish.forum.as_deref() {
            None => None,
            Some(key) => Some(wished_forum(&mut conn, asker, key, &mut problems).await?),
        };
        drop(conn);
        let (add, claimed) = if problems.is_empty() { self.claim(asker, &wish.uploads, now).await? } else { Default::default() };
        let update = Update {
            kind: wish.kind,
            title: wish.title,
            body: wish.body,
            forum,
            tags: wish.tags,
            notify: wish.notify,
            add,
            remove: wish.remove,
            draft: wish.draft,
            allowance,
        };
        let command = PlainCommand { id: wish.id, etag: wish.etag, request, problems, command: Command::Update(update), render };
        let answer = self.ask(asker, writer, command, claimed.claims()).await?;
        self.blobs.settle(&claimed).await;
        Ok(answer)
    }

    /// Has a topic that the asker may see decide a command.
    pub async fn command(&self, asker: &Asker, command: PlainCommand) -> Result<Vec<u8>, Error> {
        let writer = asker.writer()?;
        self.admit(asker).await?;
        self.ask(asker, writer, command, Vec::new()).await
    }

    pub(super) async fn ask(&self, asker: &Asker, writer: Writer, plain: PlainCommand, claims: Vec<Claim>) -> Result<Vec<u8>, Error> {
        let PlainCommand { id, etag, request, problems, command, render } = plain;
        let asked = Asked { portal: asker.portal.clone(), id, actor: asker.name.clone(), request: Some(request) };
        let command = TopicCommand { writer, etag, problems, command, claims, render };
        self.topics.ask(asked, command, asker.deadline).await
    }

    /// Whether this request was answered before: asked before anything is spent on it.
    pub(super) async fn answered(&self, conn: &mut PortalConn, asker: &Asker, request: &RequestKey) -> Result<Option<Vec<u8>>, Error> {
        match replay(conn, &asker.portal, request).await? {
            Replay::Answered(answer) => Ok(Some(answer)),
            Replay::New => Ok(None),
        }
    }
}

/// The forum that is named; one that is not there for this asker is a wrong field.
async fn wished_forum(conn: &mut PortalConn, asker: &Asker, key: &str, problems: &mut Vec<Problem>) -> Result<Option<ForumRef>, Error> {
    if key.is_empty() {
        return Ok(None);
    }
    let found = forum::named(conn, asker, key).await?;
    if found.is_none() {
        problems.push(Problem::new("forum", "unknown", "Choose a forum."));
    }
    Ok(found)
}
