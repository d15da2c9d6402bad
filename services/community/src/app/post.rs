//! Posts: lists, answering, accepting.

use portico_chassis::error::Error;
use portico_chassis::journal::RequestKey;
use portico_chassis::page::First;

use super::Community;
use super::asker::Asker;
use super::entity::Render;
use super::topic::PlainCommand;
use crate::domain::ids::{PostId, TopicId};
use crate::domain::listing::{Page, Position};
use crate::domain::post::NewPost;
use crate::domain::refusal::Problem;
use crate::domain::topic::Command;
use crate::domain::view::PostView;
use crate::store;
use crate::store::pace::Written;

/// A post that somebody wants to add.
#[derive(Clone, Debug)]
pub struct PostWish {
    /// Under which topic.
    pub topic: TopicId,
    /// Markdown, bounded.
    pub body: String,
    /// Upload tickets.
    pub uploads: Vec<String>,
    /// What was wrong with the request before it came here.
    pub problems: Vec<Problem>,
}

impl Community {
    /// Posts of a topic that the asker may read.
    pub async fn posts(
        &self,
        asker: &Asker,
        topic: TopicId,
        first: First,
        after: Option<Position>,
        limit: i64,
    ) -> Result<Page<PostView>, Error> {
        let mut conn = self.enter(asker).await?;
        let head = self.visible_head(&mut conn, asker, topic).await?;
        let after = after.map(|after| after.key);
        let items = store::post::page(&mut conn, &asker.portal, topic, first, after, limit).await?;
        // A page may be short because of its texts, so the last number says whether there is more.
        let last = items.last().filter(|post| match first {
            First::Oldest => post.number < head.posts,
            First::Newest => post.number > 1,
        });
        let next = last.map(|post| Position { key: post.number, id: post.id.uuid() });
        Ok(Page { items, next })
    }

    /// The accepted post of a topic that the asker may read.
    pub async fn accepted_post(&self, asker: &Asker, topic: TopicId) -> Result<Option<PostView>, Error> {
        let mut conn = self.enter(asker).await?;
        let head = self.visible_head(&mut conn, asker, topic).await?;
        match head.accepted {
            Some(post) => store::post::one(&mut conn, &asker.portal, topic, post).await,
            None => Ok(None),
        }
    }

    /// Answers a topic.
    pub async fn add_post(&self, asker: &Asker, request: RequestKey, wish: PostWish, render: Render) -> Result<Vec<u8>, Error> {
        let writer = asker.writer()?;
        let mut conn = self.enter(asker).await?;
        if let Some(answer) = self.answered(&mut conn, asker, &request).await? {
            return Ok(answer);
        }
        if !wish.uploads.is_empty() {
            // Nothing is copied for a topic that is not there for this writer.
            self.visible_head(&mut conn, asker, wish.topic).await?;
        }
        let now = self.clock.now();
        self.keep_pace(&mut conn, asker, writer.actor.id, Written::Posts, now).await?;
        drop(conn);
        let (attachments, claimed) =
            if wish.problems.is_empty() { self.claim(asker, &wish.uploads, now).await? } else { Default::default() };
        let id = PostId::new(self.random.uuid(now));
        let command = Command::AddPost(NewPost { id, body: wish.body, attachments });
        let plain = PlainCommand { id: wish.topic, etag: None, request, problems: wish.problems, command, render };
        let answer = self.ask(asker, writer, plain, claimed.claims()).await?;
        self.blobs.settle(&claimed).await;
        Ok(answer)
    }

    /// Marks a post as the answer, or takes the mark back.
    pub async fn accept(
        &self,
        asker: &Asker,
        request: RequestKey,
        topic: TopicId,
        post: Option<&str>,
        render: Render,
    ) -> Result<Vec<u8>, Error> {
        let writer = asker.writer()?;
        let mut conn = self.enter(asker).await?;
        let mut problems = Vec::new();
        let accepted = match post {
            None => None,
            Some(id) => {
                let found = match id.parse::<PostId>() {
                    Ok(id) => store::post::to_accept(&mut conn, &asker.portal, topic, id).await?,
                    Err(_) => None,
                };
                if found.is_none() {
                    problems.push(Problem::new("post", "unknown", "This topic has no such post."));
                }
                found
            }
        };
        drop(conn);
        let plain = PlainCommand { id: topic, etag: None, request, problems, command: Command::Accept(accepted), render };
        self.ask(asker, writer, plain, Vec::new()).await
    }
}
