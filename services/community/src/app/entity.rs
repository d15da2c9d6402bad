//! The actor of a topic: what the chassis needs to know about this aggregate.

use async_trait::async_trait;
use portico_chassis::clock::Clock;
use portico_chassis::db::Db;
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::{Aggregate, Asked, Decision};
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::{Claim, Entry, NewEvent};
use portico_chassis::random::Random;
use time::OffsetDateTime;

use super::asker::Writer;
use crate::domain::ids::TopicId;
use crate::domain::person::{Actor, Reader};
use crate::domain::refusal::{Problem, Refusal};
use crate::domain::topic::{self, Command, Event, Topic};
use crate::domain::view::{Byline, PostView, TopicHead, TopicView};
use crate::store;
use crate::store::writes::{TopicWrite, Write};

/// How many characters of the text a list shows the beginning of.
const BEGINNING: usize = 1000;

/// Loads topics and decides about them.
pub struct TopicAggregate {
    /// The database.
    pub db: Db,
    /// Chassis time.
    pub clock: Clock,
    /// Names for events.
    pub random: Random,
}

/// A committed topic with what its answers show besides.
#[derive(Clone)]
pub struct TopicState {
    /// The domain's state.
    pub topic: Topic,
    /// The journal's version.
    pub version: i64,
    /// Who wrote it.
    pub author: Byline,
    /// As of loading; the page shows newer ones.
    pub views: i64,
}

/// A command and the circumstances that the entity can't find out by itself.
pub struct TopicCommand {
    /// Who asks.
    pub writer: Writer,
    /// The version that the caller read; `None`: whatever it is now.
    pub etag: Option<i64>,
    /// What was wrong with the request before it came here; told together with what the domain finds.
    pub problems: Vec<Problem>,
    /// What is asked.
    pub command: Command,
    /// The uploads that become attachments: each can be used once.
    pub claims: Vec<Claim>,
    /// Turns the result into the answer's bytes, which are stored with the request id.
    pub render: Render,
}

/// Encodes an answer; given by the api room, which knows the wire.
pub type Render = fn(&Outcome) -> Vec<u8>;

/// What a command came to.
pub struct Outcome {
    /// The topic as the one who asked sees it now.
    pub view: TopicView,
    /// Who asked.
    pub reader: Reader,
    /// The post that was added.
    pub post: Option<PostView>,
}

#[async_trait]
impl Aggregate for TopicAggregate {
    type Id = TopicId;
    type State = TopicState;
    type Command = TopicCommand;
    type Write = Write;
    const KIND: &'static str = store::events::TOPIC;

    async fn load(&self, portal: &PortalId, id: TopicId) -> Result<Option<TopicState>, Error> {
        let mut conn = self.db.read(portal, Deadline::default()).await?;
        let loaded = store::topic::load(&mut conn, portal, id).await?;
        Ok(loaded.map(|(topic, head)| TopicState { topic, version: head.version, author: head.author, views: head.views }))
    }

    fn version(&self, state: &TopicState) -> i64 {
        state.version
    }

    fn claim_taken(&self, _space: &'static str) -> Error {
        portico_chassis::blobs::unusable()
    }

    fn decide(&self, asked: &Asked<TopicId>, state: &TopicState, command: &TopicCommand) -> Result<Decision<TopicState, Write>, Error> {
        let actor = command.writer.actor;
        let at = self.clock.now();
        if !state.topic.is_visible_to(&actor.into()) {
            return Err(Error::NOT_FOUND);
        }
        if command.etag.is_some_and(|etag| etag != state.version) {
            return Err(Refusal::VersionConflict.into());
        }
        let events = with_problems(topic::decide(Some(&state.topic), &actor, at, command.command.clone()), &command.problems)?;
        if events.is_empty() {
            let answer = (command.render)(&outcome(state, &command.writer, &[]));
            return Ok(Decision::nothing(state.clone(), answer));
        }
        let events = events.into_iter().map(|event| (event, at)).collect();
        let (after, mut entry) = self.entry(&asked.portal, Some(state), &command.writer, events, command.render)?;
        entry.claims.clone_from(&command.claims);
        Ok(Decision::change(after, entry))
    }
}

