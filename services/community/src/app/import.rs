//! Topics that come from elsewhere, with their dates. Nobody gets a bell or a mail for them.

use std::collections::{BTreeMap, BTreeSet};

use portico_chassis::blobs::Claimed;
use portico_chassis::error::Error;
use portico_chassis::journal::RequestKey;
use time::OffsetDateTime;

use super::Community;
use super::asker::{Asker, Writer};
use super::clients::PersonFacts;
use super::entity::Render;
use crate::domain::forum::Forum;
use crate::domain::ids::{PersonId, PostId, TopicId};
use crate::domain::person::Actor;
use crate::domain::post::Post;
use crate::domain::refusal::{Problem, Refusal};
use crate::domain::text;
use crate::domain::topic::{Content, Event, TopicType};
use crate::store;
use crate::store::writes::Write;

/// A topic as it was elsewhere. Texts are bounded, tags normalised.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What it is.
    pub kind: TopicType,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// A forum's id or slug.
    pub forum: String,
    /// Normalised.
    pub tags: Vec<String>,
    /// Who wrote it.
    pub author: PersonId,
    /// When.
    pub created_at: OffsetDateTime,
    /// Oldest first.
    pub posts: Vec<ImportedPost>,
    /// Who has voted.
    pub voters: BTreeSet<PersonId>,
    /// How often it was opened.
    pub views: i64,
    /// What was wrong with the request before it came here.
    pub problems: Vec<Problem>,
}

/// A post as it was elsewhere.
#[derive(Clone, Debug)]
pub struct ImportedPost {
    /// Who wrote it.
    pub author: PersonId,
    /// Markdown.
    pub body: String,
    /// When.
    pub created_at: OffsetDateTime,
    /// Whether it is the answer.
    pub accepted: bool,
}

impl Community {
    /// Writes a topic as it was elsewhere. The asker is the operator.
    pub async fn import_topic(&self, asker: &Asker, request: RequestKey, imported: Imported, render: Render) -> Result<Vec<u8>, Error> {
        let mut conn = self.enter(asker).await?;
        if let Some(answer) = self.answered(&mut conn, asker, &request).await? {
            return Ok(answer);
        }
        let forums = store::forum::all(&mut conn, &asker.portal).await?;
        drop(conn);
        let forum = forums.iter().find(|known| known.slug == imported.forum || known.id.to_string() == imported.forum);
        let people = self.people_of(asker, &imported).await?;
        let problems = check(&imported, forum.is_some(), &people);
        let author = people.get(&imported.author);
        let (Some(author), true) = (author, problems.is_empty()) else { return Err(Refusal::Fields(problems).into()) };
        let content = Content {
            kind: imported.kind,
            title: imported.title.clone(),
            body: imported.body.clone(),
            forum: forum.map(Forum::reference),
            tags: imported.tags.clone(),
        };
        let id = TopicId::new(self.random.uuid(imported.created_at));
        let writer = Writer { actor: Actor { id: imported.author, staff: false }, person: author.copy(&asker.portal) };
        let events = self.history(id, content, &imported);
        let (_, mut entry) = self.topics.aggregate().entry(&asker.portal, None, &writer, events, render)?;
        for person in people.values() {
            entry = entry.write(Write::Person(person.copy(&asker.portal)));
        }
        let entry = entry.request(Some(request)).expect(store::events::TOPIC, id, 0);
        let answer = self.append_new(asker, entry, Claimed::default()).await?;
        if imported.views > 0 {
            store::view_count::add(self.db.system(), &[(id, imported.views)]).await?;
        }
        Ok(answer)
    }

    async fn people_of(&self, asker: &Asker, imported: &Imported) -> Result<BTreeMap<PersonId, PersonFacts>, Error> {
        let mut ids = imported.voters.clone();
        ids.insert(imported.author);
        ids.extend(imported.posts.iter().map(|post| post.author));
        let ids: Vec<PersonId> = ids.into_iter().collect();
        let mut people = BTreeMap::new();
        for some in ids.chunks(500) {
            let found = self.identity.people(&asker.portal, some, asker.deadline).await?;
            people.extend(found.into_iter().map(|facts| (facts.byline.id, facts)));
        }
        Ok(people)
    }

    /// What happened to the topic, each event at its time.
    fn history(&self, id: TopicId, content: Content, imported: &Imported) -> Vec<(Event, OffsetDateTime)> {
        let begun = imported.created_at;
        let mut events = vec![
            (Event::Begun { id, author: imported.author, content, attachments: Vec::new(), notify: Vec::new() }, begun),
            (Event::Published { copies: Vec::new() }, begun),
            (Event::Followed { person: imported.author, on: true }, begun),
        ];
        events.extend(imported.voters.iter().map(|person| (Event::Voted { person: *person, on: true }, begun)));
        for (number, imported) in (1..).zip(&imported.posts) {
            let at = imported.created_at;
            let id = PostId::new(self.random.uuid(at));
            let post = Post { id, number, author: imported.author, body: imported.body.clone(), attachments: Vec::new(), created_at: at };
            events.push((Event::PostAdded(post), at));
            if imported.accepted {
                events.push((Event::Accepted(Some(id)), at));
            }
        }
        events
    }
}

fn check(imported: &Imported, has_forum: bool, people: &BTreeMap<PersonId, PersonFacts>) -> Vec<Problem> {
    let mut problems = imported.problems.clone();
    let mut push = |wrong: bool, field: &'static str, code: &'static str, message: &str| {
        if wrong {
            problems.push(Problem::new(field, code, message));
        }
    };
    push(text::is_blank(&imported.title), "title", "required", "Enter a title.");
    push(text::is_blank(&imported.body), "body", "required", "Write something.");
    push(!has_forum, "forum", "unknown", "Choose a forum.");
    push(!people.contains_key(&imported.author), "author_id", "unknown", "There is no such person.");
    let strangers = imported.posts.iter().any(|post| !people.contains_key(&post.author));
    push(strangers, "posts", "unknown", "A post is by a person who is not there.");
    push(imported.voters.iter().any(|voter| !people.contains_key(voter)), "voter_ids", "unknown", "A voter is not there.");
    let accepted = imported.posts.iter().filter(|post| post.accepted).count();
    push(
        accepted > usize::from(imported.kind.is_answerable()),
        "posts",
        "not_answerable",
        "One post at most is the answer, to a question or problem.",
    );
    let times = std::iter::once(imported.created_at).chain(imported.posts.iter().map(|post| post.created_at));
    push(!times.is_sorted(), "posts", "out_of_order", "Posts are listed oldest first, after the topic.");
    problems
}
