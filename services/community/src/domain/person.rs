//! Who asks, as far as a community cares.

use super::forum::Audience;
use super::ids::PersonId;

/// Somebody who is signed in and acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who it is.
    pub id: PersonId,
    /// Whether it is an agent or administrator.
    pub staff: bool,
}

/// Somebody who reads; perhaps a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Nobody is signed in.
    Guest,
    /// A signed-in person.
    Person(Actor),
}

impl Reader {
    /// The person who reads, when there is one.
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Self::Guest => None,
            Self::Person(actor) => Some(actor.id),
        }
    }

    /// Whether the reader is an agent or administrator.
    pub fn staff(&self) -> bool {
        matches!(self, Self::Person(actor) if actor.staff)
    }

    /// The most closed audience that the reader belongs to.
    pub fn reach(&self) -> Audience {
        match self {
            Self::Guest => Audience::Public,
            Self::Person(actor) if actor.staff => Audience::Agents,
            Self::Person(_) => Audience::Customers,
        }
    }

    /// Whether what is meant for `audience` may be read.
    pub fn may_read(&self, audience: Audience) -> bool {
        audience <= self.reach()
    }
}

impl From<Actor> for Reader {
    fn from(actor: Actor) -> Self {
        Self::Person(actor)
    }
}