/// All wrong fields at once: those found while reading the request, then those that the domain found.
pub fn with_problems(decided: Result<Vec<Event>, Refusal>, problems: &[Problem]) -> Result<Vec<Event>, Refusal> {
    match decided {
        decided if problems.is_empty() => decided,
        Err(Refusal::Fields(more)) => {
            let new = more.into_iter().filter(|more| problems.iter().all(|known| known.field != more.field));
            Err(Refusal::Fields(problems.iter().cloned().chain(new).collect()))
        }
        Err(other) => Err(other),
        Ok(_) => Err(Refusal::Fields(problems.to_vec())),
    }
}

impl TopicAggregate {
    /// The state after `events`, each at its time, and the entry that makes it so; the entity adds request and expected version.
    pub fn entry(
        &self,
        portal: &PortalId,
        before: Option<&TopicState>,
        writer: &Writer,
        events: Vec<(Event, OffsetDateTime)>,
        render: Render,
    ) -> Result<(TopicState, Entry<Write>), Error> {
        let now = self.clock.now();
        let mut topic = before.map(|state| state.topic.clone());
        let mut told: Vec<NewEvent> = Vec::with_capacity(events.len());
        for (event, at) in &events {
            topic = topic::evolve(topic, event, *at);
            told.extend(topic.as_ref().map(|topic| store::events::topic(self.random.uuid(now), event, topic)));
        }
        let events: Vec<Event> = events.into_iter().map(|(event, _)| event).collect();
        let entry = Entry::new(portal.clone(), writer.actor.id.to_string(), now).events(told);
        let topic = topic.ok_or_else(|| Error::internal("the first event of a topic does not begin it"))?;
        let count = i64::try_from(events.len()).unwrap_or(0);
        let state = TopicState {
            topic,
            version: before.map_or(0, |state| state.version) + count,
            author: before.map_or_else(|| writer.person.byline.clone(), |state| state.author.clone()),
            views: before.map_or(0, |state| state.views),
        };
        let answer = render(&outcome(&state, writer, &events));
        let before = before.map(|state| &state.topic);
        let write = TopicWrite::new(portal.clone(), before, state.topic.clone(), events, writer.actor.id, now);
        let entry = entry.write(Write::Person(writer.person.clone())).write(Write::Topic(Box::new(write))).answer(answer);
        Ok((state, entry))
    }
}

/// What the one who asked is answered.
fn outcome(state: &TopicState, writer: &Writer, events: &[Event]) -> Outcome {
    let post = events.iter().find_map(|event| match event {
        Event::PostAdded(post) => Some(PostView {
            id: post.id,
            topic: state.topic.id,
            number: post.number,
            author: writer.person.byline.clone(),
            body: post.body.clone(),
            attachments: post.attachments.clone(),
            accepted: false,
            created_at: post.created_at,
        }),
        _ => None,
    });
    Outcome { view: view(state, &writer.actor), reader: Reader::Person(writer.actor), post }
}

fn view(state: &TopicState, actor: &Actor) -> TopicView {
    let topic = &state.topic;
    TopicView {
        head: head(state),
        body: topic.content.body.clone(),
        attachments: topic.attachments.clone(),
        notify: topic.notify.clone(),
        has_replies: topic.has_replies,
        lock_reason: topic.locked.clone(),
        edited_at: topic.edited_at,
        published_at: topic.published_at,
        voted: topic.voters.contains(&actor.id),
        following: topic.followers.contains(&actor.id),
    }
}

fn head(state: &TopicState) -> TopicHead {
    let Topic { content, .. } = &state.topic;
    TopicHead {
        id: state.topic.id,
        stage: state.topic.stage,
        kind: content.kind,
        title: content.title.clone(),
        beginning: content.body.chars().take(BEGINNING).collect(),
        forum: content.forum.clone(),
        tags: content.tags.clone(),
        author: state.author.clone(),
        votes: i64::try_from(state.topic.voters.len()).unwrap_or(i64::MAX),
        posts: state.topic.posts,
        views: state.views,
        accepted: state.topic.accepted,
        locked: state.topic.locked.is_some(),
        created_at: state.topic.created_at,
        last_activity_at: state.topic.last_activity_at,
        version: state.version,
    }
}
