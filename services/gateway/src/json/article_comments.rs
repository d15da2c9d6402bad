//! Comments under articles.

use axum::Json;
use axum::response::Response;
use portico_proto::knowledge::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Byline, Moment, Page, created, nothing};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Params, TimedPageParams};
use crate::json_body;
use crate::state::AppState;

/// A comment under an article.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArticleComment {
    /// Opaque.
    pub id: String,
    /// Who wrote it.
    pub author: Option<Byline>,
    /// Markdown.
    pub body: String,
    /// Safe HTML.
    pub body_html: String,
    /// When.
    pub created_at: Option<Moment>,
}

impl From<proto::ArticleComment> for ArticleComment {
    fn from(comment: proto::ArticleComment) -> Self {
        Self {
            author: comment.author.map(Byline::from),
            created_at: Moment::of(comment.created_at.as_ref()),
            id: comment.id,
            body: comment.body,
            body_html: comment.body_html,
        }
    }
}

json_body! {
    /// A comment.
    pub struct AddArticleComment {
        /// Markdown.
        #[schema(min_length = 1, max_length = 10000)]
        pub body: String,
    }
}

/// The comments of an article, newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/articles/{slug}/comments", tag = "knowledge",
    params(("portal" = String, Path), ("slug" = String, Path), TimedPageParams), responses((status = 200, body = Page<ArticleComment>)))]
async fn list(Api(call): Api, Params(params): Params<TimedPageParams>) -> Answer<Json<Page<ArticleComment>>> {
    let request = call.grpc(proto::ListArticleCommentsRequest {
        portal: call.portal(),
        slug: call.path("slug"),
        newest_first: params.newest_first(),
        page: params.request(),
    });
    let answer = call.clients().article_comments().list_article_comments(request).await?.into_inner();
    Ok(Page::new(answer.comments, answer.next_page_token))
}

/// Comments an article.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/articles/{slug}/comments", tag = "knowledge",
    params(("portal" = String, Path), ("slug" = String, Path)), request_body = AddArticleComment,
    responses((status = 201, body = ArticleComment)))]
async fn add(Api(call): Api, Body(body): Body<AddArticleComment>) -> Answer<Response> {
    let request = call.grpc(proto::AddArticleCommentRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        slug: call.path("slug"),
        body: body.body,
    });
    Ok(created(ArticleComment::from(call.clients().article_comments().add_article_comment(request).await?.into_inner())))
}

/// Removes a comment: its writer, or an agent.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/articles/{slug}/comments/{id}", tag = "knowledge",
    params(("portal" = String, Path), ("slug" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn remove(Api(call): Api) -> Answer<Response> {
    let request =
        call.grpc(proto::DeleteArticleCommentRequest { portal: call.portal(), request_id: call.request_id(), comment_id: call.path("id") });
    call.clients().article_comments().delete_article_comment(request).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(remove))
}
