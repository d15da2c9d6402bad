//! OrganizationsService.

use portico_chassis::grpc::context;
use portico_chassis::page;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::organizations_service_server::OrganizationsService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use super::encode::{self, Place};
use super::fields::{self, Fields, vouched};
use crate::domain::ids::OrganizationId;
use crate::domain::organization::{domains, name_key};

/// Characters of a search.
const QUERY_CHARS: usize = 100;

#[tonic::async_trait]
impl OrganizationsService for Api {
    async fn create_organization(&self, request: Request<wire::CreateOrganizationRequest>) -> Result<Response<wire::Organization>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("CreateOrganization", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let name = fields.name("name", &request.name);
        let domains = domains(&request.domains);
        if domains.is_none() {
            fields.refuse("domains", "invalid", "Enter at most 50 domains like example.com.");
        }
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        Ok(Response::new(encode::organization(self.app.create_organization(&ask, name, vouched(domains)?).await?)))
    }

    async fn get_organization(&self, request: Request<wire::GetOrganizationRequest>) -> Result<Response<wire::Organization>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        let id = fields::id(&request.get_ref().organization_id)?;
        Ok(Response::new(encode::organization(self.app.organization(&context, &portal, id).await?)))
    }

    async fn list_organizations(
        &self,
        request: Request<wire::ListOrganizationsRequest>,
    ) -> Result<Response<wire::ListOrganizationsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let query = request.query.trim();
        let mut fields = Fields::default();
        if query.chars().count() > QUERY_CHARS {
            fields.refuse("q", "too_long", "Use at most 100 characters.");
        }
        fields.done()?;
        let wanted = request.page.unwrap_or_default();
        let actor = context.caller.actor();
        let scope = ["organizations", portal.as_str(), &actor, query];
        let after: Option<(String, Uuid)> = self.pager.cursor(&scope, &wanted.page_token)?;
        let size = page::size(wanted.page_size)?;
        let mut found = self.app.list_organizations(&context, &portal, query, after, size + 1).await?;
        let next_page_token = encode::page(&mut found, size, |last| self.pager.token(&scope, &(name_key(&last.name), last.id.uuid())))?;
        let organizations = found.into_iter().map(encode::organization).collect();
        Ok(Response::new(wire::ListOrganizationsResponse { organizations, next_page_token }))
    }

    async fn list_members(&self, request: Request<wire::ListMembersRequest>) -> Result<Response<wire::ListMembersResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let id: OrganizationId = fields::id(&request.organization_id)?;
        let wanted = request.page.unwrap_or_default();
        let (actor, organization) = (context.caller.actor(), id.to_string());
        let scope = ["members", portal.as_str(), &actor, &organization];
        let before: Option<Place> = self.pager.cursor(&scope, &wanted.page_token)?;
        let size = page::size(wanted.page_size)?;
        let mut people = self.app.list_members(&context, &portal, id, encode::before(before), size + 1).await?;
        let next_page_token =
            encode::page(&mut people, size, |last| self.pager.token(&scope, &encode::place(last.created_at, last.id.uuid())))?;
        Ok(Response::new(wire::ListMembersResponse { members: people.into_iter().map(encode::user).collect(), next_page_token }))
    }

    async fn set_member(&self, request: Request<wire::SetMemberRequest>) -> Result<Response<wire::User>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("SetMember", &request.request_id, &request)?;
        let (organization, person) = (fields::id(&request.organization_id)?, fields::id(&request.person_id)?);
        let mut fields = Fields::default();
        let visibility = fields::visibility(&mut fields, request.visibility);
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        Ok(Response::new(encode::user(self.app.set_member(&ask, organization, person, visibility).await?)))
    }

    async fn remove_member(&self, request: Request<wire::RemoveMemberRequest>) -> Result<Response<wire::User>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("RemoveMember", &request.request_id, &request)?;
        let (organization, person) = (fields::id(&request.organization_id)?, fields::id(&request.person_id)?);
        let ask = self.app.ask(&context, portal, key);
        Ok(Response::new(encode::user(self.app.remove_member(&ask, organization, person).await?)))
    }
}
