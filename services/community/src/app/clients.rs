//! The one place that calls other services: identity, for who people are.

use portico_chassis::auth::Role as CallerRole;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::peers::{PeerChannel, Peers, own};
use portico_proto::common::v1 as common;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::people_service_client::PeopleServiceClient;

use crate::domain::ids::PersonId;
use crate::domain::person::{Actor, Reader};
use crate::domain::view::{Byline, Role};
use crate::store::person::PersonCopy;

/// A person as identity knows them.
#[derive(Clone, Debug)]
pub struct PersonFacts {
    /// Name and role.
    pub byline: Byline,
    /// The proven address.
    pub email: String,
    /// BCP 47.
    pub locale: String,
    /// Has signed up and is not suspended: may read what the role may read.
    pub is_member: bool,
    /// Identity's version.
    pub version: i64,
}

impl PersonFacts {
    /// As a reader.
    pub fn reader(&self) -> Reader {
        Reader::Person(Actor { id: self.byline.id, staff: self.byline.role != Role::Customer })
    }

    /// As this service keeps people.
    pub fn copy(&self, portal: &PortalId) -> PersonCopy {
        PersonCopy { portal: portal.clone(), byline: self.byline.clone(), version: self.version }
    }
}

/// Identity, as far as a community needs it. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    people: PeopleServiceClient<PeerChannel>,
}

impl Identity {
    /// The client; connects when first used.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        Ok(Self { people: PeopleServiceClient::new(peers.channel("identity")?.repeating()) })
    }

    /// Facts about people; unknown ids are left out. At most 500.
    pub async fn people(&self, portal: &PortalId, ids: &[PersonId], deadline: Deadline) -> Result<Vec<PersonFacts>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let request = own(wire::BatchGetPeopleRequest { portal: portal.to_string(), ids }, deadline)?;
        let answer = self.people.clone().batch_get_people(request).await.map_err(|status| Error::from_status(&status))?;
        answer.into_inner().people.into_iter().map(facts).collect()
    }

    /// The person of an address, if there is one.
    pub async fn person_of(&self, portal: &PortalId, email: &str, deadline: Deadline) -> Result<Option<PersonFacts>, Error> {
        let request = own(wire::FindPeopleByEmailRequest { portal: portal.to_string(), emails: vec![email.to_owned()] }, deadline)?;
        let answer = self.people.clone().find_people_by_email(request).await.map_err(|status| Error::from_status(&status))?;
        answer.into_inner().people.into_iter().next().map(facts).transpose()
    }
}

fn facts(facts: wire::PersonFacts) -> Result<PersonFacts, Error> {
    let id = facts.id.parse().map_err(|_| Error::internal("identity told a person without an id"))?;
    let is_member = facts.registered && facts.status() == wire::PersonStatus::Active;
    let role = match facts.role() {
        common::Role::Agent => CallerRole::Agent,
        common::Role::Admin => CallerRole::Admin,
        _ => CallerRole::Customer,
    };
    Ok(PersonFacts {
        byline: Byline { id, name: facts.name, role: super::asker::role(role) },
        email: facts.email,
        locale: facts.locale,
        is_member,
        version: facts.version,
    })
}
