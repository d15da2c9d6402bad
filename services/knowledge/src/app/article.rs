//! Use cases of articles.

use portico_chassis::entity::Asked;
use portico_chassis::error::Error;
use portico_chassis::ids::parse_uuid;
use portico_chassis::journal::{Claim, Entry, Outcome, RequestKey};
use portico_chassis::page;
use time::OffsetDateTime;
use uuid::Uuid;

use super::article_entity::{ArticleCommand, with_rows};
use super::asker::Asker;
use super::{Inner, decode, encode, refused, settled};
use crate::domain::article::{Article, ArticleChange, ArticleKind, ArticleState, ArticleView};
use crate::domain::attachment::Attachment;
use crate::domain::audience::Audience;
use crate::domain::ids::{ArticleId, AttachmentId};
use crate::domain::text::{category_id, slug};
use crate::store;
use crate::store::article::Order;
use crate::store::writes::Write;

/// How a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Last changed first.
    Recent,
    /// Most viewed first.
    MostViewed,
}

/// What a list of articles wants.
#[derive(Debug, Clone)]
pub struct ListArticles {
    /// Rows; 0: the default.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// The order.
    pub sort: Sort,
    /// Only of this kind.
    pub kind: Option<ArticleKind>,
    /// Only in this state; agents only.
    pub state: Option<ArticleState>,
    /// Only of this department.
    pub department: String,
    /// Only of this category, by name or id.
    pub category: String,
    /// Only with this tag.
    pub tag: String,
}

impl ListArticles {
    /// What a page token is bound to.
    fn scope(&self) -> String {
        let kind = self.kind.map_or("", ArticleKind::word);
        let state = self.state.map_or("", ArticleState::word);
        format!("{:?}|{kind}|{state}|{}|{}|{}", self.sort, self.department, self.category, self.tag)
    }
}

/// A page of something.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Empty on the last page.
    pub next_page_token: String,
}

impl Inner {
    /// A page of what the asker may read, bodies cut.
    ///
    /// # Errors
    /// When the page token or size is not valid.
    pub async fn list_articles(&self, asker: &Asker, list: &ListArticles) -> Result<Page<ArticleView>, Error> {
        let size = page::size(list.page_size)?;
        let filter = list.scope();
        let scope = [asker.portal.as_str(), asker.name.as_str(), "ListArticles", filter.as_str()];
        let order = match list.sort {
            Sort::Recent => Order::Recent(self.pager.cursor::<(OffsetDateTime, Uuid)>(&scope, &list.page_token)?),
            Sort::MostViewed => Order::MostViewed(self.pager.cursor::<(i64, Uuid)>(&scope, &list.page_token)?),
        };
        let wanted = store::article::Wanted {
            readers: asker.filter(),
            kind: list.kind,
            state: list.state.filter(|_| asker.viewer.is_staff()),
            department: list.department.clone(),
            category: category_id(&list.category),
            tag: list.tag.clone(),
            order,
            limit: size + 1,
        };
        let mut conn = self.read(asker).await?;
        let mut items = store::article::page(&mut conn, &asker.portal, &wanted).await?;
        let more = i64::try_from(items.len()).is_ok_and(|found| found > size);
        items.truncate(usize::try_from(size).unwrap_or_default());
        let next_page_token = match items.last().filter(|_| more) {
            None => String::new(),
            Some(last) => match list.sort {
                Sort::Recent => self.pager.token(&scope, &(last.article.updated_at, last.article.id.uuid()))?,
                Sort::MostViewed => self.pager.token(&scope, &(last.views, last.article.id.uuid()))?,
            },
        };
        Ok(Page { items, next_page_token })
    }

    /// One article that the asker may read, by slug or id; counts a view when it is one.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is absent or not for the asker.
    pub async fn article(&self, asker: &Asker, name: &str, count_view: bool) -> Result<ArticleView, Error> {
        let mut view = self.readable(asker, name).await?;
        if asker.viewer.is_staff() {
            let mut conn = self.read(asker).await?;
            (view.helpful, view.unhelpful) = store::feedback::count(&mut conn, &asker.portal, view.article.id).await?;
        }
        // What only agents see has no public to be popular with.
        if count_view && view.article.state == ArticleState::Published {
            self.views.count(view.article.id);
            view.views += 1;
        }
        Ok(view)
    }

