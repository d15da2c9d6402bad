//! RPCs of comments.

use portico_chassis::error::Error;
use portico_chassis::page::{First, Wanted};
use portico_proto::knowledge::v1 as wire;
use portico_proto::knowledge::v1::article_comments_service_server::ArticleCommentsService;
use tonic::{Request, Response, Status};

use super::{Api, encode, open};
use crate::app::asker::Asker;

#[tonic::async_trait]
impl ArticleCommentsService for Api {
    async fn list_article_comments(
        &self,
        request: Request<wire::ListArticleCommentsRequest>,
    ) -> Result<Response<wire::ListArticleCommentsResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let page = request.page.unwrap_or_default();
        let wanted = Wanted { first: First::of(request.newest_first), size: page.page_size, token: &page.page_token };
        let (page, total) = self.0.comments(&asker, &request.slug, wanted).await?;
        let (reader, staff) = (asker.person_id(), asker.viewer.is_staff());
        let comments = page.items.into_iter().map(|comment| encode::comment(comment, reader, staff)).collect();
        Ok(Response::new(wire::ListArticleCommentsResponse { comments, next_page_token: page.next_page_token, total }))
    }

    async fn add_article_comment(
        &self,
        request: Request<wire::AddArticleCommentRequest>,
    ) -> Result<Response<wire::ArticleComment>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("AddArticleComment", &request.request_id, &request)?;
        let comment = self.0.add_comment(&asker, key, &request.slug, &request.body).await?;
        Ok(Response::new(encode::comment(comment, asker.person_id(), asker.viewer.is_staff())))
    }

    async fn delete_article_comment(
        &self,
        request: Request<wire::DeleteArticleCommentRequest>,
    ) -> Result<Response<wire::DeleteArticleCommentResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("DeleteArticleComment", &request.request_id, &request)?;
        let id = request.comment_id.parse().map_err(|_| Error::NOT_FOUND)?;
        self.0.delete_comment(&asker, key, id).await?;
        Ok(Response::new(wire::DeleteArticleCommentResponse {}))
    }
}
