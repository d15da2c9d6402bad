//! The rows that a journal entry writes: of a batch, each table once.

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::Writes;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::search_doc::DocWrite;
use super::{announcement, article, attachment, comment, feedback, person, search_doc, views};
use crate::domain::announcement::Announcement;
use crate::domain::article::Article;
use crate::domain::attachment::Attachment;
use crate::domain::comment::Comment;
use crate::domain::ids::{AnnouncementId, ArticleId, AttachmentId, PersonId};

/// One row, or what belongs together.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new or changed article.
    Article(PortalId, Box<Article>),
    /// An article with its comments, feedback and files.
    DeleteArticle(ArticleId),
    /// How often a new article was read elsewhere.
    Views(ArticleId, i64),
    /// A file of an article.
    File(PortalId, ArticleId, Attachment),
    /// A file that is taken away.
    DeleteFile(AttachmentId),
    /// A new comment.
    Comment(PortalId, Comment),
    /// A comment that is taken away, with its article.
    DeleteComment(Comment),
    /// Whether an article helped.
    Feedback(feedback::Vote),
    /// A new or changed announcement.
    Announcement(PortalId, Box<Announcement>),
    /// An announcement with its dismissals.
    DeleteAnnouncement(AnnouncementId),
    /// Somebody has put an announcement away.
    Dismiss(PortalId, AnnouncementId, PersonId, OffsetDateTime),
    /// What can be found.
    Search(Box<DocWrite>),
    /// A person's facts as the caller's token has them.
    Person(person::PersonCopy),
}

#[async_trait]
impl Writes for Write {
    async fn apply(conn: &mut PgConnection, batch: Vec<Self>) -> Result<(), Error> {
        let mut sorted = Sorted::default();
        for write in batch {
            sorted.take(write);
        }
        article::upsert(conn, &sorted.articles).await?;
        views::count(conn, &sorted.views).await?;
        attachment::insert(conn, &sorted.files).await?;
        attachment::delete(conn, &sorted.gone_files).await?;
        comment::insert(conn, &sorted.comments).await?;
        comment::delete(conn, &sorted.gone_comments).await?;
        feedback::upsert(conn, &sorted.votes).await?;
        article::delete(conn, &sorted.gone_articles).await?;
        announcement::upsert(conn, &sorted.announcements).await?;
        announcement::dismiss(conn, &sorted.dismissals).await?;
        announcement::delete(conn, &sorted.gone_announcements).await?;
        person::upsert(conn, &sorted.people).await?;
        search_doc::write(conn, &sorted.documents).await
    }
}

#[derive(Default)]
struct Sorted {
    articles: Vec<(PortalId, Article)>,
    gone_articles: Vec<ArticleId>,
    views: Vec<(ArticleId, i64)>,
    files: Vec<(PortalId, ArticleId, Attachment)>,
    gone_files: Vec<AttachmentId>,
    comments: Vec<(PortalId, Comment)>,
    gone_comments: Vec<Comment>,
    votes: Vec<feedback::Vote>,
    announcements: Vec<(PortalId, Announcement)>,
    gone_announcements: Vec<AnnouncementId>,
    dismissals: Vec<(PortalId, AnnouncementId, PersonId, OffsetDateTime)>,
    people: Vec<person::PersonCopy>,
    documents: Vec<DocWrite>,
}

impl Sorted {
    /// Of several writes to one row of a batch the last counts: one statement can't write a row twice.
    fn take(&mut self, write: Write) {
        match write {
            Write::Article(portal, article) => {
                self.articles.retain(|(_, known)| known.id != article.id);
                self.articles.push((portal, *article));
            }
            Write::Views(article, views) => self.views.push((article, views)),
            Write::DeleteArticle(id) => self.gone_articles.push(id),
            Write::File(portal, article, file) => self.files.push((portal, article, file)),
            Write::DeleteFile(id) => self.gone_files.push(id),
            Write::Comment(portal, comment) => self.comments.push((portal, comment)),
            Write::DeleteComment(comment) => self.gone_comments.push(comment),
            Write::Feedback(vote) => {
                self.votes.retain(|known| (known.article, &known.voter) != (vote.article, &vote.voter));
                self.votes.push(vote);
            }
            Write::Announcement(portal, announcement) => {
                self.announcements.retain(|(_, known)| known.id != announcement.id);
                self.announcements.push((portal, *announcement));
            }
            Write::DeleteAnnouncement(id) => self.gone_announcements.push(id),
            Write::Dismiss(portal, announcement, person, at) => {
                self.dismissals.retain(|(_, known, who, _)| (*known, *who) != (announcement, person));
                self.dismissals.push((portal, announcement, person, at));
            }
            Write::Search(document) => {
                self.documents.retain(|known| (&known.portal, known.id) != (&document.portal, document.id));
                self.documents.push(*document);
            }
            Write::Person(copy) => {
                self.people.retain(|known| known.id != copy.id);
                self.people.push(copy);
            }
        }
    }
}
