//! All SQL. One file a noun; [`Write`] is what the journal commits for identity.

pub mod browser;
pub mod captcha;
pub mod credential;
pub mod events;
pub mod intake;
pub mod invitation;
pub mod link;
pub mod organization;
pub mod person;
pub mod portal;
pub mod revocation;
pub mod session;
pub mod sweep;
pub mod throttle;

use std::collections::HashMap;
use std::hash::Hash;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::journal::Writes;
use sqlx::PgConnection;

/// The migrations of identity's own tables.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// A row that an entry writes.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new portal, or new settings of one; the settings version is drawn here.
    Portal(portal::PortalRow),
    /// A person as they are now.
    Person(person::PersonRow),
    /// A person's password hash.
    Credential(credential::CredentialRow),
    /// An organisation as it is now.
    Organization(organization::OrganizationRow),
    /// A link as it is now.
    Link(link::LinkRow),
    /// An invitation as it is now.
    Invitation(invitation::InvitationRow),
    /// A browser's cookie as it is now.
    Browser(browser::BrowserRow),
    /// A new session.
    Session(session::SessionRow),
    /// The end of a session.
    SessionEnd(session::SessionEnd),
    /// A session that survives a change of the account.
    SessionKept(session::SessionKept),
    /// A wish for a mail.
    Intake(intake::IntakeRow),
    /// A wish that was looked at.
    IntakeDone(intake::IntakeDone),
    /// Something that makes tokens void.
    Revocation(revocation::RevocationRow),
}

#[derive(Default)]
struct Batch {
    portals: Vec<portal::PortalRow>,
    people: Vec<person::PersonRow>,
    credentials: Vec<credential::CredentialRow>,
    organizations: Vec<organization::OrganizationRow>,
    links: Vec<link::LinkRow>,
    invitations: Vec<invitation::InvitationRow>,
    browsers: Vec<browser::BrowserRow>,
    sessions: Vec<session::SessionRow>,
    session_ends: Vec<session::SessionEnd>,
    sessions_kept: Vec<session::SessionKept>,
    intakes: Vec<intake::IntakeRow>,
    intakes_done: Vec<intake::IntakeDone>,
    revocations: Vec<revocation::RevocationRow>,
}

impl Batch {
    fn sort(writes: Vec<Write>) -> Self {
        let mut batch = Self::default();
        for write in writes {
            match write {
                Write::Portal(row) => batch.portals.push(row),
                Write::Person(row) => batch.people.push(row),
                Write::Credential(row) => batch.credentials.push(row),
                Write::Organization(row) => batch.organizations.push(row),
                Write::Link(row) => batch.links.push(row),
                Write::Invitation(row) => batch.invitations.push(row),
                Write::Browser(row) => batch.browsers.push(row),
                Write::Session(row) => batch.sessions.push(row),
                Write::SessionEnd(row) => batch.session_ends.push(row),
                Write::SessionKept(row) => batch.sessions_kept.push(row),
                Write::Intake(row) => batch.intakes.push(row),
                Write::IntakeDone(row) => batch.intakes_done.push(row),
                Write::Revocation(row) => batch.revocations.push(row),
            }
        }
        batch
    }
}

#[async_trait]
impl Writes for Write {
    async fn apply(conn: &mut PgConnection, batch: Vec<Self>) -> Result<(), Error> {
        let batch = Batch::sort(batch);
        portal::write(conn, batch.portals).await?;
        person::write(conn, batch.people).await?;
        credential::write(conn, batch.credentials).await?;
        organization::write(conn, batch.organizations).await?;
        link::write(conn, batch.links).await?;
        invitation::write(conn, batch.invitations).await?;
        browser::write(conn, batch.browsers).await?;
        session::write(conn, batch.sessions).await?;
        session::write_ends(conn, batch.session_ends).await?;
        session::write_kept(conn, batch.sessions_kept).await?;
        intake::write(conn, batch.intakes).await?;
        intake::write_done(conn, batch.intakes_done).await?;
        revocation::write(conn, batch.revocations).await
    }
}

/// The last row of each key: one statement can't touch a row twice, and a later entry of the batch knew of the earlier one.
fn last_of_each<R, K: Hash + Eq>(rows: Vec<R>, key: impl Fn(&R) -> K) -> Vec<R> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut kept: Vec<R> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&key(&row)) {
            Some(place) => kept[*place] = row,
            None => {
                places.insert(key(&row), kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

/// One column of a batch, for UNNEST.
fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
