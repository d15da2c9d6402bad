//! CatalogService.

use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, context};
use portico_proto::common::v1::PersonName;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::catalog_service_server::CatalogService;
use prost::Message;
use tonic::{Request, Response, Status};

use super::encode::role;
use super::fields::{Form, LONGEST_NAME};
use crate::app::Tickets;
use crate::app::asker::Asker;
use crate::app::catalog::NewRow;
use crate::app::view::Named;
use crate::domain::policy::PriorityEntry;

/// The service.
pub struct Api(pub Tickets);

#[tonic::async_trait]
impl CatalogService for Api {
    async fn get_catalog(&self, request: Request<wire::GetCatalogRequest>) -> Result<Response<wire::GetCatalogResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let (catalog, entry) = self.0.catalog(&Asker::new(&context, &message.portal)?).await?;
        let text = |id: Option<String>| id.unwrap_or_default();
        let departments = catalog.departments.into_iter().map(|row| wire::Department { id: row.id.to_string(), name: row.name });
        let products = catalog.products.into_iter().map(|row| wire::Product {
            id: row.id.to_string(),
            name: row.name,
            department_id: text(row.department.map(|id| id.to_string())),
        });
        let categories = catalog.categories.into_iter().map(|row| wire::Category {
            id: row.id.to_string(),
            name: row.name,
            product_id: text(row.product.map(|id| id.to_string())),
            parent_id: text(row.parent.map(|id| id.to_string())),
        });
        let priority_entry = match entry {
            PriorityEntry::Customer => wire::PriorityEntry::Customer,
            PriorityEntry::Matrix => wire::PriorityEntry::Matrix,
            PriorityEntry::Agents => wire::PriorityEntry::Agents,
        };
        Ok(Response::new(wire::GetCatalogResponse {
            departments: departments.collect(),
            products: products.collect(),
            categories: categories.collect(),
            priority_entry: priority_entry.into(),
        }))
    }

    async fn create_department(&self, request: Request<wire::CreateDepartmentRequest>) -> Result<Response<wire::Department>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let row = self.add(&context, &message, (&message.portal, &message.request_id, &message.name), NewRow::Department).await?;
        Ok(Response::new(wire::Department { id: row.id.to_string(), name: row.name }))
    }

    async fn create_product(&self, request: Request<wire::CreateProductRequest>) -> Result<Response<wire::Product>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let mut form = Form::default();
        let new = NewRow::Product(form.id("department", &message.department_id));
        form.done()?;
        let row = self.add(&context, &message, (&message.portal, &message.request_id, &message.name), new).await?;
        Ok(Response::new(wire::Product { id: row.id.to_string(), name: row.name, department_id: message.department_id }))
    }

    async fn create_category(&self, request: Request<wire::CreateCategoryRequest>) -> Result<Response<wire::Category>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let mut form = Form::default();
        let new = NewRow::Category(form.id("product", &message.product_id), form.id("parent", &message.parent_id));
        form.done()?;
        let row = self.add(&context, &message, (&message.portal, &message.request_id, &message.name), new).await?;
        let (product_id, parent_id) = (message.product_id, message.parent_id);
        Ok(Response::new(wire::Category { id: row.id.to_string(), name: row.name, product_id, parent_id }))
    }

    async fn create_group(&self, request: Request<wire::CreateGroupRequest>) -> Result<Response<wire::NamedRef>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let row = self.add(&context, &message, (&message.portal, &message.request_id, &message.name), NewRow::Group).await?;
        Ok(Response::new(wire::NamedRef { id: row.id.to_string(), name: row.name }))
    }

    async fn list_groups(&self, request: Request<wire::ListGroupsRequest>) -> Result<Response<wire::ListGroupsResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let (catalog, _) = self.0.catalog(&Asker::new(&context, &message.portal)?).await?;
        let groups = catalog.groups.into_iter().map(|row| wire::NamedRef { id: row.id.to_string(), name: row.name });
        Ok(Response::new(wire::ListGroupsResponse { groups: groups.collect() }))
    }

    async fn list_assignable_agents(
        &self,
        request: Request<wire::ListAssignableAgentsRequest>,
    ) -> Result<Response<wire::ListAssignableAgentsResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let agents = self.0.assignable_agents(&Asker::new(&context, &message.portal)?).await?;
        let agents = agents.into_iter().map(|agent| PersonName { id: agent.id.to_string(), name: agent.name, role: role(agent.role) });
        Ok(Response::new(wire::ListAssignableAgentsResponse { agents: agents.collect() }))
    }
}

impl Api {
    /// Adds a row; `named` is portal, request id and name.
    async fn add(&self, context: &Context, message: &impl Message, named: (&str, &str, &str), new: NewRow) -> Result<Named, Error> {
        let (portal, request_id, name) = named;
        let asker = Asker::new(context, portal)?;
        let request = context.request_key("AddToCatalog", request_id, message)?;
        let mut form = Form::default();
        let name = form.required_line("name", name, LONGEST_NAME);
        form.done()?;
        self.0.add_row(&asker, request, name, new).await
    }
}
