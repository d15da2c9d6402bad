//! Who asks, in the words of the community.

use portico_chassis::auth::{Caller, Role as CallerRole};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;

use crate::domain::ids::PersonId;
use crate::domain::person::{Actor, Reader};
use crate::domain::view::{Byline, Role};
use crate::store::person::PersonCopy;

/// Who asks, where, until when.
#[derive(Clone, Debug)]
pub struct Asker {
    /// In which portal.
    pub portal: PortalId,
    /// As a reader.
    pub reader: Reader,
    /// As journal and page tokens name the caller.
    pub name: String,
    /// Until when an answer is of use.
    pub deadline: Deadline,
    /// What the token says about the person.
    person: Option<PersonCopy>,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Writer {
    /// For decisions.
    pub actor: Actor,
    /// For bylines.
    pub person: PersonCopy,
}

impl Asker {
    /// From a request's context and the portal it names.
    pub fn new(context: &Context, portal: &str) -> Result<Self, Error> {
        let portal = context.portal(portal)?;
        let person = context.caller.as_person().map(|person| PersonCopy {
            portal: portal.clone(),
            byline: Byline { id: PersonId::new(person.id), name: person.name.clone(), role: role(person.role) },
            version: person.version,
        });
        let reader = match &context.caller {
            Caller::Person(person) => Reader::Person(Actor { id: PersonId::new(person.id), staff: person.is_staff() }),
            Caller::Guest | Caller::Service(_) | Caller::Operator => Reader::Guest,
        };
        Ok(Self { portal, reader, name: context.caller.actor(), deadline: context.deadline, person })
    }

    /// The person who writes; `Unauthenticated` for everybody else.
    pub fn writer(&self) -> Result<Writer, Error> {
        match (&self.reader, &self.person) {
            (Reader::Person(actor), Some(person)) => Ok(Writer { actor: *actor, person: person.clone() }),
            _ => Err(Error::sign_in_required()),
        }
    }
}

/// The role in the words of the community.
pub fn role(role: CallerRole) -> Role {
    match role {
        CallerRole::Customer => Role::Customer,
        CallerRole::Agent => Role::Agent,
        CallerRole::Admin => Role::Admin,
    }
}
