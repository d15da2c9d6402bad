//! What readers are shown.

use time::OffsetDateTime;

use super::attachment::Attachment;
use super::forum::{Audience, Forum, ForumRef};
use super::ids::{PersonId, PostId, ReportId, TopicId};
use super::person::{Actor, Reader};
use super::topic::{Stage, TopicType};

/// What somebody may be in a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An end user.
    Customer,
    /// Answers.
    Agent,
    /// Also runs the portal.
    Admin,
}

/// A person under a text. The name is empty when the person was erased or is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Byline {
    /// Who.
    pub id: PersonId,
    /// As others see it.
    pub name: String,
    /// As others see it.
    pub role: Role,
}

/// A topic as one reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// What a list shows too.
    pub head: TopicHead,
    /// Markdown.
    pub body: String,
    /// Files of the topic's own text.
    pub attachments: Vec<Attachment>,
    /// Who gets a copy of a draft.
    pub notify: Vec<String>,
    /// Whether somebody other than the writer has posted.
    pub has_replies: bool,
    /// The reason, while it is locked.
    pub lock_reason: Option<String>,
    /// The last change of what it says.
    pub edited_at: OffsetDateTime,
    /// `None` in a draft.
    pub published_at: Option<OffsetDateTime>,
    /// Whether this reader has voted.
    pub voted: bool,
    /// Whether this reader gets bells.
    pub following: bool,
}

/// A topic in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicHead {
    /// Names it.
    pub id: TopicId,
    /// Where it stands.
    pub stage: Stage,
    /// What it is.
    pub kind: TopicType,
    /// One line.
    pub title: String,
    /// The beginning of the Markdown, enough to make an excerpt of.
    pub beginning: String,
    /// `None` only in a draft.
    pub forum: Option<ForumRef>,
    /// Normalised.
    pub tags: Vec<String>,
    /// Who wrote it.
    pub author: Byline,
    /// How many voted.
    pub votes: i64,
    /// How many posts.
    pub posts: i64,
    /// How often it was opened; a few seconds behind.
    pub views: i64,
    /// The answer.
    pub accepted: Option<PostId>,
    /// Whether customers may no longer write.
    pub locked: bool,
    /// When it was begun.
    pub created_at: OffsetDateTime,
    /// Publishing, or the newest post or accepted answer; the last save of a draft.
    pub last_activity_at: OffsetDateTime,
    /// The journal's version.
    pub version: i64,
}

impl TopicHead {
    /// Whether it exists for this reader: the rule of [`super::topic::Topic::is_visible_to`].
    pub fn is_visible_to(&self, reader: &Reader) -> bool {
        match self.stage {
            Stage::Draft => reader.person() == Some(self.author.id),
            Stage::Published => self.forum.as_ref().is_some_and(|forum| reader.may_read(forum.audience)),
            Stage::Deleted => false,
        }
    }
}

/// What a reader may do with a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub struct Rights {
    /// Change what it says.
    pub edit: bool,
    /// Delete it.
    pub delete: bool,
    /// Answer and vote.
    pub post: bool,
    /// Mark the answer.
    pub accept: bool,
    /// Lock, move, see reports.
    pub moderate: bool,
}

impl TopicView {
    /// What this reader may do: the same rules as the decisions, told before they are asked for.
    pub fn rights(&self, reader: &Reader) -> Rights {
        let Reader::Person(Actor { id, staff }) = *reader else { return Rights::default() };
        let writer = self.head.author.id == id;
        if self.head.stage == Stage::Draft {
            return Rights { edit: writer, delete: writer, ..Rights::default() };
        }
        let open = !self.head.locked || staff;
        Rights {
            edit: (staff || writer) && open,
            delete: staff || (writer && open && !self.has_replies),
            post: open,
            accept: (staff || writer) && open && self.head.kind.is_answerable(),
            moderate: staff,
        }
    }
}

/// A post in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostView {
    /// Names it.
    pub id: PostId,
    /// Its topic.
    pub topic: TopicId,
    /// 1, 2, 3, … in the topic.
    pub number: i64,
    /// Who wrote it.
    pub author: Byline,
    /// Markdown.
    pub body: String,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// Whether it is the answer.
    pub accepted: bool,
    /// When it was added.
    pub created_at: OffsetDateTime,
}

