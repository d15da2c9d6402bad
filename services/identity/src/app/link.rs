//! One-time links: what their pages show and what their mails carry.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::App;
use crate::domain::ids::LinkId;
use crate::domain::link::{Link, LinkAction};
use crate::domain::person::{Person, Status};
use crate::domain::secrets;
use crate::store;

/// One answer for every link that does not work: used, expired, revoked, never real.
pub fn invalid() -> Error {
    Error::NotFound { code: "link_invalid".into() }
}

/// The link of a token's hash and its person, if both may be used now.
pub async fn working(conn: &mut PgConnection, portal: &PortalId, hash: &[u8; 32], now: OffsetDateTime) -> Result<(Link, Person), Error> {
    let link = store::link::find_by_token(conn, portal, hash).await?.filter(|link| link.works(now)).ok_or_else(invalid)?;
    let person = store::person::find(conn, portal, link.person).await?;
    let person = person.filter(|person| person.status == Status::Active).ok_or_else(invalid)?;
    Ok((link, person))
}

/// What the page of a link shows.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The link.
    pub link: Link,
    /// Whose it is.
    pub person: Person,
    /// What the page does.
    pub action: LinkAction,
}

/// What the mail of a link carries.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The link.
    pub link: Link,
    /// Who gets it.
    pub person: Person,
    /// What its page does.
    pub action: LinkAction,
    /// Path below the portal's base URL.
    pub path: String,
    /// The portal's title.
    pub portal_title: String,
}

impl App {
    /// What the page of a link shows. Changes nothing (S08).
    pub async fn inspect_link(&self, portal: &PortalId, token: &str, deadline: Deadline) -> Result<Shown, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let settings = self.portal(&mut conn, portal).await?.settings;
        let (link, person) = working(&mut conn, portal, &secrets::hash(token), self.clock.now()).await?;
        let action = link.action(person.registered, settings.first_contact("auto_invite"));
        let confirmed = action == LinkAction::ConfirmAddress && link.confirmed;
        if action == LinkAction::SignIn || confirmed { Err(invalid()) } else { Ok(Shown { link, person, action }) }
    }

    /// The link of a mail, with the token made again from its id. `NOT_FOUND` when the mail is not to be sent any more.
    pub async fn render_link(&self, portal: &PortalId, id: LinkId, deadline: Deadline) -> Result<Rendered, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let place = self.portal(&mut conn, portal).await?;
        let link = store::link::find(&mut conn, portal, id).await?.filter(|link| link.works(self.clock.now())).ok_or(Error::NOT_FOUND)?;
        let person = store::person::find(&mut conn, portal, link.person).await?;
        let person = person.filter(|person| person.status == Status::Active).ok_or(Error::NOT_FOUND)?;
        let action = link.action(person.registered, place.settings.first_contact("auto_invite"));
        let path = link.path(&self.secrets, portal.as_str(), action);
        Ok(Rendered { link, person, action, path, portal_title: place.title })
    }
}
