//! Articles and FAQs.

use axum::Json;
use axum::response::{IntoResponse, Response};
use portico_proto::knowledge::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{self, File, Moment, Page, created, files, filled, nothing, resource, tagged, text};
use crate::call::{Api, Call};
use crate::error::Answer;
use crate::extract::{Body, Limit, Params, page};
use crate::input::Patch;
use crate::state::AppState;
use crate::{json_body, query_params, wire_enum};

wire_enum! {
    /// What an article is.
    pub enum ArticleKind : proto::ArticleKind {
        /// An article.
        Article = "article" <=> Article,
        /// A frequent question.
        Faq = "faq" <=> Faq,
    }
}

wire_enum! {
    /// Where an article is in its life.
    pub enum ArticleState : proto::ArticleState {
        /// Being written.
        Draft = "draft" <=> Draft,
        /// Waits for a second look.
        Review = "review" <=> Review,
        /// Can be read.
        Published = "published" <=> Published,
        /// Kept, not shown.
        Archived = "archived" <=> Archived,
    }
}

wire_enum! {
    /// Who may read it.
    pub enum Audience : proto::Audience {
        /// Everybody.
        Public = "public" <=> Public,
        /// Whoever is signed in.
        Customers = "customers" <=> Customers,
        /// Agents.
        Agents = "agents" <=> Agents,
        /// Members of some organisations.
        Organizations = "organizations" <=> Organizations,
    }
}

wire_enum! {
    /// How a list of articles is ordered.
    pub enum ArticleSort : proto::ArticleSort {
        /// Last changed first.
        Recent = "recent" <=> Recent,
        /// Most viewed first.
        MostViewed = "most_viewed" <=> MostViewed,
    }
}

/// An article as a row of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArticleRow {
    /// Opaque.
    pub id: String,
    /// The last part of its address.
    pub slug: String,
    /// The id that an import brought along.
    pub source_id: Option<String>,
    /// Title.
    pub title: String,
    /// Article or FAQ.
    pub kind: Option<ArticleKind>,
    /// Where it is in its life.
    pub state: Option<ArticleState>,
    /// Who may read it.
    pub audience: Option<Audience>,
    /// Ids, for agents, where the audience is organisations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub organizations: Vec<String>,
    /// Department.
    pub department: Option<String>,
    /// Category.
    pub category: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Files.
    pub attachments: Vec<File>,
    /// Views so far.
    pub views: i64,
    /// Comments.
    pub comment_count: i32,
    /// What the ETag is made of.
    pub version: i64,
    /// When it was first published.
    pub published_at: Option<Moment>,
    /// When it changed last.
    pub updated_at: Option<Moment>,
    /// The beginning as plain text.
    pub excerpt: String,
}

impl From<proto::Article> for ArticleRow {
    fn from(article: proto::Article) -> Self {
        Self {
            kind: ArticleKind::from_proto(article.kind),
            state: ArticleState::from_proto(article.state),
            audience: Audience::from_proto(article.audience),
            published_at: Moment::of(article.published_at.as_ref()),
            updated_at: Moment::of(article.updated_at.as_ref()),
            source_id: filled(article.source_id),
            department: filled(article.department),
            category: filled(article.category),
            attachments: files(article.attachments),
            id: article.id,
            slug: article.slug,
            title: article.title,
            organizations: article.organizations,
            tags: article.tags,
            views: article.views,
            comment_count: article.comment_count,
            version: article.version,
            excerpt: article.excerpt,
        }
    }
}

/// An article in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct Article {
    /// What lists show too.
    #[serde(flatten)]
    pub row: ArticleRow,
    /// Markdown.
    pub body: String,
    /// Safe HTML.
    pub body_html: String,
}

impl From<proto::Article> for Article {
    fn from(mut article: proto::Article) -> Self {
        let (body, body_html) = (std::mem::take(&mut article.body), std::mem::take(&mut article.body_html));
        Self { body, body_html, row: article.into() }
    }
}

