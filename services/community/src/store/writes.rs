//! The rows that journal entries write. One statement a table for a whole batch.

use std::collections::HashMap;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal;
use portico_chassis::uuid::Uuid;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::person::{self, PersonCopy};
use super::{attach, people, rows, text};
use crate::domain::attachment::Attachment;
use crate::domain::copy::Copy;
use crate::domain::forum::Forum;
use crate::domain::ids::{AttachmentId, ForumId, PersonId, PostId, ReportId, TopicId};
use crate::domain::post::Post;
use crate::domain::topic::{Event, Stage, Topic};

/// What one entry writes.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new forum.
    Forum(PortalId, Forum, OffsetDateTime),
    /// What happened to a topic.
    Topic(Box<TopicWrite>),
    /// A person as the token told.
    Person(PersonCopy),
}

/// What happened to a topic in one entry.
#[derive(Clone, Debug)]
pub struct TopicWrite {
    /// In which portal.
    pub portal: PortalId,
    /// The state afterwards.
    pub after: Topic,
    /// Where it counted before; `None` when it did not count.
    pub counted_in: Option<ForumId>,
    /// How many posts counted there.
    pub counted_posts: i64,
    /// What happened.
    pub events: Vec<Event>,
    /// Who did it.
    pub actor: PersonId,
    /// When.
    pub at: OffsetDateTime,
}

impl TopicWrite {
    /// From the states before and after.
    pub fn new(portal: PortalId, before: Option<&Topic>, after: Topic, events: Vec<Event>, actor: PersonId, at: OffsetDateTime) -> Self {
        let counted_in = before.and_then(counts_in);
        let counted_posts = before.filter(|_| counted_in.is_some()).map_or(0, |topic| topic.posts);
        Self { portal, after, counted_in, counted_posts, events, actor, at }
    }
}

/// The forum that a topic counts in: only published topics count.
fn counts_in(topic: &Topic) -> Option<ForumId> {
    topic.content.forum.as_ref().filter(|_| topic.stage == Stage::Published).map(|forum| forum.id)
}

/// One file to be kept.
pub(super) struct NewFile<'b> {
    pub portal: &'b PortalId,
    pub topic: TopicId,
    pub post: Option<PostId>,
    pub file: &'b Attachment,
}

/// A batch, table by table; where a later entry overrules an earlier one only the later is left.
#[derive(Default)]
pub(super) struct Rows<'b> {
    pub forums: Vec<(&'b PortalId, &'b Forum, OffsetDateTime)>,
    pub texts: HashMap<TopicId, (&'b PortalId, &'b Topic)>,
    pub states: HashMap<TopicId, &'b Topic>,
    pub posts: Vec<(&'b PortalId, TopicId, &'b Post)>,
    pub files: Vec<NewFile<'b>>,
    pub removed_files: Vec<AttachmentId>,
    pub votes: HashMap<(TopicId, PersonId), (&'b PortalId, bool)>,
    pub follows: HashMap<(TopicId, PersonId), (&'b PortalId, bool)>,
    pub reports: HashMap<(TopicId, PersonId), (&'b PortalId, ReportId, &'b str, OffsetDateTime)>,
    /// Topics whose reports are closed.
    pub dismissed: Vec<Uuid>,
    pub copies: Vec<(&'b PortalId, TopicId, PersonId, &'b Copy, OffsetDateTime)>,
    /// Topics and posts that a forum gains or loses.
    pub counts: HashMap<ForumId, (i64, i64)>,
    pub deleted: Vec<Uuid>,
}

impl<'b> Rows<'b> {
    fn add(&mut self, write: &'b TopicWrite) {
        let (portal, topic) = (&write.portal, &write.after);
        for event in &write.events {
            self.add_event(write, event);
        }
        self.states.insert(topic.id, topic);
        self.count(write.counted_in, -1, -write.counted_posts);
        self.count(counts_in(topic), 1, topic.posts);
        if write.events.iter().any(|event| matches!(event, Event::Begun { .. } | Event::Changed(_) | Event::Published { .. })) {
            self.texts.insert(topic.id, (portal, topic));
        }
    }

    fn add_event(&mut self, write: &'b TopicWrite, event: &'b Event) {
        let (portal, topic) = (&write.portal, write.after.id);
        match event {
            Event::Begun { attachments, .. } => self.add_files(portal, topic, None, attachments),
            Event::Changed(change) => {
                self.add_files(portal, topic, None, &change.added);
                self.removed_files.extend(&change.removed);
            }
            Event::Published { copies } => {
                self.copies.extend(copies.iter().map(|copy| (portal, topic, write.actor, copy, write.at)));
            }
            Event::Voted { person, on } => {
                self.votes.insert((topic, *person), (portal, *on));
            }
            Event::Followed { person, on } => {
                self.follows.insert((topic, *person), (portal, *on));
            }
            Event::PostAdded(post) => {
                self.posts.push((portal, topic, post));
                self.add_files(portal, topic, Some(post.id), &post.attachments);
            }
            Event::Reported { id, reporter, reason } => {
                self.reports.insert((topic, *reporter), (portal, *id, reason, write.at));
            }
            Event::ReportsDismissed => {
                // Those of this batch that came before are closed too; a later one in the batch stays.
                self.reports.retain(|(reported, _), _| *reported != topic);
                self.dismissed.push(topic.uuid());
            }
            Event::Deleted => self.deleted.push(topic.uuid()),
            Event::Accepted(_) | Event::NoticeDue(_) | Event::Locked(_) => {}
        }
    }

    fn add_files(&mut self, portal: &'b PortalId, topic: TopicId, post: Option<PostId>, files: &'b [Attachment]) {
        self.files.extend(files.iter().map(|file| NewFile { portal, topic, post, file }));
    }

    fn count(&mut self, forum: Option<ForumId>, topics: i64, posts: i64) {
        if let Some(forum) = forum {
            let counts = self.counts.entry(forum).or_default();
            counts.0 += topics;
            counts.1 += posts;
        }
    }
}

#[async_trait]
impl journal::Writes for Write {
    async fn apply(conn: &mut PgConnection, batch: Vec<Self>) -> Result<(), Error> {
        let mut rows = Rows::default();
        let mut persons: HashMap<PersonId, PersonCopy> = HashMap::new();
        for write in &batch {
            match write {
                Self::Forum(portal, forum, at) => rows.forums.push((portal, forum, *at)),
                Self::Topic(write) => rows.add(write),
                Self::Person(copy) => {
                    persons.insert(copy.byline.id, copy.clone());
                }
            }
        }
        if !persons.is_empty() {
            person::upsert(conn, &persons.into_values().collect::<Vec<_>>()).await?;
        }
        rows::insert_forums(conn, &rows.forums).await?;
        text::upsert(conn, &rows.texts).await?;
        rows::update_states(conn, &rows.states).await?;
        rows::insert_posts(conn, &rows.posts).await?;
        attach::insert(conn, &rows.files).await?;
        attach::delete(conn, &rows.removed_files).await?;
        people::write(conn, people::Table::Vote, &rows.votes).await?;
        people::write(conn, people::Table::Follow, &rows.follows).await?;
        rows::delete_reports(conn, &rows.dismissed).await?;
        rows::upsert_reports(conn, &rows.reports).await?;
        rows::insert_copies(conn, &rows.copies).await?;
        rows::add_counts(conn, &rows.counts).await?;
        rows::empty_deleted(conn, &rows.deleted).await
    }
}
