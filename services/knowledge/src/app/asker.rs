//! Who asks, in the words of this service.

use portico_chassis::auth::{Caller, Person};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;

use crate::domain::audience::Viewer;
use crate::domain::comment::Byline;
use crate::domain::ids::PersonId;
use crate::domain::search::document::Reader;
use crate::store::person::PersonCopy;

/// Who asks, where, until when.
#[derive(Clone, Debug)]
pub struct Asker {
    /// In which portal.
    pub portal: PortalId,
    /// As a reader.
    pub viewer: Viewer,
    /// As journal and page tokens name the caller.
    pub name: String,
    /// Until when an answer is of use.
    pub deadline: Deadline,
    /// Where a guest comes from.
    pub source: Option<String>,
    /// To pass on when another service is asked.
    pub context: Context,
}

impl Asker {
    /// From a request's context and the portal that it names.
    ///
    /// # Errors
    /// When the portal can't exist, or the person belongs to another one.
    pub fn new(context: &Context, portal: &str) -> Result<Self, Error> {
        let portal = context.portal(portal)?;
        let viewer = match &context.caller {
            Caller::Person(person) if person.is_staff() => Viewer::Staff,
            Caller::Person(person) => Viewer::Customer { organization: person.organization.as_ref().map(|own| own.id) },
            Caller::Guest => Viewer::Guest,
            Caller::Service(_) | Caller::Operator => Viewer::Staff,
        };
        let (name, source) = (context.caller.actor(), context.source.clone());
        Ok(Self { portal, viewer, name, deadline: context.deadline, source, context: context.clone() })
    }

    /// The signed-in person, or `Unauthenticated`.
    ///
    /// # Errors
    /// For guests, services and the operator.
    pub fn person(&self) -> Result<&Person, Error> {
        self.context.caller.person()
    }

    /// The signed-in person's id, if there is one.
    #[must_use]
    pub fn person_id(&self) -> Option<PersonId> {
        self.context.caller.as_person().map(|person| PersonId::new(person.id))
    }

    /// The groups that the caller belongs to, as stored; `None` for those who see everything.
    #[must_use]
    pub fn filter(&self) -> Option<Vec<String>> {
        (!self.viewer.is_staff()).then(|| self.words())
    }

    /// The groups that the caller belongs to, as stored.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.viewer.groups().iter().map(Reader::word).collect()
    }
}

/// A person as a byline.
#[must_use]
pub fn byline(person: &Person) -> Byline {
    Byline { id: PersonId::new(person.id), name: person.name.clone(), role: person.role.as_str().to_owned() }
}

/// A person's facts as the token has them.
#[must_use]
pub fn copy(person: &Person) -> PersonCopy {
    PersonCopy {
        portal: person.portal.clone(),
        id: PersonId::new(person.id),
        name: person.name.clone(),
        role: person.role.as_str().to_owned(),
        version: person.version,
    }
}
