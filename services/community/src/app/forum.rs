//! Forums: the tree, and making one.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::journal::{Claim, Entry, Outcome, Replay, RequestKey, replay};

use super::Community;
use super::asker::Asker;
use crate::domain::forum::{self, Forum, ForumRef, NewForum};
use crate::domain::ids::ForumId;
use crate::domain::person::Reader;
use crate::domain::refusal::{Problem, Refusal};
use crate::domain::view::{ForumView, forum_tree};
use crate::store;
use crate::store::writes::Write;

/// What an agent asks for, as it was written; the ids are already understood.
#[derive(Clone, Debug)]
pub struct ForumWish {
    /// One line.
    pub name: String,
    /// Plain text.
    pub description: String,
    /// A forum's id or slug; empty on the first level.
    pub parent: String,
    /// `None`: the parent's, or public.
    pub audience: Option<forum::Audience>,
    /// What was wrong with the request before it came here.
    pub problems: Vec<Problem>,
}

/// The space of claims that keeps two siblings from having one name.
const NAMES: &str = "forum_name";
/// The space of claims that keeps two forums from having one slug.
const SLUGS: &str = "forum_slug";

/// Finds a forum by id or slug among those that the reader may see.
pub fn find<'f>(forums: &'f [Forum], key: &str, reader: &Reader) -> Option<&'f Forum> {
    forums.iter().filter(|forum| reader.may_read(forum.audience)).find(|forum| forum.slug == key || forum.id.to_string() == key)
}

impl Community {
    /// The tree that the asker may read.
    pub async fn forums(&self, asker: &Asker) -> Result<Vec<ForumView>, Error> {
        let mut conn = self.enter(asker).await?;
        let flat = store::forum::with_counts(&mut conn, &asker.portal).await?;
        Ok(forum_tree(flat, &asker.reader))
    }

    /// Makes a forum; the answer is `render`'s.
    pub async fn create_forum(
        &self,
        asker: &Asker,
        request: RequestKey,
        wish: ForumWish,
        render: fn(&ForumView) -> Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        // Two agents may wish for one slug at once: the loser looks again and takes the next free one.
        for _ in 0..4 {
            let mut conn = self.enter(asker).await?;
            if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &request).await? {
                return Ok(answer);
            }
            let existing = store::forum::all(&mut conn, &asker.portal).await?;
            drop(conn);
            let made = self.make_forum(asker, &wish, &existing)?;
            match self.append_forum(asker, request.clone(), made, render).await? {
                Outcome::Committed(committed) => return Ok(committed.answer),
                Outcome::Replayed(answer) => return Ok(answer),
                Outcome::KeyReused => return Err(Error::KeyReused),
                Outcome::ClaimTaken { space: NAMES } => return Err(Refusal::NameTaken.into()),
                Outcome::ClaimTaken { .. } | Outcome::VersionConflict => {}
            }
        }
        Err(Error::Unavailable("many forums are being made at once"))
    }

    fn make_forum(&self, asker: &Asker, wish: &ForumWish, existing: &[Forum]) -> Result<Forum, Error> {
        let mut problems = wish.problems.clone();
        let parent = match wish.parent.as_str() {
            "" => None,
            key => {
                let found = find(existing, key, &asker.reader).map(|forum| forum.id);
                if found.is_none() {
                    problems.push(Problem::new("parent", "unknown", "There is no such forum."));
                }
                found
            }
        };
        let id = ForumId::new(self.random.uuid(self.clock.now()));
        let new = NewForum { id, name: wish.name.clone(), description: wish.description.clone(), parent, audience: wish.audience };
        match forum::create(new, existing) {
            Err(Refusal::Fields(more)) => {
                let new = more.into_iter().filter(|more| problems.iter().all(|known| known.field != more.field));
                Err(Refusal::Fields(problems.iter().cloned().chain(new).collect()).into())
            }
            Err(other) => Err(other.into()),
            Ok(_) if !problems.is_empty() => Err(Refusal::Fields(problems).into()),
            Ok(forum) => Ok(forum),
        }
    }

    async fn append_forum(
        &self,
        asker: &Asker,
        request: RequestKey,
        forum: Forum,
        render: fn(&ForumView) -> Vec<u8>,
    ) -> Result<Outcome, Error> {
        let now = self.clock.now();
        let event = store::events::forum_created(self.random.uuid(now), &forum);
        let view = ForumView { forum: forum.clone(), topics: 0, posts: 0, latest: None, children: Vec::new(), version: 1 };
        let siblings = forum.parent.map(|parent| parent.to_string()).unwrap_or_default();
        let name = format!("{siblings}/{}", forum::name_key(&forum.name));
        let entry = Entry::new(asker.portal.clone(), asker.name.clone(), now)
            .request(Some(request))
            .expect(store::events::FORUM, forum.id, 0)
            .claim(Claim::Take { space: NAMES, key: name, owner: forum.id.uuid() })
            .claim(Claim::Take { space: SLUGS, key: forum.slug.clone(), owner: forum.id.uuid() })
            .events([event])
            .answer(render(&view))
            .write(Write::Forum(asker.portal.clone(), forum, now));
        self.journal.append_one(entry, asker.deadline).await
    }
}

/// The forum that a writer names, if it is there for the asker.
pub(super) async fn named(conn: &mut PortalConn, asker: &Asker, key: &str) -> Result<Option<ForumRef>, Error> {
    let forums = store::forum::all(conn, &asker.portal).await?;
    Ok(find(&forums, key, &asker.reader).map(Forum::reference))
}

/// A forum and its sub-forums that the asker may read, by id or slug.
pub(super) async fn with_sub_forums(conn: &mut PortalConn, asker: &Asker, key: &str) -> Result<Vec<ForumId>, Error> {
    let forums = store::forum::all(conn, &asker.portal).await?;
    let root = find(&forums, key, &asker.reader).ok_or(Error::NOT_FOUND)?.id;
    let below = forums.iter().filter(|forum| forum.parent == Some(root) && asker.reader.may_read(forum.audience));
    Ok(std::iter::once(root).chain(below.map(|forum| forum.id)).collect())
}