query_params! {
    /// What a list of articles is narrowed to.
    pub struct ListArticles {
        /// `recent` when left out.
        pub sort: Option<ArticleSort>,
        /// Articles or FAQs.
        pub kind: Option<ArticleKind>,
        /// Agents: by state.
        pub state: Option<ArticleState>,
        /// Department.
        pub department: Option<String>,
        /// Name or id of a category.
        pub category: Option<String>,
        /// One tag.
        pub tag: Option<String>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

json_body! {
    /// A new article.
    pub struct CreateArticle {
        /// Title.
        #[schema(min_length = 1, max_length = 300)]
        pub title: String,
        /// Markdown.
        #[schema(min_length = 1, max_length = 200000)]
        pub body: String,
        /// `draft` when left out.
        pub state: Option<ArticleState>,
        /// `public` when left out.
        pub audience: Option<Audience>,
        /// Ids, with the audience `organizations`.
        #[schema(max_items = 100)]
        pub organizations: Option<Vec<String>>,
        /// `article` when left out.
        pub kind: Option<ArticleKind>,
        /// Department.
        #[schema(max_length = 100)]
        pub department: Option<String>,
        /// Category.
        #[schema(max_length = 100)]
        pub category: Option<String>,
        /// Tags.
        #[schema(max_items = 20)]
        pub tags: Option<Vec<String>>,
        /// `upload_id`s of `POST uploads`.
        #[schema(max_items = 20)]
        pub uploads: Option<Vec<String>>,
    }
}

json_body! {
    /// Changes of an article; what is left out stays.
    pub struct PatchArticle {
        /// Title.
        #[schema(min_length = 1, max_length = 300)]
        pub title: Option<String>,
        /// Markdown.
        #[schema(min_length = 1, max_length = 200000)]
        pub body: Option<String>,
        /// Publishes, archives, …
        pub state: Option<ArticleState>,
        /// Who may read it.
        pub audience: Option<Audience>,
        /// Ids, with the audience `organizations`.
        #[schema(max_items = 100)]
        pub organizations: Option<Vec<String>>,
        /// Article or FAQ.
        pub kind: Option<ArticleKind>,
        /// Department.
        #[schema(value_type = Option<String>, max_length = 100)]
        pub department: Patch<String>,
        /// Category.
        #[schema(value_type = Option<String>, max_length = 100)]
        pub category: Patch<String>,
        /// Replaces the tags.
        #[schema(max_items = 20)]
        pub tags: Option<Vec<String>>,
        /// `upload_id`s of files to add.
        #[schema(max_items = 20)]
        pub uploads: Option<Vec<String>>,
        /// Ids of files to take away.
        #[schema(max_items = 20)]
        pub remove_attachments: Option<Vec<String>>,
    }
}

json_body! {
    /// Whether an article helped.
    pub struct Feedback {
        /// Yes or no.
        pub helpful: bool,
    }
}

/// Whether the browser only fetches ahead: then nothing is counted (S29).
pub fn is_prefetch(call: &Call) -> bool {
    let says = |name: &str| call.headers.get(name).is_some_and(|value| value.as_bytes().starts_with(b"prefetch"));
    says("sec-purpose") || says("purpose") || says("x-moz")
}

/// A page of the articles that the caller may read.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/articles", tag = "knowledge", params(("portal" = String, Path), ListArticles),
    responses((status = 200, body = Page<ArticleRow>)))]
async fn list(Api(call): Api, Params(params): Params<ListArticles>) -> Answer<Json<Page<ArticleRow>>> {
    let request = call.grpc(proto::ListArticlesRequest {
        portal: call.portal(),
        page: page(params.limit, params.cursor),
        sort: params.sort.map_or(0, |sort| sort.to_proto().into()),
        kind: params.kind.map_or(0, |kind| kind.to_proto().into()),
        state: params.state.map_or(0, |state| state.to_proto().into()),
        department: text(params.department),
        category: text(params.category),
        tag: text(params.tag),
    });
    let answer = call.clients().articles().list_articles(request).await?.into_inner();
    Ok(Page::new(answer.articles, answer.next_page_token))
}

