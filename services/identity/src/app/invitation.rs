//! Invitations.

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::draft::{Draft, Subject};
use super::person::person_of;
use super::{App, Ask, Command};
use crate::domain::email::Email;
use crate::domain::ids::{InvitationId, LinkId, OrganizationId, PersonId};
use crate::domain::invitation::{Invitation, InvitationState, InvitationStatus, Inviter, Refusal, Wanted, granted};
use crate::domain::link::{Link, LinkKind, LinkState};
use crate::domain::person::{Membership, Role, Status, Visibility};
use crate::domain::portal::Portal;
use crate::store;
use crate::store::invitation::Filter;

/// An invitation as it is shown: never with its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    /// Its id.
    pub id: InvitationId,
    /// The address.
    pub email: String,
    /// The name given; empty for none.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The organisation.
    pub organization: Option<Membership>,
    /// What the person will see.
    pub visibility: Visibility,
    /// What became of it.
    pub status: InvitationStatus,
    /// Until when it may be used.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Whom somebody wants to invite.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// The address.
    pub email: Email,
    /// A name to begin with; empty for none.
    pub name: String,
    /// As what.
    pub wanted: Wanted,
}

/// Who invites, as commands know them.
#[derive(Debug, Clone, Copy)]
struct By {
    id: PersonId,
    inviter: Inviter,
}

impl By {
    fn of(context: &Context) -> Result<Self, Error> {
        let person = context.caller.person()?;
        let organization = person.organization.as_ref().map(|organization| OrganizationId::new(organization.id));
        Ok(Self { id: PersonId::new(person.id), inviter: Inviter { role: person.role, organization, visibility: person.visibility } })
    }

    fn is_staff(self) -> bool {
        self.inviter.role.is_staff()
    }

    /// Staff see all invitations, a customer with organisation visibility the own ones.
    fn sees(self, invitation: &Invitation) -> bool {
        self.is_staff() || invitation.invited_by == Some(self.id)
    }
}

struct CreateInvitation {
    by: By,
    new: NewInvitation,
}

#[async_trait]
impl Command for CreateInvitation {
    type Answer = View;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<View, Error> {
        let portal = app.portal(conn, &draft.portal).await?;
        let wanted = granted(self.by.inviter, self.new.wanted).map_err(|refusal| match refusal {
            Refusal::Forbidden => Error::forbidden(),
            Refusal::ForeignOrganization => {
                Error::invalid("organization", "not_allowed", "You can invite into your own organisation only.")
            }
        })?;
        let organization = match wanted.organization {
            Some(id) => Some(store::organization::find(conn, &draft.portal, id).await?.ok_or_else(unknown_organization)?),
            None => None,
        };
        self.check_budget(app, conn, draft, &portal).await?;
        let mut subject = person_of(conn, draft, &portal, &self.new.email, &self.new.name).await?;
        // Only somebody without an account gets a link. Staff are told why there is none, a customer is not (S03).
        let can_register = !subject.person.registered && subject.person.status == Status::Active;
        if !can_register && self.by.is_staff() {
            return Err(Error::conflict("already_registered", "This address has an account already."));
        }
        let invitation = Invitation {
            id: InvitationId::new(draft.id()),
            person: subject.person.id,
            invited_by: Some(self.by.id),
            email: self.new.email.to_string(),
            name: self.new.name.clone(),
            role: wanted.role,
            organization: wanted.organization,
            visibility: wanted.visibility.or(Visibility::parse(portal.settings.default_visibility())).unwrap_or(Visibility::Own),
            state: InvitationState::Pending,
            link: None,
            created_at: draft.now,
            expires_at: draft.now + LinkKind::Invite.life(),
        };
        let invitation = if can_register { self.send(conn, draft, &mut subject, invitation).await? } else { invitation };
        draft.invitation(invitation.clone());
        if can_register {
            draft.person(subject);
        }
        let membership = organization.map(|organization| Membership { id: organization.id, name: organization.name });
        Ok(view(invitation, membership, draft.now))
    }
}

impl CreateInvitation {
    async fn check_budget(&self, app: &App, conn: &mut PgConnection, draft: &Draft, portal: &Portal) -> Result<(), Error> {
        let day = Duration::days(1);
        let made = store::invitation::made_since(conn, &draft.portal, self.by.id, draft.now - day).await?;
        if made < portal.settings.limit("invitations_per_day_per_person").saturating_mul(app.limit_factor) {
            return Ok(());
        }
        Err(Error::RateLimited { code: "rate_limited".into(), retry_after: std::time::Duration::from_secs(3600) })
    }

