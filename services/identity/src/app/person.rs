//! People: looking them up, the signed-in person's own facts, and what administrators change.

use async_trait::async_trait;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::draft::{Draft, Subject};
use super::{App, Ask, Command, caller_id, check_etag};
use crate::domain::email::Email;
use crate::domain::ids::PersonId;
use crate::domain::link::LinkState;
use crate::domain::person::{Change, Filter, NewPerson, Person, Role, Status, Visibility};
use crate::domain::portal::Portal;
use crate::store;

/// The person of an address as a subject of this command: known, or made by it.
pub async fn person_of(conn: &mut PgConnection, draft: &Draft, portal: &Portal, email: &Email, name: &str) -> Result<Subject, Error> {
    if let Some(person) = store::person::find_by_email(conn, &draft.portal, email).await? {
        return Ok(Subject::known(person));
    }
    let new = NewPerson {
        id: PersonId::new(draft.id()),
        email: email.clone(),
        name: name.to_owned(),
        visibility: Visibility::parse(portal.settings.default_visibility()).unwrap_or(Visibility::Own),
        locale: portal.settings.default_locale().to_owned(),
    };
    Ok(Subject::new(Person::create(new, draft.now)))
}

/// Ends all links of a person that may still be used.
pub async fn end_links(conn: &mut PgConnection, draft: &mut Draft, subject: &mut Subject, state: LinkState) -> Result<(), Error> {
    for link in store::link::pending_of(conn, &draft.portal, subject.person.id).await? {
        draft.end_link(subject, link, state);
    }
    Ok(())
}

struct EnsurePerson {
    email: Email,
    name: String,
}

#[async_trait]
impl Command for EnsurePerson {
    type Answer = Person;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Person, Error> {
        let portal = app.portal(conn, &draft.portal).await?;
        let subject = person_of(conn, draft, &portal, &self.email, &self.name).await?;
        Ok(draft.person(subject))
    }
}

struct UpdateMe {
    id: PersonId,
    etag: String,
    change: Change,
}

#[async_trait]
impl Command for UpdateMe {
    type Answer = Person;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Person, Error> {
        let person = store::person::find(conn, &draft.portal, self.id).await?.ok_or(Error::NOT_FOUND)?;
        check_etag(&self.etag, person.version)?;
        if let Some(locale) = &self.change.locale {
            let portal = app.portal(conn, &draft.portal).await?;
            if !portal.settings.has_locale(locale) {
                return Err(Error::invalid("locale", "invalid", "This portal does not speak that language."));
            }
        }
        let mut subject = Subject::known(person);
        let events = subject.person.apply(self.change.clone());
        subject.happened(events);
        Ok(draft.person(subject))
    }
}

struct UpdatePerson {
    id: PersonId,
    by: Role,
    etag: String,
    change: Change,
}

#[async_trait]
impl Command for UpdatePerson {
    type Answer = Person;

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Person, Error> {
        let person = store::person::find(conn, &draft.portal, self.id).await?.ok_or(Error::NOT_FOUND)?;
        if self.by != Role::Admin && (self.change.role.is_some() || self.change.status.is_some() || person.role.is_staff()) {
            return Err(Error::forbidden());
        }
        check_etag(&self.etag, person.version)?;
        let was_acting_admin = person.role == Role::Admin && person.may_sign_in();
        let mut subject = Subject::known(person);
        let events = subject.person.apply(self.change.clone());
        subject.happened(events);
        let is_acting_admin = subject.person.role == Role::Admin && subject.person.may_sign_in();
        if was_acting_admin && !is_acting_admin {
            let other = store::person::other_admin(conn, &draft.portal, self.id).await?;
            let (other, version) =
                other.ok_or_else(|| Error::conflict("last_admin", "The portal needs an administrator who can sign in."))?;
            // Who stays must still be there at the commit: two administrators may be demoting each other.
            draft.expect_person_at(other, version);
        }
        if subject.person.status == Status::Suspended && !subject.is_unchanged() {
            end_links(conn, draft, &mut subject, LinkState::Revoked).await?;
        }
        Ok(draft.person(subject))
    }
}

impl App {
    /// Finds or makes the person of an address. Nobody is mailed by it.
    pub async fn ensure_person(&self, ask: &Ask, email: Email, name: String) -> Result<Person, Error> {
        // Most addresses are known: then there is nothing to commit.
        let mut conn = self.db.read(&ask.portal, ask.deadline).await?;
        if let Some(person) = store::person::find_by_email(&mut conn, &ask.portal, &email).await? {
            return Ok(person);
        }
        drop(conn);
        self.run(ask, &EnsurePerson { email, name }).await
    }

    /// People by id; unknown ids are left out.
    pub async fn people(&self, portal: &PortalId, ids: &[Uuid], deadline: Deadline) -> Result<Vec<Person>, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        store::person::find_many(&mut conn, portal, ids).await
    }

    /// People by address; unknown addresses are left out.
    pub async fn people_by_email(&self, portal: &PortalId, emails: &[Email], deadline: Deadline) -> Result<Vec<Person>, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let emails: Vec<String> = emails.iter().map(Email::to_string).collect();
        store::person::find_by_emails(&mut conn, portal, &emails).await
    }

    /// People of one portal or of all, after a (portal, id).
    pub async fn snapshot_people(&self, portal: Option<&str>, after: (&str, Uuid), limit: i64) -> Result<Vec<(String, Person)>, Error> {
        store::person::snapshot(self.db.system(), portal, after, limit).await
    }

    /// One person.
    pub async fn person(&self, portal: &PortalId, id: PersonId, deadline: Deadline) -> Result<Person, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        store::person::find(&mut conn, portal, id).await?.ok_or(Error::NOT_FOUND)
    }

    /// People, newest first.
    pub async fn list_people(
        &self,
        portal: &PortalId,
        filter: &Filter,
        before: Option<(OffsetDateTime, Uuid)>,
        limit: i64,
        deadline: Deadline,
    ) -> Result<Vec<Person>, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        store::person::list(&mut conn, portal, filter, before, limit).await
    }

    /// Changes what the signed-in person may change of themselves.
    pub async fn update_me(&self, context: &Context, ask: &Ask, etag: String, change: Change) -> Result<Person, Error> {
        self.run(ask, &UpdateMe { id: caller_id(context)?, etag, change }).await
    }

    /// Changes a person as staff may.
    pub async fn update_person(&self, ask: &Ask, by: Role, id: PersonId, etag: String, change: Change) -> Result<Person, Error> {
        self.run(ask, &UpdatePerson { id, by, etag, change }).await
    }
}