/// One article; counts a view.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/articles/{slug}", tag = "knowledge",
    params(("portal" = String, Path), ("slug" = String, Path)), responses((status = 200, body = Article)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetArticleRequest { portal: call.portal(), slug: call.path("slug"), count_view: !is_prefetch(&call) });
    let article = call.clients().articles().get_article(request).await?.into_inner();
    let etag = article.etag.clone();
    Ok(resource(&call.headers, &etag, Article::from(article)))
}

/// Writes an article; agents only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/articles", tag = "knowledge", params(("portal" = String, Path)),
    request_body = CreateArticle, responses((status = 201, body = Article)))]
async fn create(Api(call): Api, Body(body): Body<CreateArticle>) -> Answer<Response> {
    let request = call.grpc(proto::CreateArticleRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        title: body.title,
        body: body.body,
        state: body.state.map_or(0, |state| state.to_proto().into()),
        audience: body.audience.map_or(0, |audience| audience.to_proto().into()),
        organizations: body.organizations.unwrap_or_default(),
        kind: body.kind.map_or(0, |kind| kind.to_proto().into()),
        department: text(body.department),
        category: text(body.category),
        tags: body.tags.unwrap_or_default(),
        uploads: shared::uploads(body.uploads),
    });
    let article = call.clients().articles().create_article(request).await?.into_inner();
    let etag = article.etag.clone();
    Ok(tagged(&etag, created(Article::from(article))))
}

/// Changes an article; agents only.
#[utoipa::path(patch, path = "/api/v1/portals/{portal}/articles/{slug}", tag = "knowledge",
    params(("portal" = String, Path), ("slug" = String, Path)), request_body = PatchArticle, responses((status = 200, body = Article)))]
async fn patch(Api(call): Api, Body(body): Body<PatchArticle>) -> Answer<Response> {
    let cleared = |patch: Patch<String>| patch.into_option().map(Option::unwrap_or_default);
    let request = call.grpc(proto::UpdateArticleRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        slug: call.path("slug"),
        title: body.title,
        body: body.body,
        state: body.state.map(|state| state.to_proto().into()),
        audience: body.audience.map(|audience| audience.to_proto().into()),
        organizations: body.organizations.map(|ids| proto::OrganizationIds { ids }),
        kind: body.kind.map(|kind| kind.to_proto().into()),
        department: cleared(body.department),
        category: cleared(body.category),
        tags: body.tags.map(|tags| proto::TagList { tags }),
        uploads: shared::uploads(body.uploads),
        remove_attachments: body.remove_attachments.unwrap_or_default(),
    });
    let article = call.clients().articles().update_article(request).await?.into_inner();
    let etag = article.etag.clone();
    Ok(tagged(&etag, Json(Article::from(article)).into_response()))
}

/// Removes an article with its comments and files; agents only.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/articles/{slug}", tag = "knowledge",
    params(("portal" = String, Path), ("slug" = String, Path)), responses((status = 204)))]
async fn remove(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::DeleteArticleRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        slug: call.path("slug"),
    });
    call.clients().articles().delete_article(request).await?;
    Ok(nothing())
}

/// Says whether an article helped.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/articles/{slug}/feedback", tag = "knowledge",
    params(("portal" = String, Path), ("slug" = String, Path)), request_body = Feedback, responses((status = 204)))]
async fn feedback(Api(call): Api, Body(body): Body<Feedback>) -> Answer<Response> {
    let request = call.grpc(proto::GiveFeedbackRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        slug: call.path("slug"),
        helpful: body.helpful,
    });
    call.clients().articles().give_feedback(request).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, patch, remove)).routes(routes!(feedback))
}
