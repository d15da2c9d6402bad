//! What can be asked about: departments, products and categories, and the administrators' upkeep of them.

use axum::Json;
use axum::response::Response;
use portico_proto::tickets::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{self, Byline, Named, Page, created, filled, resource_by_content, text};
use crate::call::{Api, Call};
use crate::error::Answer;
use crate::extract::{Body, PageParams, Params};
use crate::json_body;
use crate::state::AppState;

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub struct Product {
    /// Opaque.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// Id of its department; null: offered in every one.
    pub department: Option<String>,
}

/// A category of tickets.
#[derive(Debug, Serialize, ToSchema)]
pub struct Category {
    /// Opaque.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// Id of its product; null: fits every one.
    pub product: Option<String>,
    /// Id of the category above; null at the top.
    pub parent: Option<String>,
}

/// All that this caller may choose from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Catalog {
    /// Departments in display order.
    pub departments: Vec<Named>,
    /// Products in display order.
    pub products: Vec<Product>,
    /// Categories in display order.
    pub categories: Vec<Category>,
}

impl From<proto::Department> for Named {
    fn from(department: proto::Department) -> Self {
        Self { id: department.id, name: department.name }
    }
}

impl From<proto::Product> for Product {
    fn from(product: proto::Product) -> Self {
        Self { id: product.id, name: product.name, department: filled(product.department_id) }
    }
}

impl From<proto::Category> for Category {
    fn from(category: proto::Category) -> Self {
        Self { id: category.id, name: category.name, product: filled(category.product_id), parent: filled(category.parent_id) }
    }
}

json_body! {
    /// A new department.
    pub struct NewDepartment {
        /// Unique in the portal.
        #[schema(min_length = 1, max_length = 120)]
        pub name: String,
    }
}

json_body! {
    /// A new product.
    pub struct NewProduct {
        /// Unique in its department.
        #[schema(min_length = 1, max_length = 120)]
        pub name: String,
        /// Id of a department; every one when left out.
        pub department: Option<String>,
    }
}

json_body! {
    /// A new category.
    pub struct NewCategory {
        /// Unique below its parent.
        #[schema(min_length = 1, max_length = 120)]
        pub name: String,
        /// Id of a product; every one when left out.
        pub product: Option<String>,
        /// Id of the category above; none when left out.
        pub parent: Option<String>,
    }
}

json_body! {
    /// A new group of agents.
    pub struct NewGroup {
        /// Unique in the portal.
        #[schema(min_length = 1, max_length = 120)]
        pub name: String,
    }
}

async fn fetch(call: &Call) -> Answer<proto::GetCatalogResponse> {
    let request = call.grpc(proto::GetCatalogRequest { portal: call.portal() });
    Ok(call.clients().catalog().get_catalog(request).await?.into_inner())
}

fn whole<T: ToSchema + From<P>, P>(params: PageParams, rows: Vec<P>) -> Answer<Json<Page<T>>> {
    shared::whole(params.cursor.as_deref())?;
    Ok(Page::new(rows, String::new()))
}

/// The whole catalogue. A new portal's is empty: then subject and description are all that a request needs.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/catalog", tag = "catalog", params(("portal" = String, Path)), responses((status = 200, body = Catalog)))]
async fn catalog(Api(call): Api) -> Answer<Response> {
    let answer = fetch(&call).await?;
    let catalog = Catalog {
        departments: answer.departments.into_iter().map(Named::from).collect(),
        products: answer.products.into_iter().map(Product::from).collect(),
        categories: answer.categories.into_iter().map(Category::from).collect(),
    };
    Ok(resource_by_content(&call.headers, catalog))
}

/// Departments in display order, at most 500, on one page.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/departments", tag = "catalog", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = Page<Named>)))]
async fn departments(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<Named>>> {
    whole(params, fetch(&call).await?.departments)
}

/// Products in display order, at most 500, on one page.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/products", tag = "catalog", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = Page<Product>)))]
async fn products(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<Product>>> {
    whole(params, fetch(&call).await?.products)
}

/// Categories in display order, at most 500, on one page.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/categories", tag = "catalog", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = Page<Category>)))]
async fn categories(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<Category>>> {
    whole(params, fetch(&call).await?.categories)
}

/// Groups that a ticket may be assigned to; agents only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/groups", tag = "catalog", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = Page<Named>)))]
async fn groups(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<Named>>> {
    let request = call.grpc(proto::ListGroupsRequest { portal: call.portal() });
    whole(params, call.clients().catalog().list_groups(request).await?.into_inner().groups)
}

/// People that a ticket may be assigned to, at most 200; agents only.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/agents", tag = "catalog", params(("portal" = String, Path), PageParams),
    responses((status = 200, body = Page<Byline>)))]
async fn agents(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<Byline>>> {
    let request = call.grpc(proto::ListAssignableAgentsRequest { portal: call.portal() });
    whole(params, call.clients().catalog().list_assignable_agents(request).await?.into_inner().agents)
}

/// Makes a department; administrators only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/departments", tag = "catalog", params(("portal" = String, Path)),
    request_body = NewDepartment, responses((status = 201, body = Named)))]
async fn create_department(Api(call): Api, Body(body): Body<NewDepartment>) -> Answer<Response> {
    let request = call.grpc(proto::CreateDepartmentRequest { portal: call.portal(), request_id: call.request_id(), name: body.name });
    Ok(created(Named::from(call.clients().catalog().create_department(request).await?.into_inner())))
}

/// Makes a product; administrators only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/products", tag = "catalog", params(("portal" = String, Path)),
    request_body = NewProduct, responses((status = 201, body = Product)))]
async fn create_product(Api(call): Api, Body(body): Body<NewProduct>) -> Answer<Response> {
    let request = call.grpc(proto::CreateProductRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        name: body.name,
        department_id: text(body.department),
    });
    Ok(created(Product::from(call.clients().catalog().create_product(request).await?.into_inner())))
}

/// Makes a category; administrators only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/categories", tag = "catalog", params(("portal" = String, Path)),
    request_body = NewCategory, responses((status = 201, body = Category)))]
async fn create_category(Api(call): Api, Body(body): Body<NewCategory>) -> Answer<Response> {
    let request = call.grpc(proto::CreateCategoryRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        name: body.name,
        product_id: text(body.product),
        parent_id: text(body.parent),
    });
    Ok(created(Category::from(call.clients().catalog().create_category(request).await?.into_inner())))
}

/// Makes a group; administrators only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/groups", tag = "catalog", params(("portal" = String, Path)),
    request_body = NewGroup, responses((status = 201, body = Named)))]
async fn create_group(Api(call): Api, Body(body): Body<NewGroup>) -> Answer<Response> {
    let request = call.grpc(proto::CreateGroupRequest { portal: call.portal(), request_id: call.request_id(), name: body.name });
    Ok(created(Named::from(call.clients().catalog().create_group(request).await?.into_inner())))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(catalog))
        .routes(routes!(departments, create_department))
        .routes(routes!(products, create_product))
        .routes(routes!(categories, create_category))
        .routes(routes!(groups, create_group))
        .routes(routes!(agents))
}
