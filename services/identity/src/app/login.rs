//! Signing in with address and password.

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::Duration;

use super::draft::Draft;
use super::hasher::Checked;
use super::session::{self, Client, Granted, SignedIn};
use super::{App, Ask, Command};
use crate::domain::email::Email;
use crate::domain::ids::{PersonId, SessionId};
use crate::domain::password::Password;
use crate::domain::person::Person;
use crate::domain::settings::Settings;
use crate::domain::throttle::Charge;
use crate::store;

/// A sign-in that is tried.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// As it was typed.
    pub email: String,
    /// As it was typed, within its byte limit.
    pub password: Password,
    /// From where.
    pub client: Client,
}

/// One answer for a wrong password, an unknown address and a suspended account (S03).
fn refused() -> Error {
    Error::Unauthenticated { code: "bad_credentials".into() }
}

struct Login {
    person: PersonId,
    /// The hash that the password was checked against: another one now means that the password changed meanwhile.
    checked: String,
    /// A stronger hash of the same password.
    renewed: Option<String>,
    client: Client,
}

#[async_trait]
impl Command for Login {
    type Answer = SignedIn;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<SignedIn, Error> {
        let portal = app.portal(conn, &draft.portal).await?;
        let person = store::person::find(conn, &draft.portal, self.person).await?.filter(Person::may_sign_in).ok_or_else(refused)?;
        let present = store::credential::find(conn, &draft.portal, self.person).await?;
        if present.as_deref() != Some(self.checked.as_str()) {
            return Err(refused());
        }
        // A suspension or another password that commits first must win.
        draft.expect_person(&person);
        if let Some(renewed) = &self.renewed {
            draft.credential(&person, renewed.clone());
        }
        let (session, browser) = session::begin(app, conn, draft, &portal, &person, &self.client).await?;
        Ok(SignedIn { person, session, browser, refresh: 1 })
    }
}

impl App {
    /// Signs in. Known and unknown addresses cost the same work and get the same answers.
    pub async fn login(&self, ask: &Ask, attempt: Attempt) -> Result<Granted, Error> {
        let portal = &ask.portal;
        // Before the attempt is counted: who is turned away must not be locked out for it.
        let turn = self.hasher.turn()?;
        let mut conn = self.db.read(portal, ask.deadline).await?;
        let settings = self.portal(&mut conn, portal).await?.settings;
        let email = Email::parse(&attempt.email);
        let person = match &email {
            Some(email) => store::person::find_by_email(&mut conn, portal, email).await?,
            None => None,
        };
        let stored = match &person {
            Some(person) => store::credential::find(&mut conn, portal, person.id).await?,
            None => None,
        };
        let account = email.map_or(attempt.email.clone(), |email| email.to_string());
        let known_device = person.as_ref().is_some_and(|person| self.knows_device(portal, person.id, &attempt.client.device_token));
        let key = self.throttle_key(portal, &account, known_device.then_some(attempt.client.device_token.as_str()));
        self.charge(&mut conn, portal, &key, &settings).await?;
        drop(conn);

        let checked = self.hasher.check(turn, &attempt.password, stored.as_deref(), ask.deadline).await?;
        let (Some(person), Some(stored)) = (person.filter(Person::may_sign_in), stored) else { return Err(refused()) };
        let renewed = match checked {
            Checked::Wrong => return Err(refused()),
            Checked::Right => None,
            Checked::RightButOld => self.renewed(&attempt.password, ask).await?,
        };
        let command = Login { person: person.id, checked: stored, renewed, client: attempt.client };
        let signed_in = self.run(ask, &command).await?;
        let mut conn = self.db.read(portal, ask.deadline).await?;
        store::throttle::clear(&mut conn, portal, &key).await?;
        drop(conn);
        self.grant(portal, signed_in, ask.deadline).await
    }

    /// A hash of today's strength; none while too many wait: the next sign-in makes it.
    async fn renewed(&self, password: &Password, ask: &Ask) -> Result<Option<String>, Error> {
        match self.hasher.hash(password, self.random.bytes(), ask.deadline).await {
            Err(Error::Overloaded { .. }) => Ok(None),
            hashed => hashed.map(Some),
        }
    }

    /// Counts an attempt or refuses it.
    pub async fn charge(&self, conn: &mut PgConnection, portal: &PortalId, key: &[u8; 32], settings: &Settings) -> Result<(), Error> {
        let lock = Duration::seconds(settings.limit("login_lock_seconds"));
        let limit = settings.limit("login_failures_per_account");
        match store::throttle::charge(conn, portal, key, self.clock.now(), limit, lock).await? {
            Charge::Allowed => Ok(()),
            Charge::Locked(left) => {
                let retry_after = std::time::Duration::from_secs(u64::try_from(left.whole_seconds()).unwrap_or(0).max(1));
                Err(Error::RateLimited { code: "rate_limited".into(), retry_after })
            }
        }
    }

    /// The counter of an account, or of one known device of it. A keyed hash: the table names no address.
    pub fn throttle_key(&self, portal: &PortalId, account: &str, device: Option<&str>) -> [u8; 32] {
        let parts: [&[u8]; 3] = [portal.as_str().as_bytes(), account.as_bytes(), device.unwrap_or_default().as_bytes()];
        self.secrets.derive("throttle", &parts)
    }

    /// What a device keeps after a sign-in of its owner.
    pub fn device_token(&self, portal: &PortalId, person: PersonId, session: SessionId) -> String {
        self.secrets.seal(&format!("device {person}"), portal.as_str(), session.uuid(), 0)
    }

    fn knows_device(&self, portal: &PortalId, person: PersonId, token: &str) -> bool {
        self.secrets.open(&format!("device {person}"), portal.as_str(), token).is_some()
    }
}
