//! People: one account per address and portal. A person is the aggregate that owns its links, invitations and password.

pub use portico_chassis::auth::role::{Role, Visibility};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::email::Email;
use super::event::Event;
use super::ids::{OrganizationId, PersonId};

/// Whether a person may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// May act.
    Active,
    /// May not.
    Suspended,
}

impl Status {
    /// The name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|status| status.as_str() == text)
    }
}

/// The organisation of a person, with the name that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Which.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
}

/// A person of one portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The id.
    pub id: PersonId,
    /// The address.
    pub email: Email,
    /// The display name.
    pub name: String,
    /// What they may be.
    pub role: Role,
    /// Whether they may act.
    pub status: Status,
    /// False when a directory keeps the password (IA-15).
    pub internal: bool,
    /// Whether they have signed up.
    pub registered: bool,
    /// Their organisation.
    pub organization: Option<Membership>,
    /// What they see.
    pub visibility: Visibility,
    /// BCP 47.
    pub locale: String,
    /// IANA name.
    pub time_zone: String,
    /// Tokens of a lower one are void.
    pub generation: i64,
    /// Sessions of a lower one are void.
    pub epoch: i64,
    /// When they were made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The version of the aggregate.
    pub version: i64,
}

/// What to change of a person; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The display name.
    pub name: Option<String>,
    /// The role.
    pub role: Option<Role>,
    /// Whether they may act.
    pub status: Option<Status>,
    /// BCP 47.
    pub locale: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// The organisation; `Some(None)` takes them out of it.
    pub organization: Option<Option<Membership>>,
    /// What they see.
    pub visibility: Option<Visibility>,
}

/// What a list of people is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Start of a name or address, lower case; empty for all.
    pub query: String,
    /// A role.
    pub role: Option<Role>,
    /// A status.
    pub status: Option<Status>,
    /// Members of an organisation.
    pub organization: Option<OrganizationId>,
}

/// What a new person begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// The id.
    pub id: PersonId,
    /// The address.
    pub email: Email,
    /// The display name; empty: the address' local part.
    pub name: String,
    /// What they see, as the portal's policy says.
    pub visibility: Visibility,
    /// The portal's first language.
    pub locale: String,
}

impl Person {
    /// A person who has not signed up, with the event that says so.
    pub fn create(new: NewPerson, now: OffsetDateTime) -> (Self, Event) {
        let name = if new.name.is_empty() { new.email.local().to_owned() } else { new.name };
        let person = Self {
            id: new.id,
            email: new.email,
            name,
            role: Role::Customer,
            status: Status::Active,
            internal: true,
            registered: false,
            organization: None,
            visibility: new.visibility,
            locale: new.locale,
            time_zone: "UTC".to_owned(),
            generation: 1,
            epoch: 1,
            created_at: now,
            version: 0,
        };
        let event = person.changed(vec!["created"]);
        (person, event)
    }

    /// Whether they may sign in with a password.
    pub fn may_sign_in(&self) -> bool {
        self.registered && self.status == Status::Active && self.internal
    }

    /// Applies a change. Role and suspension void tokens and sessions, membership and visibility void tokens only: the session gets new
    /// ones at its next use.
    pub fn apply(&mut self, change: Change) -> Vec<Event> {
        let before = self.clone();
        let mut fields = Vec::new();
        set(&mut self.name, change.name, "name", &mut fields);
        set(&mut self.role, change.role, "role", &mut fields);
        set(&mut self.status, change.status, "status", &mut fields);
        set(&mut self.locale, change.locale, "locale", &mut fields);
        set(&mut self.time_zone, change.time_zone, "time_zone", &mut fields);
        set(&mut self.organization, change.organization, "organization", &mut fields);
        set(&mut self.visibility, change.visibility, "visibility", &mut fields);
        if fields.is_empty() {
            return Vec::new();
        }
        let suspended = before.status == Status::Active && self.status == Status::Suspended;
        if suspended || before.role != self.role {
            self.epoch += 1;
        }
        let mut events = vec![self.changed(fields)];
        if suspended || before.role != self.role || before.organization != self.organization || before.visibility != self.visibility {
            events.push(self.raise_generation());
        }
        events
    }

    /// The person chose a password for the first time.
    pub fn register(&mut self, name: Option<String>, grant: Change) -> Vec<Event> {
        self.registered = true;
        let mut fields = vec!["registered"];
        set(&mut self.name, name, "name", &mut fields);
        set(&mut self.role, grant.role, "role", &mut fields);
        set(&mut self.organization, grant.organization, "organization", &mut fields);
        set(&mut self.visibility, grant.visibility, "visibility", &mut fields);
        vec![self.changed(fields), Event::AddressProven { person: self.id }]
    }

    /// Another password: sessions of before are void.
    pub fn change_password(&mut self) -> Event {
        self.epoch += 1;
        Event::PasswordChanged { person: self.id }
    }

    /// Voids all tokens of before.
    pub fn raise_generation(&mut self) -> Event {
        self.generation += 1;
        Event::GenerationRaised { person: self.id, generation: self.generation }
    }

    fn changed(&self, fields: Vec<&'static str>) -> Event {
        Event::PersonChanged { person: self.id, fields, organization: self.organization.as_ref().map(|membership| membership.id) }
    }
}

fn set<T: PartialEq>(target: &mut T, value: Option<T>, field: &'static str, fields: &mut Vec<&'static str>) {
    if let Some(value) = value
        && *target != value
    {
        *target = value;
        fields.push(field);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn alice() -> Person {
        let new = NewPerson {
            id: PersonId::new(Uuid::from_u128(1)),
            email: Email::parse("alice@acme.test").unwrap(),
            name: String::new(),
            visibility: Visibility::Own,
            locale: "en".into(),
        };
        Person::create(new, OffsetDateTime::UNIX_EPOCH).0
    }

    #[test]
    fn a_new_person_may_not_sign_in_before_registering() {
        let mut person = alice();
        assert_eq!((person.name.as_str(), person.may_sign_in()), ("alice", false));
        let events = person.register(Some("Alice".into()), Change::default());
        assert!(person.may_sign_in());
        assert!(matches!(events[..], [Event::PersonChanged { .. }, Event::AddressProven { .. }]));
    }

    #[test]
    fn suspension_and_role_void_sessions_and_tokens() {
        for change in
            [Change { status: Some(Status::Suspended), ..Change::default() }, Change { role: Some(Role::Agent), ..Change::default() }]
        {
            let mut person = alice();
            let events = person.apply(change);
            assert_eq!((person.epoch, person.generation), (2, 2));
            assert!(matches!(events[..], [Event::PersonChanged { .. }, Event::GenerationRaised { generation: 2, .. }]));
        }
    }

    #[test]
    fn membership_voids_tokens_and_keeps_sessions() {
        let mut person = alice();
        person.apply(Change { visibility: Some(Visibility::Organization), ..Change::default() });
        assert_eq!((person.epoch, person.generation), (1, 2));
    }

    #[test]
    fn what_changes_nothing_says_nothing() {
        let mut person = alice();
        assert_eq!(person.apply(Change { name: Some("alice".into()), ..Change::default() }), []);
    }
}
