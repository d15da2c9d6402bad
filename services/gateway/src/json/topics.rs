//! Topics: lists, drafts, writing and publishing.

use axum::Json;
use axum::response::{IntoResponse, Response};
use portico_proto::community::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::articles::is_prefetch;
use super::shared::{self, Page, created, nothing, tagged, text};
use super::topic_view::{Topic, TopicRow, TopicSort, TopicType};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Limit, PageParams, Params, page};
use crate::state::AppState;
use crate::{json_body, query_params};

query_params! {
    /// What a list of topics is narrowed to.
    pub struct ListTopics {
        /// Id or slug of a forum; its sub-forums are included.
        pub forum: Option<String>,
        /// One type.
        pub r#type: Option<TopicType>,
        /// One tag.
        pub tag: Option<String>,
        /// `recent` when left out.
        pub sort: Option<TopicSort>,
        /// Only questions and problems without an accepted answer.
        pub unanswered: Option<bool>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

json_body! {
    /// A new topic. A draft may lack title, body and forum.
    pub struct CreateTopic {
        /// What it is.
        pub r#type: TopicType,
        /// One line.
        #[schema(max_length = 200)]
        pub title: Option<String>,
        /// Markdown.
        #[schema(max_length = 50000)]
        pub body: Option<String>,
        /// Id or slug of a forum.
        pub forum: Option<String>,
        /// Tags.
        #[schema(max_items = 5)]
        pub tags: Option<Vec<String>>,
        /// `upload_id`s of `POST uploads`.
        #[schema(max_items = 10)]
        pub uploads: Option<Vec<String>>,
        /// Addresses that get a neutral mail after publishing.
        #[schema(max_items = 5)]
        pub notify_emails: Option<Vec<String>>,
        /// Keep it as a draft.
        pub draft: Option<bool>,
    }
}

json_body! {
    /// Changes; what is left out stays. `draft: false` publishes.
    pub struct PatchTopic {
        /// What it is.
        pub r#type: Option<TopicType>,
        /// One line.
        #[schema(max_length = 200)]
        pub title: Option<String>,
        /// Markdown.
        #[schema(max_length = 50000)]
        pub body: Option<String>,
        /// Id or slug of a forum.
        pub forum: Option<String>,
        /// Replaces the tags.
        #[schema(max_items = 5)]
        pub tags: Option<Vec<String>>,
        /// Replaces the addresses; drafts only.
        #[schema(max_items = 5)]
        pub notify_emails: Option<Vec<String>>,
        /// `upload_id`s of files to add.
        #[schema(max_items = 10)]
        pub uploads: Option<Vec<String>>,
        /// Ids of files to take away.
        #[schema(max_items = 10)]
        pub remove_attachments: Option<Vec<String>>,
        /// False publishes a draft.
        pub draft: Option<bool>,
    }
}

json_body! {
    /// A text to look at.
    pub struct PreviewTopic {
        /// Markdown.
        #[schema(max_length = 50000)]
        pub body: String,
    }
}

/// A text as readers would see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Safe HTML.
    pub html: String,
}

/// Published topics that the caller may read.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/topics", tag = "community", params(("portal" = String, Path), ListTopics),
    responses((status = 200, body = Page<TopicRow>)))]
async fn list(Api(call): Api, Params(params): Params<ListTopics>) -> Answer<Json<Page<TopicRow>>> {
    let request = call.grpc(proto::ListTopicsRequest {
        portal: call.portal(),
        page: page(params.limit, params.cursor),
        forum: text(params.forum),
        r#type: params.r#type.map_or(0, |kind| kind.to_proto().into()),
        tag: text(params.tag),
        sort: params.sort.map_or(0, |sort| sort.to_proto().into()),
        unanswered: params.unanswered.unwrap_or(false),
    });
    let answer = call.clients().topics().list_topics(request).await?.into_inner();
    Ok(Page::new(answer.topics, answer.next_page_token))
}

/// One's own drafts, last saved first.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/drafts", tag = "community", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = Page<TopicRow>)))]
async fn drafts(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<TopicRow>>> {
    let request = call.grpc(proto::ListDraftsRequest { portal: call.portal(), page: params.request() });
    let answer = call.clients().topics().list_drafts(request).await?.into_inner();
    Ok(Page::new(answer.topics, answer.next_page_token))
}

/// Writes a topic, published at once or kept as a draft.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/topics", tag = "community", params(("portal" = String, Path)),
    request_body = CreateTopic, responses((status = 201, body = Topic)))]
async fn create(Api(call): Api, Body(body): Body<CreateTopic>) -> Answer<Response> {
    let request = call.grpc(proto::CreateTopicRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        r#type: body.r#type.to_proto().into(),
        title: text(body.title),
        body: text(body.body),
        forum: text(body.forum),
        tags: body.tags.unwrap_or_default(),
        uploads: shared::uploads(body.uploads),
        notify_emails: body.notify_emails.unwrap_or_default(),
        draft: body.draft.unwrap_or(false),
    });
    let topic = call.clients().topics().create_topic(request).await?.into_inner();
    let etag = topic.etag.clone();
    Ok(tagged(&etag, created(Topic::from(topic))))
}

/// One topic; counts a view.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/topics/{id}", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 200, body = Topic)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetTopicRequest { portal: call.portal(), id: call.path("id"), count_view: !is_prefetch(&call) });
    let topic = call.clients().topics().get_topic(request).await?.into_inner();
    let etag = topic.etag.clone();
    // Votes and views move without the version: "you have this already" would hide them.
    Ok(tagged(&etag, Json(Topic::from(topic)).into_response()))
}

/// Changes a topic or publishes a draft.
#[utoipa::path(patch, path = "/api/v1/portals/{portal}/topics/{id}", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = PatchTopic, responses((status = 200, body = Topic)))]
async fn patch(Api(call): Api, Body(body): Body<PatchTopic>) -> Answer<Response> {
    let request = call.grpc(proto::UpdateTopicRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        id: call.path("id"),
        r#type: body.r#type.map(|kind| kind.to_proto().into()),
        title: body.title,
        body: body.body,
        forum: body.forum,
        tags: body.tags.map(|tags| proto::TagList { tags }),
        notify_emails: body.notify_emails.map(|addresses| proto::AddressList { addresses }),
        uploads: shared::uploads(body.uploads),
        remove_attachments: body.remove_attachments.unwrap_or_default(),
        draft: body.draft,
    });
    let topic = call.clients().topics().update_topic(request).await?.into_inner();
    let etag = topic.etag.clone();
    Ok(tagged(&etag, Json(Topic::from(topic)).into_response()))
}

/// Deletes a topic with its posts.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/topics/{id}", tag = "community",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn remove(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::DeleteTopicRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        id: call.path("id"),
    });
    call.clients().topics().delete_topic(request).await?;
    Ok(nothing())
}

/// Shows a text as readers would see it; stores nothing.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/topics/preview", tag = "community", params(("portal" = String, Path)),
    request_body = PreviewTopic, responses((status = 200, body = Preview)))]
async fn preview(Api(call): Api, Body(body): Body<PreviewTopic>) -> Answer<Json<Preview>> {
    call.caller.person()?;
    if body.body.chars().count() > 50_000 {
        return Err(chassis::error::Error::invalid("body", "too_long", "body must have at most 50,000 characters.").into());
    }
    Ok(Json(Preview { html: chassis::markdown::render(&body.body) }))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(preview)).routes(routes!(read, patch, remove)).routes(routes!(drafts))
}
