//! Organisations and their members.

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::draft::{Draft, Subject};
use super::{App, Ask, Command};
use crate::domain::ids::{OrganizationId, PersonId};
use crate::domain::organization::{Organization, name_key};
use crate::domain::person::{Change, Filter, Membership, Person, Visibility};
use crate::store;

struct CreateOrganization {
    name: String,
    domains: Vec<String>,
}

#[async_trait]
impl Command for CreateOrganization {
    type Answer = Organization;

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Organization, Error> {
        if !store::organization::find_by_names(conn, &draft.portal, &[name_key(&self.name)]).await?.is_empty() {
            return Err(Error::conflict("name_taken", "There is an organisation of this name."));
        }
        Ok(new_organization(draft, &self.name, self.domains.clone()))
    }
}

/// Adds an organisation to a draft.
pub fn new_organization(draft: &mut Draft, name: &str, domains: Vec<String>) -> Organization {
    let organization =
        Organization { id: OrganizationId::new(draft.id()), name: name.to_owned(), domains, created_at: draft.now, version: 0 };
    draft.create_organization(organization)
}

struct SetMember {
    organization: OrganizationId,
    person: PersonId,
    visibility: Option<Visibility>,
}

#[async_trait]
impl Command for SetMember {
    type Answer = Person;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Person, Error> {
        let organization = store::organization::find(conn, &draft.portal, self.organization).await?.ok_or(Error::NOT_FOUND)?;
        let person = store::person::find(conn, &draft.portal, self.person).await?.ok_or(Error::NOT_FOUND)?;
        let visibility = match self.visibility {
            Some(visibility) => visibility,
            None => {
                let settings = app.portal(conn, &draft.portal).await?.settings;
                Visibility::parse(settings.default_visibility()).unwrap_or(Visibility::Own)
            }
        };
        let membership = Membership { id: organization.id, name: organization.name };
        let change = Change { organization: Some(Some(membership)), visibility: Some(visibility), ..Change::default() };
        Ok(change_person(draft, person, change))
    }
}

struct RemoveMember {
    organization: OrganizationId,
    person: PersonId,
}

#[async_trait]
impl Command for RemoveMember {
    type Answer = Person;

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Person, Error> {
        let person = store::person::find(conn, &draft.portal, self.person).await?;
        let is_member = |person: &Person| person.organization.as_ref().is_some_and(|o| o.id == self.organization);
        let person = person.filter(is_member).ok_or(Error::NOT_FOUND)?;
        let change = Change { organization: Some(None), visibility: Some(Visibility::Own), ..Change::default() };
        Ok(change_person(draft, person, change))
    }
}

fn change_person(draft: &mut Draft, person: Person, change: Change) -> Person {
    let mut subject = Subject::known(person);
    let events = subject.person.apply(change);
    subject.happened(events);
    draft.person(subject)
}

impl App {
    /// Makes an organisation.
    pub async fn create_organization(&self, ask: &Ask, name: String, domains: Vec<String>) -> Result<Organization, Error> {
        self.run(ask, &CreateOrganization { name, domains }).await
    }

    /// One organisation, for staff and its members.
    pub async fn organization(&self, context: &Context, portal: &PortalId, id: OrganizationId) -> Result<Organization, Error> {
        let person = context.caller.person()?;
        let is_member = person.organization.as_ref().is_some_and(|own| own.id == id.uuid());
        if !person.is_staff() && !is_member {
            return Err(Error::NOT_FOUND);
        }
        let mut conn = self.db.read(portal, context.deadline).await?;
        store::organization::find(&mut conn, portal, id).await?.ok_or(Error::NOT_FOUND)
    }

    /// Organisations by name.
    pub async fn list_organizations(
        &self,
        context: &Context,
        portal: &PortalId,
        query: &str,
        after: Option<(String, Uuid)>,
        limit: i64,
    ) -> Result<Vec<Organization>, Error> {
        let mut conn = self.db.read(portal, context.deadline).await?;
        store::organization::list(&mut conn, portal, query, after, limit).await
    }

    /// Members, newest person first, for staff and for members who see all of the organisation's.
    pub async fn list_members(
        &self,
        context: &Context,
        portal: &PortalId,
        id: OrganizationId,
        before: Option<(OffsetDateTime, Uuid)>,
        limit: i64,
    ) -> Result<Vec<Person>, Error> {
        self.organization(context, portal, id).await?;
        let person = context.caller.person()?;
        if !person.is_staff() && person.visibility != portico_chassis::auth::Visibility::Organization {
            return Err(Error::forbidden());
        }
        let filter = Filter { organization: Some(id), ..Filter::default() };
        self.list_people(portal, &filter, before, limit, context.deadline).await
    }

    /// Makes a person a member, or changes what the member sees.
    pub async fn set_member(
        &self,
        ask: &Ask,
        organization: OrganizationId,
        person: PersonId,
        visibility: Option<Visibility>,
    ) -> Result<Person, Error> {
        self.run(ask, &SetMember { organization, person, visibility }).await
    }

    /// Takes a person out of the organisation.
    pub async fn remove_member(&self, ask: &Ask, organization: OrganizationId, person: PersonId) -> Result<Person, Error> {
        self.run(ask, &RemoveMember { organization, person }).await
    }
}
