//! The tree of forums.

use axum::Json;
use axum::response::Response;
use portico_proto::community::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Moment, created, filled, text, whole};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, PageParams, Params};
use crate::state::AppState;
use crate::{json_body, wire_enum};

wire_enum! {
    /// Who may read a forum and everything in it.
    pub enum ForumAudience : proto::Audience {
        /// Everybody.
        Public = "public" <=> Public,
        /// Whoever is signed in.
        Customers = "customers" <=> Customers,
        /// Agents.
        Agents = "agents" <=> Agents,
    }
}

/// The newest activity of a forum.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatestTopic {
    /// Opaque.
    pub id: String,
    /// For readable addresses.
    pub slug: String,
    /// Title.
    pub title: String,
    /// When.
    pub last_activity_at: Option<Moment>,
}

/// A forum as the caller sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forum {
    /// Opaque.
    pub id: String,
    /// The last part of its address.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Plain text.
    pub description: String,
    /// Id of the forum above; null on the first level.
    pub parent: Option<String>,
    /// Who may read it.
    pub audience: Option<ForumAudience>,
    /// Published topics, those of sub-forums included.
    pub topics: i64,
    /// Posts in them.
    pub posts: i64,
    /// The newest activity.
    pub latest_topic: Option<LatestTopic>,
    /// Sub-forums.
    #[schema(no_recursion)]
    pub children: Vec<Forum>,
}

impl From<proto::Forum> for Forum {
    fn from(forum: proto::Forum) -> Self {
        Self {
            audience: ForumAudience::from_proto(forum.audience),
            latest_topic: forum.latest_topic.map(|topic| LatestTopic {
                last_activity_at: Moment::of(topic.last_activity_at.as_ref()),
                id: topic.id,
                slug: topic.slug,
                title: topic.title,
            }),
            children: forum.children.into_iter().map(Self::from).collect(),
            parent: filled(forum.parent_id),
            id: forum.id,
            slug: forum.slug,
            name: forum.name,
            description: forum.description,
            topics: forum.topics,
            posts: forum.posts,
        }
    }
}

/// The forums of the first level, with their sub-forums.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForumTree {
    /// In the portal's order.
    pub items: Vec<Forum>,
    /// Always null: a portal has at most 200 forums.
    pub next_cursor: Option<String>,
}

json_body! {
    /// A new forum.
    pub struct CreateForum {
        /// Unique below its parent.
        #[schema(min_length = 1, max_length = 80)]
        pub name: String,
        /// Plain text.
        #[schema(max_length = 500)]
        pub description: Option<String>,
        /// Id of a forum of the first level.
        pub parent: Option<String>,
        /// The parent's, or `public`, when left out.
        pub audience: Option<ForumAudience>,
    }
}

/// The whole tree that the caller may read.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/forums", tag = "community", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = ForumTree)))]
async fn list(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<ForumTree>> {
    whole(params.cursor.as_deref())?;
    let answer = call.clients().forums().list_forums(call.grpc(proto::ListForumsRequest { portal: call.portal() })).await?.into_inner();
    Ok(Json(ForumTree { items: answer.forums.into_iter().map(Forum::from).collect(), next_cursor: None }))
}

/// Makes a forum; agents only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/forums", tag = "community", params(("portal" = String, Path)),
    request_body = CreateForum, responses((status = 201, body = Forum)))]
async fn create(Api(call): Api, Body(body): Body<CreateForum>) -> Answer<Response> {
    let request = call.grpc(proto::CreateForumRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        name: body.name,
        description: text(body.description),
        parent_id: text(body.parent),
        audience: body.audience.map_or(0, |audience| audience.to_proto().into()),
    });
    Ok(created(Forum::from(call.clients().forums().create_forum(request).await?.into_inner())))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create))
}
