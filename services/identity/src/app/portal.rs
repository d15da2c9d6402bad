//! Portals and their settings.

use async_trait::async_trait;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::{Error, FieldError};
use portico_chassis::ids::PortalId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::draft::{Draft, Subject};
use super::person::person_of;
use super::{App, Ask, Command, check_etag};
use crate::domain::email::Email;
use crate::domain::event::Event;
use crate::domain::ids::{InvitationId, LinkId};
use crate::domain::invitation::{Invitation, InvitationState};
use crate::domain::link::{self, Link, LinkKind};
use crate::domain::person::{Role, Visibility};
use crate::domain::portal::{Portal, inbound_secret};
use crate::domain::profile::Profile;
use crate::domain::schema::Problem;
use crate::domain::settings::Settings;
use crate::store;

/// What a new portal is made from.
#[derive(Debug, Clone)]
pub struct NewPortal {
    /// The title.
    pub title: String,
    /// The profile.
    pub profile: Profile,
    /// Who is invited as the first administrator.
    pub admin: Email,
    /// The first language; empty: as the profile says.
    pub locale: String,
}

/// A portal that was made. The token of the invitation is derived, not stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    /// The title.
    pub title: String,
    /// The profile's name.
    pub profile: String,
    link: LinkId,
    generation: i32,
    /// Until when the invitation may be used.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// How often a patch is put to its readers when other patches come between.
const PATCH_TRIES: u32 = 5;

struct CreatePortal(NewPortal);

#[async_trait]
impl Command for CreatePortal {
    type Answer = Created;

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Created, Error> {
        let slug = draft.portal.to_string();
        if store::portal::find(conn, &slug).await?.is_some() {
            return Err(Error::conflict("slug_taken", "There is a portal of this name."));
        }
        let mut settings = Settings::new(self.0.profile, &slug);
        if !self.0.locale.is_empty() {
            let patch = serde_json::json!({ "locales": [self.0.locale] });
            settings = settings.patched(&patch, &slug).map_err(refused)?;
        }
        let portal =
            Portal { id: draft.id(), slug, title: self.0.title.clone(), settings, settings_version: 0, created_at: draft.now, version: 0 };
        let mut admin = person_of(conn, draft, &portal, &self.0.admin, "").await?;
        let link = invite_first_admin(draft, &mut admin);
        draft.person(admin);
        draft.portal(portal, Event::PortalCreated);
        Ok(Created {
            title: self.0.title.clone(),
            profile: self.0.profile.name.to_owned(),
            link: link.id,
            generation: link.generation,
            expires_at: link.expires_at,
        })
    }
}

fn invite_first_admin(draft: &mut Draft, admin: &mut Subject) -> Link {
    let id = InvitationId::new(draft.id());
    let mut link = Link::new(LinkId::new(draft.id()), LinkKind::Invite, admin.person.id, "", draft.now);
    link.invitation = Some(id);
    let link = draft.issue(admin, link);
    draft.invitation(Invitation {
        id,
        person: admin.person.id,
        invited_by: None,
        email: admin.person.email.to_string(),
        name: String::new(),
        role: Role::Admin,
        organization: None,
        visibility: Visibility::Own,
        state: InvitationState::Pending,
        link: Some(link.id),
        created_at: draft.now,
        expires_at: link.expires_at,
    });
    link
}

struct PatchSettings {
    patch: Value,
    etag: String,
    /// The version of the portal that the readers were asked about.
    asked_at: i64,
}

#[async_trait]
impl Command for PatchSettings {
    type Answer = Patched;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Patched, Error> {
        let slug = draft.portal.clone();
        let mut portal = app.portal(conn, &slug).await?;
        check_etag(&self.etag, portal.version)?;
        if portal.version != self.asked_at {
            return Err(Error::version_conflict());
        }
        let settings = portal.settings.patched(&self.patch, &portal.slug).map_err(refused)?;
        let fields = settings.differences(&portal.settings);
        portal.settings = settings;
        if !fields.is_empty() {
            portal = draft.portal(portal, Event::SettingsChanged { fields });
        }
        Ok(Patched { title: portal.title, document: portal.settings.document().clone(), version: portal.version })
    }
}

/// Settings as they stand after a patch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Patched {
    /// The portal's title.
    pub title: String,
    /// The whole document.
    pub document: Value,
    /// The version of the aggregate.
    pub version: i64,
}

fn refused(problems: Vec<Problem>) -> Error {
    Error::Invalid(problems.into_iter().map(|problem| FieldError::new(problem.field, problem.code, problem.message)).collect())
}

impl App {
    /// Makes a portal and invites its first administrator; answers with the invitation's one-time token.
    pub async fn create_portal(&self, ask: &Ask, new: NewPortal) -> Result<(Created, String), Error> {
        let created = self.run(ask, &CreatePortal(new)).await?;
        let token = link::token_of(&self.secrets, ask.portal.as_str(), created.link, created.generation);
        Ok((created, token))
    }

    /// Merges a patch into the settings, once every service whose part changes has agreed to the document as it will stand.
    ///
    /// `Unavailable` when such a service does not answer; what it does not read can be changed without it.
    pub async fn patch_settings(&self, ask: &Ask, patch: Value, etag: String) -> Result<(Patched, i64), Error> {
        let patched = match self.answered(ask).await? {
            Some(patched) => patched,
            None => self.agree_and_patch(ask, patch, etag).await?,
        };
        // Drawn at the commit, so it is in no answer that was put together before.
        let version = self.find_portal(&ask.portal, ask.deadline).await?.settings_version;
        Ok((patched, version))
    }

    async fn agree_and_patch(&self, ask: &Ask, patch: Value, etag: String) -> Result<Patched, Error> {
        for _ in 0..PATCH_TRIES {
            let portal = self.find_portal(&ask.portal, ask.deadline).await?;
            check_etag(&etag, portal.version)?;
            let after = portal.settings.patched(&patch, &portal.slug).map_err(refused)?;
            let readers = after.readers_of_changes(&portal.settings);
            self.clients.agree(&ask.portal, &readers, after.document(), ask.deadline).await?;
            let command = PatchSettings { patch: patch.clone(), etag: etag.clone(), asked_at: portal.version };
            match self.run(ask, &command).await {
                // Somebody else's patch came between: the readers are asked about what it came to.
                Err(error) if etag.is_empty() && error == Error::version_conflict() => {}
                result => return result,
            }
        }
        Err(Error::Unavailable("too many changes of the settings at once"))
    }

    /// One portal.
    pub async fn find_portal(&self, portal: &PortalId, deadline: Deadline) -> Result<Portal, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        self.portal(&mut conn, portal).await
    }

    /// Portals by slug, after one.
    pub async fn list_portals(&self, after: &str, limit: i64) -> Result<Vec<Portal>, Error> {
        store::portal::list(self.db.system(), after, limit).await
    }

    /// Portals whose settings changed after a version, oldest change first.
    pub async fn settings_after(&self, version: i64, limit: i64) -> Result<Vec<Portal>, Error> {
        store::portal::changed_after(self.db.system(), version, limit).await
    }

    /// The secret of a portal's inbound door.
    pub fn inbound_secret(&self, slug: &str) -> String {
        inbound_secret(&self.secrets, slug)
    }
}
