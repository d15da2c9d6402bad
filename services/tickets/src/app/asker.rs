//! Who asks, in the words of tickets.

use portico_chassis::auth::{Caller, Person, Role as CallerRole, Visibility};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;

use crate::domain::access::Viewer;
use crate::domain::ids::{OrganizationId, PersonId};
use crate::domain::kinds::{Channel, Role};
use crate::domain::person::PersonFacts;
use crate::store::filter::Sight;

/// Who asks, where, until when.
#[derive(Debug, Clone)]
pub struct Asker {
    /// In which portal.
    pub portal: PortalId,
    /// As journal and page tokens name the caller.
    pub name: String,
    /// Until when an answer is of use.
    pub deadline: Deadline,
    /// The signed-in person, if it is one.
    person: Option<Box<(Viewer, PersonFacts)>>,
    /// Where a guest comes from.
    pub source: Option<String>,
}

impl Asker {
    /// From a request's context and the portal it names.
    ///
    /// # Errors
    /// `NOT_FOUND` for no portal's name; `Unauthenticated` for a token of another portal.
    pub fn new(context: &Context, portal: &str) -> Result<Self, Error> {
        let portal = context.portal(portal)?;
        let person = context.caller.as_person().map(|person| Box::new((viewer(person), facts(person))));
        let name = match (&context.caller, &context.source) {
            (Caller::Guest, Some(source)) => format!("guest:{source}"),
            (caller, _) => caller.actor(),
        };
        Ok(Self { portal, name, deadline: context.deadline, person, source: context.source.clone() })
    }

    /// A person in whose name the service itself acts, such as the writer of a mail.
    pub fn of_facts(facts: PersonFacts, channel: Channel, deadline: Deadline) -> Self {
        let staff = facts.is_staff();
        let organization = facts.organization.as_ref().filter(|_| facts.sees_organization && !staff).map(|(id, _)| *id);
        let viewer = Viewer { person: facts.id, staff, email: facts.email.clone(), organization, channel };
        let (portal, name) = (facts.portal.clone(), facts.id.to_string());
        Self { portal, name, deadline, person: Some(Box::new((viewer, facts))), source: None }
    }

    /// A service that acts for somebody unknown, such as the inbound door for an unproven sender.
    pub fn of_service(portal: PortalId, name: &str, deadline: Deadline) -> Self {
        Self { portal, name: name.to_owned(), deadline, person: None, source: None }
    }

    /// The person; `Unauthenticated` for anybody else.
    ///
    /// # Errors
    /// See above.
    pub fn viewer(&self) -> Result<&Viewer, Error> {
        self.person.as_deref().map(|(viewer, _)| viewer).ok_or_else(Error::sign_in_required)
    }

    /// The person, if it is one.
    pub fn as_viewer(&self) -> Option<&Viewer> {
        self.person.as_deref().map(|(viewer, _)| viewer)
    }

    /// Who asks, if it is a person and no agent.
    pub fn customer(&self) -> Option<PersonId> {
        self.as_viewer().filter(|viewer| !viewer.staff).map(|viewer| viewer.person)
    }

    /// What the token says about the person.
    pub fn facts(&self) -> Option<&PersonFacts> {
        self.person.as_deref().map(|(_, facts)| facts)
    }

    /// An agent or administrator.
    ///
    /// # Errors
    /// `Forbidden` for a customer, `Unauthenticated` for a guest.
    pub fn staff(&self) -> Result<&Viewer, Error> {
        self.viewer().and_then(|viewer| if viewer.staff { Ok(viewer) } else { Err(Error::forbidden()) })
    }

    /// How far a list of this person reaches.
    ///
    /// # Errors
    /// `Unauthenticated` for a guest.
    pub fn sight(&self) -> Result<Sight, Error> {
        let viewer = self.viewer()?;
        Ok(if viewer.staff {
            Sight::Staff(viewer.person)
        } else {
            Sight::Customer { person: viewer.person, email: viewer.email.clone(), organization: viewer.organization }
        })
    }
}

fn viewer(person: &Person) -> Viewer {
    let staff = person.is_staff();
    let sees = person.visibility == Visibility::Organization && !staff;
    Viewer {
        person: PersonId::new(person.id),
        staff,
        email: person.email.to_lowercase(),
        organization: person.organization.as_ref().filter(|_| sees).map(|organization| OrganizationId::new(organization.id)),
        channel: if person.api_token { Channel::Api } else { Channel::Portal },
    }
}

fn facts(person: &Person) -> PersonFacts {
    PersonFacts {
        portal: person.portal.clone(),
        id: PersonId::new(person.id),
        name: person.name.clone(),
        email: person.email.to_lowercase(),
        role: match person.role {
            CallerRole::Customer => Role::Customer,
            CallerRole::Agent => Role::Agent,
            CallerRole::Admin => Role::Admin,
        },
        active: true,
        registered: true,
        organization: person.organization.as_ref().map(|organization| (OrganizationId::new(organization.id), organization.name.clone())),
        sees_organization: person.visibility == Visibility::Organization,
        locale: person.locale.clone(),
        time_zone: person.time_zone.clone(),
        version: person.version,
    }
}
