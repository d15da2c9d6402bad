//! Posts, and what readers do with a topic: vote, follow, accept, report.

use axum::Json;
use axum::response::Response;
use portico_proto::community::v1 as proto;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{self, Page, created, nothing, text};
use super::topic_view::Post;
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Params, TimedPageParams};
use crate::input::Patch;
use crate::json_body;
use crate::state::AppState;

json_body! {
    /// An answer to a topic.
    pub struct AddPost {
        /// Markdown.
        #[schema(min_length = 1, max_length = 50000)]
        pub body: String,
        /// `upload_id`s of `POST uploads`.
        #[schema(max_items = 10)]
        pub uploads: Option<Vec<String>>,
    }
}

json_body! {
    /// A vote.
    pub struct Vote {
        /// 1 votes, 0 takes the vote back.
        #[schema(minimum = 0, maximum = 1)]
        pub value: i32,
    }
}

json_body! {
    /// Following.
    pub struct Follow {
        /// On or off.
        pub on: bool,
    }
}

json_body! {
    /// The answer.
    pub struct Accept {
        /// Id of a post of the topic; null takes the mark back.
        #[schema(value_type = Option<String>)]
        pub post: Patch<String>,
    }
}

json_body! {
    /// A report to the moderators.
    pub struct Report {
        /// Why.
        #[schema(min_length = 1, max_length = 2000)]
        pub reason: String,
    }
}

/// The posts of a topic, newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/topics/{id}/posts", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path), TimedPageParams), responses((status = 200, body = Page<Post>)))]
async fn list(Api(call): Api, Params(params): Params<TimedPageParams>) -> Answer<Json<Page<Post>>> {
    let request = call.grpc(proto::ListPostsRequest {
        portal: call.portal(),
        newest_first: params.newest_first(),
        page: params.request(),
        topic_id: call.path("id"),
        ..Default::default()
    });
    let answer = call.clients().posts().list_posts(request).await?.into_inner();
    Ok(Page::new(answer.posts, answer.next_page_token))
}

/// Answers a topic.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/topics/{id}/posts", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = AddPost, responses((status = 201, body = Post)))]
async fn add(Api(call): Api, Body(body): Body<AddPost>) -> Answer<Response> {
    let request = call.grpc(proto::AddPostRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        topic_id: call.path("id"),
        body: body.body,
        uploads: shared::uploads(body.uploads),
    });
    Ok(created(Post::from(call.clients().posts().add_post(request).await?.into_inner())))
}

/// Votes, or takes the vote back.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/topics/{id}/vote", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = Vote, responses((status = 204)))]
async fn vote(Api(call): Api, Body(body): Body<Vote>) -> Answer<Response> {
    let request = proto::VoteTopicRequest { portal: call.portal(), request_id: call.request_id(), id: call.path("id"), value: body.value };
    call.clients().topics().vote_topic(call.grpc(request)).await?;
    Ok(nothing())
}

/// Follows, or stops following.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/topics/{id}/follow", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = Follow, responses((status = 204)))]
async fn follow(Api(call): Api, Body(body): Body<Follow>) -> Answer<Response> {
    let request = proto::FollowTopicRequest { portal: call.portal(), request_id: call.request_id(), id: call.path("id"), on: body.on };
    call.clients().topics().follow_topic(call.grpc(request)).await?;
    Ok(nothing())
}

/// Marks a post as the answer, or takes the mark back.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/topics/{id}/accept", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = Accept, responses((status = 204)))]
async fn accept(Api(call): Api, Body(body): Body<Accept>) -> Answer<Response> {
    let Some(post) = body.post.into_option() else {
        return Err(chassis::error::Error::invalid("post", "required", "post is required.").into());
    };
    let request =
        proto::AcceptPostRequest { portal: call.portal(), request_id: call.request_id(), id: call.path("id"), post_id: text(post) };
    call.clients().topics().accept_post(call.grpc(request)).await?;
    Ok(nothing())
}

/// Tells the moderators.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/topics/{id}/report", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = Report, responses((status = 204)))]
async fn report(Api(call): Api, Body(body): Body<Report>) -> Answer<Response> {
    let request =
        proto::ReportTopicRequest { portal: call.portal(), request_id: call.request_id(), id: call.path("id"), reason: body.reason };
    call.clients().topics().report_topic(call.grpc(request)).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(vote))
        .routes(routes!(follow))
        .routes(routes!(accept))
        .routes(routes!(report))
}
