//! RPCs of articles.

use std::collections::HashSet;

use portico_chassis::blobs::by_content;
use portico_chassis::clock::from_proto;
use portico_chassis::error::Error;
use portico_proto::common::v1::AttachmentBlob;
use portico_proto::knowledge::v1 as wire;
use portico_proto::knowledge::v1::articles_service_server::ArticlesService;
use tonic::{Request, Response, Status};

use super::fields::{Fields, creation, update, uploads};
use super::{Api, encode, etag, open};
use crate::app::article::{ListArticles, Sort};
use crate::app::asker::Asker;
use crate::app::import::Imported;
use crate::domain::article::ArticleKind;
use crate::domain::import::Dates;

/// Articles of one import call.
const MOST_IMPORTED: usize = 500;
/// Bytes of text of one import call.
const MOST_TEXT: usize = 3 << 20;
/// Characters of a source id.
const LONGEST_SOURCE: usize = 200;
/// Views that an article may bring along.
const MOST_VIEWS: i64 = 1_000_000_000;

#[tonic::async_trait]
impl ArticlesService for Api {
    async fn list_articles(&self, request: Request<wire::ListArticlesRequest>) -> Result<Response<wire::ListArticlesResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let sort = match request.sort() {
            wire::ArticleSort::MostViewed => Sort::MostViewed,
            wire::ArticleSort::Recent | wire::ArticleSort::Unspecified => Sort::Recent,
        };
        let mut fields = Fields::default();
        let (kind, state) = (fields.kind(request.kind), fields.state(request.state));
        fields.done(())?;
        let page = request.page.unwrap_or_default();
        let list = ListArticles {
            page_size: page.page_size,
            page_token: page.page_token,
            sort,
            kind,
            state,
            department: request.department,
            category: request.category,
            tag: request.tag,
        };
        let page = self.0.list_articles(&asker, &list).await?;
        let articles = page.items.into_iter().map(|view| encode::article(view, &asker.viewer, false)).collect();
        Ok(Response::new(wire::ListArticlesResponse { articles, next_page_token: page.next_page_token }))
    }

    async fn get_article(&self, request: Request<wire::GetArticleRequest>) -> Result<Response<wire::Article>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let view = self.0.article(&asker, &request.slug, request.count_view).await?;
        Ok(Response::new(encode::article(view, &asker.viewer, true)))
    }

    async fn create_article(&self, request: Request<wire::CreateArticleRequest>) -> Result<Response<wire::Article>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("CreateArticle", &request.request_id, &by_content(&request, |request| &mut request.uploads))?;
        let view = self.0.create_article(&asker, key, creation(&request)?, &uploads(&request.uploads)).await?;
        Ok(Response::new(encode::article(view, &asker.viewer, true)))
    }

    async fn update_article(&self, request: Request<wire::UpdateArticleRequest>) -> Result<Response<wire::Article>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("UpdateArticle", &request.request_id, &by_content(&request, |request| &mut request.uploads))?;
        let (change, etag) = (update(&request)?, etag(&request.etag)?);
        let view = self.0.update_article(&asker, key, &request.slug, etag, change, &uploads(&request.uploads)).await?;
        Ok(Response::new(encode::article(view, &asker.viewer, true)))
    }

    async fn delete_article(&self, request: Request<wire::DeleteArticleRequest>) -> Result<Response<wire::DeleteArticleResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("DeleteArticle", &request.request_id, &request)?;
        self.0.delete_article(&asker, key, &request.slug, etag(&request.etag)?).await?;
        Ok(Response::new(wire::DeleteArticleResponse {}))
    }

    async fn import_articles(
        &self,
        request: Request<wire::ImportArticlesRequest>,
    ) -> Result<Response<wire::ImportArticlesResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("ImportArticles", &request.request_id, &request)?;
        let result = self.0.import_articles(&asker, key, imported(request)?).await?;
        Ok(Response::new(wire::ImportArticlesResponse {
            created: result.created,
            updated: result.updated,
            unchanged: result.unchanged,
            index_position: result.index_position,
        }))
    }

    async fn list_categories(
        &self,
        request: Request<wire::ListCategoriesRequest>,
    ) -> Result<Response<wire::ListCategoriesResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let mut fields = Fields::default();
        let kind = fields.kind(request.kind);
        fields.done(())?;
        let categories = self.0.categories(&asker, kind).await?.into_iter();
        let categories =
            categories.map(|(id, name, count)| wire::Category { id, name, articles: i32::try_from(count).unwrap_or(i32::MAX) }).collect();
        Ok(Response::new(wire::ListCategoriesResponse { categories }))
    }

    async fn give_feedback(&self, request: Request<wire::GiveFeedbackRequest>) -> Result<Response<wire::GiveFeedbackResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("GiveFeedback", &request.request_id, &request)?;
        self.0.feedback(&asker, key, &request.slug, request.helpful).await?;
        Ok(Response::new(wire::GiveFeedbackResponse {}))
    }

    async fn get_article_attachment(
        &self,
        request: Request<wire::GetArticleAttachmentRequest>,
    ) -> Result<Response<AttachmentBlob>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let id = request.attachment_id.parse().map_err(|_| Error::NOT_FOUND)?;
        let (file, path) = self.0.attachment(&asker, id).await?;
        let sha256 = file.sha256.clone();
        Ok(Response::new(AttachmentBlob { attachment: Some(encode::attachment(file)), path, sha256 }))
    }
}

fn imported(request: wire::ImportArticlesRequest) -> Result<Vec<Imported>, Error> {
    let mut fields = Fields::default();
    let text: usize = request.articles.iter().map(|article| article.title.len() + article.body.len()).sum();
    if request.articles.is_empty() || request.articles.len() > MOST_IMPORTED {
        fields.push("articles", "invalid", "Send 1 to 500 articles at once.");
    }
    if text > MOST_TEXT {
        fields.push("articles", "too_long", "Send at most 3 MiB of text at once.");
    }
    let mut seen = HashSet::new();
    let mut batch = Vec::with_capacity(request.articles.len());
    for (index, article) in request.articles.into_iter().enumerate() {
        let length = article.source_id.chars().count();
        if length == 0 || length > LONGEST_SOURCE || article.source_id.contains('\0') {
            fields.of(index, "id", "An article's id has 1 to 200 characters.");
        }
        if !seen.insert(article.source_id.clone()) {
            fields.of(index, "id", "An id stands twice in this batch.");
        }
        if !(0..=MOST_VIEWS).contains(&article.views) {
            fields.of(index, "views", "From 0 to 1,000,000,000.");
        }
        let mut time = |field: &str, at: Option<prost_types::Timestamp>| {
            let parsed = at.as_ref().map(from_proto)?;
            if parsed.is_none() {
                fields.of(index, field, "This is not a time.");
            }
            parsed.map(micros)
        };
        let dates = Dates {
            created_at: time("created_at", article.created_at),
            published_at: time("published_at", article.published_at),
            updated_at: time("updated_at", article.updated_at),
        };
        batch.push(Imported {
            kind: fields.kind(article.kind).unwrap_or(ArticleKind::Article),
            source_id: article.source_id,
            title: article.title,
            body: article.body,
            category: article.category,
            tags: article.tags,
            dates,
            views: article.views,
        });
    }
    fields.done(batch)
}

/// A time as PostgreSQL keeps it, so that a repeated import finds what it brought.
fn micros(at: time::OffsetDateTime) -> time::OffsetDateTime {
    at.replace_nanosecond(at.nanosecond() / 1_000 * 1_000).unwrap_or(at)
}