    pub(super) async fn readable(&self, asker: &Asker, name: &str) -> Result<ArticleView, Error> {
        let mut conn = self.read(asker).await?;
        let id = match parse_uuid(name) {
            Ok(id) => ArticleId::new(id),
            Err(_) => store::article::by_slug(&mut conn, &asker.portal, name).await?.ok_or(Error::NOT_FOUND)?,
        };
        let view = store::article::load(&mut conn, &asker.portal, id).await?.ok_or(Error::NOT_FOUND)?;
        if view.article.is_readable(&asker.viewer) { Ok(view) } else { Err(Error::NOT_FOUND) }
    }

    /// Writes a new article.
    ///
    /// # Errors
    /// Wrong fields, all at once; uploads that can't be used.
    pub async fn create_article(
        &self,
        asker: &Asker,
        key: RequestKey,
        mut change: ArticleChange,
        uploads: &[String],
    ) -> Result<ArticleView, Error> {
        if let Some(answered) = self.answered(asker, &key).await? {
            return Ok(answered);
        }
        let now = self.now();
        let blank = self.blank(change.title.as_deref().unwrap_or_default(), now);
        blank.changed(change.clone(), now).map_err(refused)?;
        let (files, claimed) = self.claim(asker, uploads, now).await?;
        change.add_files = files;
        let (article, _) = blank.changed(change, now).map_err(refused)?;
        let view = self.append_new(asker, key, article, &claimed.claims()).await?;
        self.blobs.settle(&claimed).await;
        self.written();
        Ok(view)
    }

    /// An article without content; its slug comes from the title.
    pub(super) fn blank(&self, title: &str, now: OffsetDateTime) -> Article {
        Article {
            id: ArticleId::new(self.random.uuid(now)),
            slug: slug(title, "article"),
            source_id: None,
            title: String::new(),
            body: String::new(),
            kind: ArticleKind::Article,
            state: ArticleState::Draft,
            audience: Audience::Public,
            department: String::new(),
            category: String::new(),
            tags: Vec::new(),
            attachments: Vec::new(),
            version: 0,
            created_at: now,
            published_at: None,
            updated_at: now,
        }
    }

    /// Commits a new article; when its slug is taken, with a few letters of its id behind.
    async fn append_new(&self, asker: &Asker, key: RequestKey, mut article: Article, claims: &[Claim]) -> Result<ArticleView, Error> {
        let first = self.journal.append_one(self.creation(asker, &article, claims)?.request(Some(key.clone())), asker.deadline).await?;
        if first != (Outcome::ClaimTaken { space: "slug" }) {
            return settled(first);
        }
        article.slug = distinct(&article);
        let again = self.creation(asker, &article, claims)?.request(Some(key));
        settled(self.journal.append_one(again, asker.deadline).await?)
    }

    /// The entry that makes an article.
    pub(super) fn creation(&self, asker: &Asker, article: &Article, claims: &[Claim]) -> Result<Entry<Write>, Error> {
        let at = article.created_at;
        let view = ArticleView { article: article.clone(), views: 0, comment_count: 0, helpful: 0, unhelpful: 0 };
        let event = store::events::article_changed(self.random.uuid(at), article, &[], article.is_out());
        let mut entry = Entry::new(asker.portal.clone(), asker.name.clone(), at)
            .expect(store::events::ARTICLE, article.id, 0)
            .claim(Claim::Take { space: "slug", key: article.slug.clone(), owner: article.id.uuid() })
            .events([event])
            .answer(encode(&view)?);
        if let Some(source) = &article.source_id {
            entry = entry.claim(Claim::Take { space: "source", key: source.clone(), owner: article.id.uuid() });
        }
        for claim in claims {
            entry = entry.claim(claim.clone());
        }
        for file in &article.attachments {
            entry = entry.write(Write::File(asker.portal.clone(), article.id, file.clone()));
        }
        Ok(with_rows(entry, &asker.portal, article))
    }

