//! Who a request comes from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::role::{Role, Visibility};
use crate::error::Error;
use crate::ids::PortalId;

/// The organisation that a person belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: Uuid,
    /// Its name when the token was signed.
    pub name: String,
}

/// A signed-in person, as identity vouched for them when it signed the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The portal that the account belongs to.
    pub portal: PortalId,
    /// The person.
    pub id: Uuid,
    /// The session that the token was made from.
    pub session: Uuid,
    /// Raised by a suspension, a change of role, membership or password; older tokens are void.
    pub generation: i64,
    /// What they may be.
    pub role: Role,
    /// Their organisation, if any.
    pub organization: Option<Organization>,
    /// What they see besides what is shared with them.
    pub visibility: Visibility,
    /// Display name.
    pub name: String,
    /// The proven mail address, lower case.
    pub email: String,
    /// BCP 47 language tag.
    pub locale: String,
    /// IANA time zone.
    pub time_zone: String,
    /// False for an account of an external directory (IA-15).
    pub internal: bool,
    /// The version of the person's facts, so that a copy knows whether it is newer.
    pub version: i64,
    /// True when an API token was used rather than a session.
    #[serde(default)]
    pub api_token: bool,
}

impl Person {
    /// Agents and administrators.
    pub fn is_staff(&self) -> bool {
        self.role.is_staff()
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody signed in; the gateway vouches that it came through it.
    Guest,
    /// A signed-in person.
    Person(Box<Person>),
    /// Another service of Portico, by its own key.
    Service(String),
    /// Whoever runs the installation.
    Operator,
}

impl Caller {
    /// The person, or `Unauthenticated` for anybody else.
    pub fn person(&self) -> Result<&Person, Error> {
        match self {
            Self::Person(person) => Ok(person),
            _ => Err(Error::sign_in_required()),
        }
    }

    /// The person, if it is one.
    pub fn as_person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) => Some(person),
            _ => None,
        }
    }

    /// An agent or administrator; `Forbidden` for a customer, `Unauthenticated` for a guest.
    pub fn staff(&self) -> Result<&Person, Error> {
        let person = self.person()?;
        if person.is_staff() { Ok(person) } else { Err(Error::forbidden()) }
    }

    /// How journal rows and request rows name this caller.
    pub fn actor(&self) -> String {
        match self {
            Self::Guest => "guest".to_owned(),
            Self::Person(person) => person.id.to_string(),
            Self::Service(name) => format!("service:{name}"),
            Self::Operator => "operator".to_owned(),
        }
    }
}