/// The newest activity of a forum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestTopic {
    /// Names it.
    pub id: TopicId,
    /// One line.
    pub title: String,
    /// When.
    pub last_activity_at: OffsetDateTime,
}

/// A forum with its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForumView {
    /// The forum.
    pub forum: Forum,
    /// Published topics, sub-forums that are shown included.
    pub topics: i64,
    /// Posts in them.
    pub posts: i64,
    /// The newest activity.
    pub latest: Option<LatestTopic>,
    /// Sub-forums.
    pub children: Vec<ForumView>,
    /// The journal's version.
    pub version: i64,
}

/// Puts sub-forums under their forums, adds their counts, and leaves out what the reader may not see.
/// `flat` is in the portal's order; a sub-forum is never open to more people than the forum above it.
pub fn forum_tree(flat: Vec<ForumView>, reader: &Reader) -> Vec<ForumView> {
    let readable = flat.into_iter().filter(|view| reader.may_read(view.forum.audience));
    let (mut roots, subs): (Vec<ForumView>, Vec<ForumView>) = readable.partition(|view| view.forum.parent.is_none());
    for sub in subs {
        let Some(root) = roots.iter_mut().find(|root| Some(root.forum.id) == sub.forum.parent) else { continue };
        root.topics += sub.topics;
        root.posts += sub.posts;
        if newer(sub.latest.as_ref(), root.latest.as_ref()) {
            root.latest.clone_from(&sub.latest);
        }
        root.children.push(sub);
    }
    roots
}

fn newer(one: Option<&LatestTopic>, other: Option<&LatestTopic>) -> bool {
    one.is_some_and(|one| other.is_none_or(|other| one.last_activity_at > other.last_activity_at))
}

/// One person's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportView {
    /// Names it.
    pub id: ReportId,
    /// About what.
    pub topic: TopicHead,
    /// Who.
    pub reporter: Byline,
    /// Why.
    pub reason: String,
    /// When.
    pub at: OffsetDateTime,
}

/// A topic as the search index takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchableTopic {
    /// What a list shows too.
    pub head: TopicHead,
    /// Markdown.
    pub body: String,
    /// Markdown of the accepted answer.
    pub answer: Option<String>,
    /// Whose eyes it is for.
    pub audience: Audience,
}

#[cfg(test)]
mod tests {
    use portico_chassis::uuid::Uuid;

    use super::*;
    use crate::domain::ids::ForumId;

    fn view(n: u128, parent: Option<u128>, audience: Audience, topics: i64, at: i64) -> ForumView {
        let id = ForumId::new(Uuid::from_u128(n));
        let parent = parent.map(|n| ForumId::new(Uuid::from_u128(n)));
        let forum = Forum { id, slug: format!("f{n}"), name: format!("F{n}"), description: String::new(), parent, audience };
        let last_activity_at = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(at);
        let latest = (topics > 0).then(|| LatestTopic { id: TopicId::new(Uuid::from_u128(n)), title: format!("T{n}"), last_activity_at });
        ForumView { forum, topics, posts: topics * 2, latest, children: Vec::new(), version: 1 }
    }

    #[test]
    fn counts_and_latest_cover_the_sub_forums_that_the_reader_sees_and_no_others_cm_1() {
        let flat = vec![
            view(1, None, Audience::Public, 1, 10),
            view(2, Some(1), Audience::Public, 2, 20),
            view(3, Some(1), Audience::Agents, 4, 30),
        ];
        let guest = forum_tree(flat.clone(), &Reader::Guest);
        assert_eq!((guest.len(), guest[0].topics, guest[0].posts, guest[0].children.len()), (1, 3, 6, 1));
        assert_eq!(guest[0].latest.as_ref().unwrap().title, "T2");
        let staff = Reader::Person(Actor { id: PersonId::new(Uuid::nil()), staff: true });
        let tree = forum_tree(flat, &staff);
        assert_eq!((tree[0].topics, tree[0].latest.as_ref().unwrap().title.as_str()), (7, "T3"));
    }

    #[test]
    fn a_closed_forum_is_not_there_with_its_sub_forums() {
        let flat = vec![view(1, None, Audience::Agents, 1, 10), view(2, Some(1), Audience::Agents, 2, 20)];
        assert!(forum_tree(flat, &Reader::Guest).is_empty());
    }
}