    /// Issues the link. What staff sent before is taken back: one invitation of theirs is open at a time.
    async fn send(
        &self,
        conn: &mut PgConnection,
        draft: &mut Draft,
        subject: &mut Subject,
        mut invitation: Invitation,
    ) -> Result<Invitation, Error> {
        if self.by.is_staff() {
            for older in store::invitation::pending_of(conn, &draft.portal, subject.person.id).await? {
                draft.invitation(Invitation { state: InvitationState::Revoked, ..older });
            }
            for link in store::link::pending_of(conn, &draft.portal, subject.person.id).await? {
                if link.kind == LinkKind::Invite {
                    draft.end_link(subject, link, LinkState::Replaced);
                }
            }
        }
        let mut link = Link::new(LinkId::new(draft.id()), LinkKind::Invite, subject.person.id, &invitation.name, draft.now);
        link.invitation = Some(invitation.id);
        let link = draft.issue(subject, link);
        invitation.link = Some(link.id);
        invitation.expires_at = link.expires_at;
        Ok(invitation)
    }
}

/// What is done with an invitation that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Resend,
    Revoke,
}

struct ActOnInvitation {
    by: By,
    id: InvitationId,
    act: Act,
}

#[async_trait]
impl Command for ActOnInvitation {
    type Answer = View;

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<View, Error> {
        let found = store::invitation::find(conn, &draft.portal, self.id).await?.filter(|invitation| self.by.sees(invitation));
        let mut invitation = found.ok_or(Error::NOT_FOUND)?;
        if invitation.state != InvitationState::Pending {
            return Err(Error::conflict("invalid_transition", "The invitation was used or taken back already."));
        }
        let person = store::person::find(conn, &draft.portal, invitation.person).await?.ok_or(Error::NOT_FOUND)?;
        let link = match invitation.link {
            Some(id) => store::link::find(conn, &draft.portal, id).await?,
            None => None,
        };
        let mut subject = Subject::known(person);
        match (self.act, link) {
            (Act::Resend, Some(link)) => {
                let link = draft.issue(&mut subject, link.resent(draft.now));
                invitation.expires_at = link.expires_at;
            }
            (Act::Resend, None) => invitation.expires_at = draft.now + LinkKind::Invite.life(),
            (Act::Revoke, link) => {
                invitation.state = InvitationState::Revoked;
                if let Some(link) = link.filter(|link| link.state == LinkState::Pending) {
                    draft.end_link(&mut subject, link, LinkState::Revoked);
                }
            }
        }
        draft.invitation(invitation.clone());
        if subject.is_unchanged() {
            draft.expect_person(&subject.person);
        } else {
            draft.person(subject);
        }
        let membership = membership(conn, &draft.portal, invitation.organization).await?;
        Ok(view(invitation, membership, draft.now))
    }
}

fn unknown_organization() -> Error {
    Error::invalid("organization", "unknown", "There is no such organisation.")
}

async fn membership(conn: &mut PgConnection, portal: &PortalId, id: Option<OrganizationId>) -> Result<Option<Membership>, Error> {
    let Some(id) = id else { return Ok(None) };
    let organization = store::organization::find(conn, portal, id).await?;
    Ok(organization.map(|organization| Membership { id: organization.id, name: organization.name }))
}

fn view(invitation: Invitation, organization: Option<Membership>, now: OffsetDateTime) -> View {
    let status = invitation.status(now);
    View {
        id: invitation.id,
        email: invitation.email,
        name: invitation.name,
        role: invitation.role,
        organization,
        visibility: invitation.visibility,
        status,
        expires_at: invitation.expires_at,
        created_at: invitation.created_at,
    }
}

impl App {
    /// Invites an address; the mail follows.
    pub async fn create_invitation(&self, context: &Context, ask: &Ask, new: NewInvitation) -> Result<View, Error> {
        self.run(ask, &CreateInvitation { by: By::of(context)?, new }).await
    }

    /// Sends the mail again; the older link is dead.
    pub async fn resend_invitation(&self, context: &Context, ask: &Ask, id: InvitationId) -> Result<View, Error> {
        self.run(ask, &ActOnInvitation { by: By::of(context)?, id, act: Act::Resend }).await
    }

    /// Takes an invitation back.
    pub async fn revoke_invitation(&self, context: &Context, ask: &Ask, id: InvitationId) -> Result<View, Error> {
        self.run(ask, &ActOnInvitation { by: By::of(context)?, id, act: Act::Revoke }).await
    }

    /// Invitations, newest first: all for staff, the own ones for a customer who may invite.
    pub async fn list_invitations(
        &self,
        context: &Context,
        portal: &PortalId,
        status: Option<InvitationStatus>,
        before: Option<(OffsetDateTime, Uuid)>,
        limit: i64,
    ) -> Result<Vec<View>, Error> {
        let by = By::of(context)?;
        if !by.is_staff() && by.inviter.visibility != Visibility::Organization {
            return Err(Error::forbidden());
        }
        let now = self.clock.now();
        let filter = Filter { invited_by: (!by.is_staff()).then_some(by.id), status };
        let mut conn = self.db.read(portal, context.deadline).await?;
        let invitations = store::invitation::list(&mut conn, portal, filter, before, now, limit).await?;
        let mut views = Vec::with_capacity(invitations.len());
        for invitation in invitations {
            let membership = membership(&mut conn, portal, invitation.organization).await?;
            views.push(view(invitation, membership, now));
        }
        Ok(views)
    }
}
