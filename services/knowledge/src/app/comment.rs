//! Use cases of comments.

use portico_chassis::error::Error;
use portico_chassis::journal::{Entry, Outcome, RequestKey};
use portico_chassis::page::{self, Wanted};
use uuid::Uuid;

use super::article::Page;
use super::asker::{Asker, byline, copy};
use super::{Inner, encode, refused, settled};
use crate::domain::comment::{Comment, check_comment};
use crate::domain::ids::CommentId;
use crate::store;
use crate::store::writes::Write;

/// Times that a comment is tried while its article changes.
const TRIES: usize = 8;

impl Inner {
    /// A page of an article's comments, and how many there are in all.
    ///
    /// # Errors
    /// `NOT_FOUND` when the asker may not read the article.
    pub async fn comments(&self, asker: &Asker, name: &str, wanted: Wanted<'_>) -> Result<(Page<Comment>, i32), Error> {
        let size = page::size(wanted.size)?;
        let view = self.readable(asker, name).await?;
        let article = view.article.id;
        let id = article.to_string();
        let scope = [asker.portal.as_str(), asker.name.as_str(), "ListArticleComments", id.as_str(), wanted.first.name()];
        let after = self.pager.cursor::<Uuid>(&scope, wanted.token)?;
        let mut conn = self.read(asker).await?;
        let mut items = store::comment::page(&mut conn, &asker.portal, article, wanted.first, after, size + 1).await?;
        let more = i64::try_from(items.len()).is_ok_and(|found| found > size);
        items.truncate(usize::try_from(size).unwrap_or_default());
        let next_page_token = match items.last().filter(|_| more) {
            None => String::new(),
            Some(last) => self.pager.token(&scope, &last.id.uuid())?,
        };
        Ok((Page { items, next_page_token }, view.comment_count))
    }

    /// Adds a comment of a signed-in person who may read the article (KB-7).
    ///
    /// # Errors
    /// `Unauthenticated` for guests, `NOT_FOUND`, wrong fields.
    pub async fn add_comment(&self, asker: &Asker, key: RequestKey, name: &str, body: &str) -> Result<Comment, Error> {
        let person = asker.person()?;
        if let Some(answered) = self.answered(asker, &key).await? {
            return Ok(answered);
        }
        let problems = check_comment(body);
        for _ in 0..TRIES {
            // The article must still be there, and readable, when the comment commits: hence its version is expected.
            let article = self.readable(asker, name).await?.article;
            if !problems.is_empty() {
                return Err(refused(problems));
            }
            let now = self.now();
            let comment = Comment {
                id: CommentId::new(self.random.uuid(now)),
                article: article.id,
                author: byline(person),
                body: body.to_owned(),
                created_at: now,
            };
            let entry = Entry::new(asker.portal.clone(), asker.name.clone(), now)
                .request(Some(key.clone()))
                .expect(store::events::COMMENT, comment.id, 0)
                .expect(store::events::ARTICLE, article.id, article.version)
                .events([store::events::comment_added(self.random.uuid(now), &comment)])
                .write(Write::Person(copy(person)))
                .write(Write::Comment(asker.portal.clone(), comment.clone()))
                .answer(encode(&comment)?);
            let outcome = self.journal.append_one(entry, asker.deadline).await?;
            if outcome != Outcome::VersionConflict {
                return settled(outcome);
            }
        }
        Err(Error::version_conflict())
    }

    /// Removes a comment: its writer, or an agent.
    ///
    /// # Errors
    /// `NOT_FOUND` also for those who may not.
    pub async fn delete_comment(&self, asker: &Asker, key: RequestKey, id: CommentId) -> Result<(), Error> {
        let person = asker.person()?;
        if self.answered::<()>(asker, &key).await?.is_some() {
            return Ok(());
        }
        let mut conn = self.read(asker).await?;
        let comment = store::comment::find(&mut conn, &asker.portal, id).await?.ok_or(Error::NOT_FOUND)?;
        drop(conn);
        self.readable(asker, &comment.article.to_string()).await?;
        if !(person.is_staff() || comment.author.id.uuid() == person.id) {
            return Err(Error::NOT_FOUND);
        }
        let now = self.now();
        let entry = Entry::new(asker.portal.clone(), asker.name.clone(), now)
            .request(Some(key))
            .expect(store::events::COMMENT, comment.id, 1)
            .events([store::events::comment_deleted(self.random.uuid(now), &comment)])
            .write(Write::DeleteComment(comment))
            .answer(encode(&())?);
        match self.journal.append_one(entry, asker.deadline).await? {
            // Somebody else removed it at the same time.
            Outcome::VersionConflict => Err(Error::NOT_FOUND),
            outcome => settled(outcome),
        }
    }
}
