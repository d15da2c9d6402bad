//! People of a demo or of another system, brought in by the operator with their passwords.

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::journal::RequestKey;
use sqlx::PgConnection;

use super::draft::{Draft, Subject};
use super::organization::new_organization;
use super::password::refused;
use super::person::{end_links, person_of};
use super::{App, Ask, Command};
use crate::domain::email::Email;
use crate::domain::invitation::{Invitation, InvitationState};
use crate::domain::link::LinkState;
use crate::domain::organization::name_key;
use crate::domain::password::Password;
use crate::domain::person::{Change, Membership, Person, Role, Visibility};
use crate::store;

/// The password of the demo's people. A production start refuses it.
pub const DEMO_PASSWORD: &str = "a-demo-Passphrase-41";

/// Somebody who is brought in.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The address.
    pub email: Email,
    /// The display name; empty: the address' local part.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Name of the organisation; empty for none.
    pub organization: String,
    /// What they see.
    pub visibility: Option<Visibility>,
    /// Empty: no account yet.
    pub password: String,
    /// BCP 47; empty: the portal's first language.
    pub locale: String,
    /// IANA name; empty: UTC.
    pub time_zone: String,
}

struct ImportPerson {
    imported: Imported,
    password_hash: Option<String>,
}

#[async_trait]
impl Command for ImportPerson {
    type Answer = Person;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Person, Error> {
        let portal = app.portal(conn, &draft.portal).await?;
        let imported = &self.imported;
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let change = Change {
            name: text(&imported.name),
            role: Some(imported.role),
            organization: Some(self.membership(conn, draft).await?),
            visibility: imported.visibility,
            locale: text(&imported.locale),
            time_zone: text(&imported.time_zone),
            status: None,
        };
        let mut subject = person_of(conn, draft, &portal, &imported.email, &imported.name).await?;
        let events = subject.person.apply(change);
        subject.happened(events);
        if self.password_hash.is_some() && !subject.person.registered {
            let events = subject.person.register(None, Change::default());
            subject.happened(events);
            close_invitations(conn, draft, &mut subject).await?;
        }
        if subject.is_unchanged() {
            draft.expect_person(&subject.person);
        }
        let person = if subject.is_unchanged() { subject.person } else { draft.person(subject) };
        if let Some(hash) = &self.password_hash {
            draft.credential(&person, hash.clone());
        }
        Ok(person)
    }
}

/// Whoever is brought in with a password needs no link any more.
async fn close_invitations(conn: &mut PgConnection, draft: &mut Draft, subject: &mut Subject) -> Result<(), Error> {
    end_links(conn, draft, subject, LinkState::Replaced).await?;
    for invitation in store::invitation::pending_of(conn, &draft.portal, subject.person.id).await? {
        draft.invitation(Invitation { state: InvitationState::Accepted, ..invitation });
    }
    Ok(())
}

impl ImportPerson {
    async fn membership(&self, conn: &mut PgConnection, draft: &mut Draft) -> Result<Option<Membership>, Error> {
        let name = &self.imported.organization;
        if name.is_empty() {
            return Ok(None);
        }
        let known = store::organization::find_by_names(conn, &draft.portal, &[name_key(name)]).await?.pop();
        let organization = match known {
            Some(organization) => organization,
            None => new_organization(draft, name, Vec::new()),
        };
        Ok(Some(Membership { id: organization.id, name: organization.name }))
    }
}

impl App {
    /// Brings people in, each once for the request. The password rules don't apply, but production refuses the demo's password.
    pub async fn import_people(&self, ask: &Ask, people: Vec<Imported>) -> Result<Vec<Person>, Error> {
        let mut done = Vec::with_capacity(people.len());
        for (index, imported) in people.into_iter().enumerate() {
            let request = RequestKey { key: format!("{}/{index}", ask.request.key), ..ask.request.clone() };
            let ask = Ask { request, ..ask.clone() };
            if let Some(person) = self.answered::<Person>(&ask).await? {
                done.push(person);
                continue;
            }
            let password_hash = self.imported_password(&imported.password, &ask).await?;
            done.push(self.run(&ask, &ImportPerson { imported, password_hash }).await?);
        }
        Ok(done)
    }

    async fn imported_password(&self, text: &str, ask: &Ask) -> Result<Option<String>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        if text == DEMO_PASSWORD && !self.development {
            return Err(Error::invalid("password", "not_allowed", "The demo's password is refused in production."));
        }
        let password = Password::presented(text).map_err(|problem| refused("password", problem))?;
        Ok(Some(self.hasher.hash(&password, self.random.bytes(), ask.deadline).await?))
    }
}