    /// Changes an article.
    ///
    /// # Errors
    /// Wrong fields; `version_conflict` when `etag` is not the present version; `NOT_FOUND`.
    pub async fn update_article(
        &self,
        asker: &Asker,
        key: RequestKey,
        name: &str,
        etag: Option<i64>,
        mut change: ArticleChange,
        uploads: &[String],
    ) -> Result<ArticleView, Error> {
        if let Some(answered) = self.answered(asker, &key).await? {
            return Ok(answered);
        }
        let found = self.readable(asker, name).await?.article;
        let (files, claimed) = self.claim(asker, uploads, self.now()).await?;
        change.add_files = files;
        let command = ArticleCommand { etag, change: Some(change), claims: claimed.claims() };
        let answer = self.articles.ask(asked(asker, found.id, key), command, asker.deadline).await?;
        self.blobs.settle(&claimed).await;
        self.written();
        decode(&answer)
    }

    /// Removes an article.
    ///
    /// # Errors
    /// `version_conflict`, `NOT_FOUND`.
    pub async fn delete_article(&self, asker: &Asker, key: RequestKey, name: &str, etag: Option<i64>) -> Result<(), Error> {
        if self.answered::<()>(asker, &key).await?.is_some() {
            return Ok(());
        }
        let found = self.readable(asker, name).await?.article;
        let command = ArticleCommand { etag, change: None, claims: Vec::new() };
        self.articles.ask(asked(asker, found.id, key), command, asker.deadline).await?;
        self.written();
        Ok(())
    }

    /// The categories of what the asker may read: id, name, number of articles.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn categories(&self, asker: &Asker, kind: Option<ArticleKind>) -> Result<Vec<(String, String, i64)>, Error> {
        let mut conn = self.read(asker).await?;
        store::article::categories(&mut conn, &asker.portal, asker.filter().as_deref(), kind).await
    }

    /// Keeps whether an article helped; one voice a person, or a guest's source.
    ///
    /// # Errors
    /// `NOT_FOUND` when the asker may not read it.
    pub async fn feedback(&self, asker: &Asker, key: RequestKey, name: &str, helpful: bool) -> Result<(), Error> {
        if self.answered::<()>(asker, &key).await?.is_some() {
            return Ok(());
        }
        let article = self.readable(asker, name).await?.article.id;
        let voter = match (&asker.source, asker.person_id()) {
            (_, Some(person)) => person.to_string(),
            (Some(source), None) => format!("guest:{source}"),
            (None, None) => asker.name.clone(),
        };
        let now = self.now();
        let vote = store::feedback::Vote { portal: asker.portal.clone(), article, voter, helpful, at: now };
        let entry =
            Entry::new(asker.portal.clone(), asker.name.clone(), now).request(Some(key)).write(Write::Feedback(vote)).answer(encode(&())?);
        settled(self.journal.append_one(entry, asker.deadline).await?)
    }

    /// A file of an article that the asker may read now.
    ///
    /// # Errors
    /// `NOT_FOUND` for every other.
    pub async fn attachment(&self, asker: &Asker, id: AttachmentId) -> Result<(Attachment, String), Error> {
        let mut conn = self.read(asker).await?;
        let (article, file) = store::attachment::find(&mut conn, &asker.portal, id).await?.ok_or(Error::NOT_FOUND)?;
        drop(conn);
        self.readable(asker, &article.to_string()).await?;
        Ok((file, super::attachment::path(id)))
    }
}

/// The slug with the last letters of the id: two articles with one title have two addresses.
pub(super) fn distinct(article: &Article) -> String {
    let id = article.id.uuid().simple().to_string();
    format!("{}-{}", article.slug, &id[id.len() - 6..])
}

fn asked(asker: &Asker, id: ArticleId, key: RequestKey) -> Asked<ArticleId> {
    Asked { portal: asker.portal.clone(), id, actor: asker.name.clone(), request: Some(key) }
}
