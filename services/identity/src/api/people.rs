//! PeopleService.

use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_chassis::page;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::people_service_server::PeopleService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use super::encode::{self, Place};
use super::fields::{self, Fields, vouched};
use crate::app::caller_id;
use crate::app::import::Imported;
use crate::app::password::refused;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::person::{Change, Filter, Role};

/// Ids of one batch.
const BATCH: usize = 500;
/// Addresses of one look-up.
const ADDRESSES: usize = 20;
/// People of one import.
const IMPORT: usize = 200;
/// Characters of a search.
const QUERY_CHARS: usize = 100;
/// People of a page of the snapshot.
const SNAPSHOT_PAGE: i64 = 500;

fn too_many(field: &str, most: usize) -> Error {
    Error::invalid(field, "too_many", format!("At most {most} at once."))
}

#[tonic::async_trait]
impl PeopleService for Api {
    async fn batch_get_people(
        &self,
        request: Request<wire::BatchGetPeopleRequest>,
    ) -> Result<Response<wire::BatchGetPeopleResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        if request.ids.len() > BATCH {
            return Err(too_many("ids", BATCH).into());
        }
        let ids: Vec<Uuid> = request.ids.iter().filter_map(|id| id.parse().ok()).collect();
        let people = self.app.people(&portal, &ids, context.deadline).await?;
        let people = people.into_iter().map(|person| encode::facts(portal.as_str(), person)).collect();
        Ok(Response::new(wire::BatchGetPeopleResponse { people }))
    }

    async fn ensure_person(&self, request: Request<wire::EnsurePersonRequest>) -> Result<Response<wire::PersonFacts>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("EnsurePerson", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let email = fields.email("email", &request.email);
        let name = fields.optional_name("name", &request.name);
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        let person = self.app.ensure_person(&ask, vouched(email)?, name).await?;
        Ok(Response::new(encode::facts(ask.portal.as_str(), person)))
    }

    async fn find_people_by_email(
        &self,
        request: Request<wire::FindPeopleByEmailRequest>,
    ) -> Result<Response<wire::FindPeopleByEmailResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        if request.emails.len() > ADDRESSES {
            return Err(too_many("emails", ADDRESSES).into());
        }
        let emails: Vec<Email> = request.emails.iter().filter_map(|email| Email::parse(email)).collect();
        let people = self.app.people_by_email(&portal, &emails, context.deadline).await?;
        let people = people.into_iter().map(|person| encode::facts(portal.as_str(), person)).collect();
        Ok(Response::new(wire::FindPeopleByEmailResponse { people }))
    }

    async fn snapshot_people(
        &self,
        request: Request<wire::SnapshotPeopleRequest>,
    ) -> Result<Response<wire::SnapshotPeopleResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = if request.portal.is_empty() { None } else { Some(context.portal(&request.portal)?) };
        let scope = ["snapshot", request.portal.as_str()];
        let after: (String, Uuid) = self.pager.cursor(&scope, &request.page_token)?.unwrap_or_default();
        let place = (after.0.as_str(), after.1);
        let mut people = self.app.snapshot_people(portal.as_ref().map(|portal| portal.as_str()), place, SNAPSHOT_PAGE + 1).await?;
        let next_page_token =
            encode::page(&mut people, SNAPSHOT_PAGE, |(portal, person)| self.pager.token(&scope, &(portal, person.id.uuid())))?;
        let people = people.into_iter().map(|(portal, person)| encode::facts(&portal, person)).collect();
        Ok(Response::new(wire::SnapshotPeopleResponse { people, next_page_token }))
    }

    async fn get_me(&self, request: Request<wire::GetMeRequest>) -> Result<Response<wire::User>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        let me = self.app.person(&portal, caller_id(&context)?, context.deadline).await?;
        Ok(Response::new(encode::user(me)))
    }

    async fn update_me(&self, request: Request<wire::UpdateMeRequest>) -> Result<Response<wire::User>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("UpdateMe", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let name = request.name.as_deref().map(|name| fields.name("name", name));
        required_if_given(&mut fields, "locale", request.locale.as_deref());
        required_if_given(&mut fields, "time_zone", request.time_zone.as_deref());
        fields.locale("locale", request.locale.as_deref().unwrap_or_default());
        fields.time_zone("time_zone", request.time_zone.as_deref().unwrap_or_default());
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        let change = Change { name, locale: request.locale, time_zone: request.time_zone, ..Change::default() };
        Ok(Response::new(encode::user(self.app.update_me(&context, &ask, request.etag, change).await?)))
    }

    async fn change_password(
        &self,
        request: Request<wire::ChangePasswordRequest>,
    ) -> Result<Response<wire::ChangePasswordResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("ChangePassword", &request.request_id, &request)?;
        let mut fields = Fields::default();
        fields.password("current", &request.current);
        fields.password("new", &request.new);
        fields.done()?;
        let current = Password::presented(&request.current).map_err(|problem| refused("current", problem))?;
        let ask = self.app.ask(&context, portal, key);
        self.app.change_password(&context, &ask, &current, &request.new).await?;
        Ok(Response::new(wire::ChangePasswordResponse {}))
    }

    async fn list_people(&self, request: Request<wire::ListPeopleRequest>) -> Result<Response<wire::ListPeopleResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let mut fields = Fields::default();
        if request.query.chars().count() > QUERY_CHARS {
            fields.refuse("q", "too_long", "Use at most 100 characters.");
        }
        let filter = Filter {
            query: request.query.trim().to_lowercase(),
            role: fields::role(&mut fields, request.role),
            status: fields::status(&mut fields, request.status),
            organization: fields.reference("organization", &request.organization_id),
        };
        fields.done()?;
        let wanted = request.page.unwrap_or_default();
        let (actor, narrowed) = (context.caller.actor(), format!("{filter:?}"));
        let scope = ["people", portal.as_str(), &actor, &narrowed];
        let before: Option<Place> = self.pager.cursor(&scope, &wanted.page_token)?;
        let size = page::size(wanted.page_size)?;
        let mut people = self.app.list_people(&portal, &filter, encode::before(before), size + 1, context.deadline).await?;
        let next_page_token =
            encode::page(&mut people, size, |last| self.pager.token(&scope, &encode::place(last.created_at, last.id.uuid())))?;
        Ok(Response::new(wire::ListPeopleResponse { people: people.into_iter().map(encode::user).collect(), next_page_token }))
    }

    async fn get_person(&self, request: Request<wire::GetPersonRequest>) -> Result<Response<wire::User>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        let id = fields::id(&request.get_ref().person_id)?;
        Ok(Response::new(encode::user(self.app.person(&portal, id, context.deadline).await?)))
    }

    async fn update_person(&self, request: Request<wire::UpdatePersonRequest>) -> Result<Response<wire::User>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("UpdatePerson", &request.request_id, &request)?;
        let id = fields::id(&request.person_id)?;
        let mut fields = Fields::default();
        let name = request.name.as_deref().map(|name| fields.name("name", name));
        let role = request.role.and_then(|role| fields::role(&mut fields, role));
        let status = request.status.and_then(|status| fields::status(&mut fields, status));
        fields.done()?;
        let by = context.caller.staff()?.role;
        let ask = self.app.ask(&context, portal, key);
        let change = Change { name, role, status, ..Change::default() };
        Ok(Response::new(encode::user(self.app.update_person(&ask, by, id, request.etag, change).await?)))
    }

    async fn import_people(&self, request: Request<wire::ImportPeopleRequest>) -> Result<Response<wire::ImportPeopleResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let key = context.request_key("ImportPeople", &request.request_id, &request)?;
        if request.people.len() > IMPORT {
            return Err(too_many("people", IMPORT).into());
        }
        let mut fields = Fields::default();
        let people: Vec<Option<Imported>> = request.people.into_iter().map(|person| imported(&mut fields, person)).collect();
        fields.done()?;
        let people = people.into_iter().map(vouched).collect::<Result<Vec<_>, _>>()?;
        let ask = self.app.ask(&context, portal, key);
        let people = self.app.import_people(&ask, people).await?;
        Ok(Response::new(wire::ImportPeopleResponse { people: people.into_iter().map(encode::user).collect() }))
    }
}

fn required_if_given(fields: &mut Fields, field: &str, value: Option<&str>) {
    if value == Some("") {
        fields.refuse(field, "required", "Please fill this in.");
    }
}

fn imported(fields: &mut Fields, person: wire::ImportedPerson) -> Option<Imported> {
    let email = fields.email("email", &person.email);
    let name = fields.optional_name("name", &person.name);
    let role = fields::role(fields, person.role).unwrap_or(Role::Customer);
    let organization = fields.optional_name("organization", &person.organization);
    let visibility = fields::visibility(fields, person.visibility);
    fields.locale("locale", &person.locale);
    fields.time_zone("time_zone", &person.time_zone);
    let (password, locale, time_zone) = (person.password, person.locale, person.time_zone);
    Some(Imported { email: email?, name, role, organization, visibility, password, locale, time_zone })
}
