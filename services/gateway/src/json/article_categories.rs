//! Categories of articles.

use axum::Json;
use portico_proto::knowledge::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::articles::ArticleKind;
use super::shared::{Page, whole};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Limit, Params};
use crate::query_params;
use crate::state::AppState;

/// A category of articles.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArticleCategory {
    /// What addresses use.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// Articles that the caller may read.
    pub articles: i32,
}

impl From<proto::Category> for ArticleCategory {
    fn from(category: proto::Category) -> Self {
        Self { id: category.id, name: category.name, articles: category.articles }
    }
}

query_params! {
    /// Which kind is counted. The list comes whole.
    pub struct ListCategories {
        /// Both when left out.
        pub kind: Option<ArticleKind>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

/// The categories of the articles that the caller may read, by name, on one page.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/article-categories", tag = "knowledge",
    params(("portal" = String, Path), ListCategories), responses((status = 200, body = Page<ArticleCategory>)))]
async fn list(Api(call): Api, Params(params): Params<ListCategories>) -> Answer<Json<Page<ArticleCategory>>> {
    whole(params.cursor.as_deref())?;
    let request =
        call.grpc(proto::ListCategoriesRequest { portal: call.portal(), kind: params.kind.map_or(0, |kind| kind.to_proto().into()) });
    let answer = call.clients().articles().list_categories(request).await?.into_inner();
    Ok(Page::new(answer.categories, String::new()))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}
