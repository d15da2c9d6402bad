//! The actor of an article.

use async_trait::async_trait;
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::{Aggregate, Asked, Decision};
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::{Claim, Entry};
use time::OffsetDateTime;

use super::{Tools, encode, exact, refused, search_doc};
use crate::domain::article::{Article, ArticleChange, ArticleView};
use crate::domain::ids::ArticleId;
use crate::domain::search::document::SearchKind;
use crate::store;
use crate::store::search_doc::DocWrite;
use crate::store::writes::Write;

/// Loads articles and decides about them.
pub(super) struct ArticleAggregate(pub Tools);

/// A committed article.
#[derive(Clone)]
pub(super) struct ArticleEntity {
    pub view: ArticleView,
    /// Nothing more can be done with it.
    pub deleted: bool,
}

/// What may be asked of an article.
pub(super) struct ArticleCommand {
    /// The version that the caller read; `None`: whatever it is now.
    pub etag: Option<i64>,
    /// The change; `None` deletes.
    pub change: Option<ArticleChange>,
    /// The uploads that become files: each can be used once.
    pub claims: Vec<Claim>,
}

#[async_trait]
impl Aggregate for ArticleAggregate {
    type Id = ArticleId;
    type State = ArticleEntity;
    type Command = ArticleCommand;
    type Write = Write;
    const KIND: &'static str = store::events::ARTICLE;

    async fn load(&self, portal: &PortalId, id: ArticleId) -> Result<Option<ArticleEntity>, Error> {
        let mut conn = self.0.db.read(portal, Deadline::default()).await?;
        let view = store::article::load(&mut conn, portal, id).await?;
        Ok(view.map(|view| ArticleEntity { view, deleted: false }))
    }

    fn version(&self, state: &ArticleEntity) -> i64 {
        state.view.article.version
    }

    fn claim_taken(&self, _space: &'static str) -> Error {
        portico_chassis::blobs::unusable()
    }

    fn decide(
        &self,
        asked: &Asked<ArticleId>,
        state: &ArticleEntity,
        command: &ArticleCommand,
    ) -> Result<Decision<ArticleEntity, Write>, Error> {
        if state.deleted {
            return Err(Error::NOT_FOUND);
        }
        if command.etag.is_some_and(|etag| etag != state.view.article.version) {
            return Err(Error::version_conflict());
        }
        let now = exact(self.0.clock.now());
        match &command.change {
            Some(change) => self.change(asked, state, change, &command.claims, now),
            None => self.delete(asked, state, now),
        }
    }
}

impl ArticleAggregate {
    fn change(
        &self,
        asked: &Asked<ArticleId>,
        state: &ArticleEntity,
        change: &ArticleChange,
        claims: &[Claim],
        now: OffsetDateTime,
    ) -> Result<Decision<ArticleEntity, Write>, Error> {
        let before = &state.view.article;
        let (after, fields) = before.changed(change.clone(), now).map_err(refused)?;
        if fields.is_empty() {
            return Ok(Decision::nothing(state.clone(), encode(&state.view)?));
        }
        let published = after.is_out() && !before.is_out();
        let event = store::events::article_changed(self.0.random.uuid(now), &after, &fields, published);
        let mut entry = Entry::new(asked.portal.clone(), asked.actor.clone(), now).events([event]);
        for file in &change.add_files {
            entry = entry.write(Write::File(asked.portal.clone(), after.id, file.clone()));
        }
        for file in &change.remove_files {
            entry = entry.write(Write::DeleteFile(*file));
        }
        let view = ArticleView { article: after, ..state.view.clone() };
        entry.claims = claims.to_vec();
        let entry = with_rows(entry, &asked.portal, &view.article).answer(encode(&view)?);
        Ok(Decision::change(ArticleEntity { view, deleted: false }, entry))
    }

    fn delete(
        &self,
        asked: &Asked<ArticleId>,
        state: &ArticleEntity,
        now: OffsetDateTime,
    ) -> Result<Decision<ArticleEntity, Write>, Error> {
        let mut after = state.clone();
        after.deleted = true;
        after.view.article.version += 1;
        let article = &after.view.article;
        let gone = DocWrite::gone(asked.portal.clone(), article.id.uuid(), SearchKind::Article, article.version, now);
        let mut entry = Entry::new(asked.portal.clone(), asked.actor.clone(), now)
            .events([store::events::article_deleted(self.0.random.uuid(now), article)])
            .claim(Claim::Release { space: "slug", key: article.slug.clone() })
            .write(Write::DeleteArticle(article.id))
            .write(Write::Search(Box::new(gone)))
            .answer(encode(&())?);
        if let Some(source) = &article.source_id {
            entry = entry.claim(Claim::Release { space: "source", key: source.clone() });
        }
        Ok(Decision::change(after, entry))
    }
}

/// Adds the article's row and its search document.
pub(super) fn with_rows(entry: Entry<Write>, portal: &PortalId, article: &Article) -> Entry<Write> {
    entry
        .write(Write::Article(portal.clone(), Box::new(article.clone())))
        .write(Write::Search(Box::new(search_doc::of_article(portal, article))))
}
