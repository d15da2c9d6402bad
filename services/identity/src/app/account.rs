//! Getting in: sign-up, registering by a link, confirming an address, choosing a new password.

use async_trait::async_trait;
use portico_chassis::auth::Caller;
use portico_chassis::error::Error;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::draft::{Draft, Subject};
use super::link::{self, invalid};
use super::password::chosen;
use super::session::{self, Client, Granted, SignedIn};
use super::{App, Ask, Command};
use crate::domain::captcha::{Answer, Purpose};
use crate::domain::email::Email;
use crate::domain::event::Event;
use crate::domain::ids::{IntakeId, PersonId};
use crate::domain::invitation::{Invitation, InvitationState};
use crate::domain::link::{Link, LinkAction, LinkKind, LinkState};
use crate::domain::person::{Change, Membership, Status};
use crate::domain::secrets;
use crate::store;
use crate::store::intake::{IntakeKind, IntakeRow};

/// A captcha's token and what was answered.
#[derive(Debug, Clone)]
pub struct CaptchaAnswer {
    /// The token.
    pub token: String,
    /// The number or code.
    pub answer: Answer,
}

/// Registering by a link.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The one-time token.
    pub token: String,
    /// The password as it was typed, within its byte limit.
    pub password: String,
    /// A name instead of the link's.
    pub name: Option<String>,
    /// From where.
    pub client: Client,
}

struct Wish {
    kind: IntakeKind,
    email: Email,
    name: String,
}

#[async_trait]
impl Command for Wish {
    type Answer = ();

    async fn decide(&self, _: &App, _: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        let row = IntakeRow {
            portal: draft.portal.clone(),
            id: IntakeId::new(draft.id()),
            kind: self.kind,
            email: self.email.to_string(),
            name: self.name.clone(),
            ticket: None,
            created_at: draft.now,
        };
        draft.intake(row);
        Ok(())
    }
}

struct Register {
    token_hash: [u8; 32],
    /// Who is signed in where the link was opened.
    caller: Option<PersonId>,
    name: Option<String>,
    password_hash: String,
    client: Client,
}

#[async_trait]
impl Command for Register {
    type Answer = SignedIn;

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<SignedIn, Error> {
        let portal = app.portal(conn, &draft.portal).await?;
        let (link, person) = link::working(conn, &draft.portal, &self.token_hash, draft.now).await?;
        let elsewhere = self.caller.is_some_and(|caller| caller != person.id);
        if elsewhere || link.action(person.registered, portal.settings.first_contact("auto_invite")) != LinkAction::Register {
            return Err(invalid());
        }
        let mut subject = Subject::known(person);
        let grant = accept(conn, draft, &link).await?;
        let name = self.name.clone().or_else(|| (!link.name.is_empty()).then(|| link.name.clone()));
        let events = subject.person.register(name, grant);
        subject.happened(events);
        for other in store::link::pending_of(conn, &draft.portal, link.person).await? {
            let state = if other.id == link.id { LinkState::Used } else { LinkState::Replaced };
            draft.end_link(&mut subject, other, state);
        }
        let person = draft.person(subject);
        draft.credential(&person, self.password_hash.clone());
        let (session, browser) = session::begin(app, conn, draft, &portal, &person, &self.client).await?;
        Ok(SignedIn { person, session, browser, refresh: 1 })
    }
}

/// Accepts the invitation of the link, or the newest open one of the person: the address that it was for is proven either way. Others
/// are closed with it.
async fn accept(conn: &mut PgConnection, draft: &mut Draft, link: &Link) -> Result<Change, Error> {
    let pending = store::invitation::pending_of(conn, &draft.portal, link.person).await?;
    let own = pending.iter().rev().find(|invitation| link.invitation == Some(invitation.id));
    let accepted = own.or_else(|| pending.iter().rev().find(|invitation| invitation.is_open(draft.now))).cloned();
    for other in pending {
        let state =
            if accepted.as_ref().is_some_and(|one| one.id == other.id) { InvitationState::Accepted } else { InvitationState::Revoked };
        draft.invitation(Invitation { state, ..other });
    }
    let Some(invitation) = accepted else { return Ok(Change::default()) };
    let organization = match invitation.organization {
        Some(id) => store::organization::find(conn, &draft.portal, id).await?,
        None => None,
    };
    Ok(Change {
        role: Some(invitation.role),
        organization: organization.map(|organization| Some(Membership { id: organization.id, name: organization.name })),
        visibility: Some(invitation.visibility),
        ..Change::default()
    })
}

struct ResetPassword {
    token_hash: [u8; 32],
    password_hash: String,
}

#[async_trait]
impl Command for ResetPassword {
    type Answer = PersonId;

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<PersonId, Error> {
        let (link, person) = link::working(conn, &draft.portal, &self.token_hash, draft.now).await?;
        if link.kind != LinkKind::PasswordReset || !person.may_sign_in() {
            return Err(invalid());
        }
        let id = person.id;
        let mut subject = Subject::known(person);
        let (changed, raised) = (subject.person.change_password(), subject.person.raise_generation());
        subject.happened([changed, raised, Event::AddressProven { person: id }]);
        let used = link.id;
        draft.end_link(&mut subject, link, LinkState::Used);
        for other in store::link::pending_of(conn, &draft.portal, id).await? {
            if other.id != used {
                draft.end_link(&mut subject, other, LinkState::Revoked);
            }
        }
        let person = draft.person(subject);
        draft.credential(&person, self.password_hash.clone());
        Ok(id)
    }
}

struct ConfirmAddress {
    token_hash: [u8; 32],
}

#[async_trait]
impl Command for ConfirmAddress {
    type Answer = ();

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        let settings = app.portal(conn, &draft.portal).await?.settings;
        let (mut link, person) = link::working(conn, &draft.portal, &self.token_hash, draft.now).await?;
        if link.kind != LinkKind::AutoInvite || link.confirmed {
            return Err(invalid());
        }
        let may_register = link.action(person.registered, settings.first_contact("auto_invite")) == LinkAction::Register;
        let mut subject = Subject::known(person);
        subject.happened([Event::AddressProven { person: link.person }]);
        link.confirmed = true;
        if may_register {
            draft.link(link);
        } else {
            draft.end_link(&mut subject, link, LinkState::Used);
        }
        draft.person(subject);
        Ok(())
    }
}

impl App {
    /// Notes the wish for an account; the mail follows. Every address gets the same answer.
    pub async fn sign_up(&self, ask: &Ask, email: Email, name: String, captcha: &CaptchaAnswer) -> Result<(), Error> {
        if !self.find_portal(&ask.portal, ask.deadline).await?.settings.sign_up_is_open() {
            return Err(Error::conflict("not_allowed_by_policy", "This portal has no sign-up."));
        }
        self.wish(ask, Purpose::SignUp, captcha, Wish { kind: IntakeKind::SignUp, email, name }).await
    }

    /// Notes the wish for a password reset; the mail follows. Every address gets the same answer.
    pub async fn request_password_reset(&self, ask: &Ask, email: Email, captcha: &CaptchaAnswer) -> Result<(), Error> {
        self.find_portal(&ask.portal, ask.deadline).await?;
        self.wish(ask, Purpose::PasswordReset, captcha, Wish { kind: IntakeKind::PasswordReset, email, name: String::new() }).await
    }

    async fn wish(&self, ask: &Ask, purpose: Purpose, captcha: &CaptchaAnswer, wish: Wish) -> Result<(), Error> {
        if self.answered::<()>(ask).await?.is_some() {
            return Ok(());
        }
        self.spend_captcha(ask, purpose, &captcha.token, &captcha.answer).await?;
        self.run(ask, &wish).await
    }

    /// Sets the password of the person that a link is for, and signs in.
    pub async fn register(&self, ask: &Ask, caller: &Caller, registration: Registration) -> Result<Granted, Error> {
        let portal = &ask.portal;
        if let Some(signed_in) = self.answered::<SignedIn>(ask).await? {
            return self.grant(portal, signed_in, ask.deadline).await;
        }
        let token_hash = secrets::hash(&registration.token);
        let mut conn = self.db.read(portal, ask.deadline).await?;
        let place = self.portal(&mut conn, portal).await?;
        let (_, person) = link::working(&mut conn, portal, &token_hash, self.clock.now()).await?;
        drop(conn);
        let password = chosen("password", &registration.password, &place, &person)?;
        let password_hash = self.hasher.hash(&password, self.random.bytes(), ask.deadline).await?;
        let caller = caller.as_person().map(|person| PersonId::new(person.id));
        let command = Register { token_hash, caller, name: registration.name, password_hash, client: registration.client };
        let signed_in = self.run(ask, &command).await?;
        self.forget_attempts(ask, signed_in.person.email.as_str()).await?;
        self.grant(portal, signed_in, ask.deadline).await
    }

    /// Sets a new password by a reset link. Signs nobody in (S10).
    pub async fn reset_password(&self, ask: &Ask, token: &str, password: &str) -> Result<(), Error> {
        let portal = &ask.portal;
        if self.answered::<PersonId>(ask).await?.is_some() {
            return Ok(());
        }
        let token_hash = secrets::hash(token);
        let mut conn = self.db.read(portal, ask.deadline).await?;
        let place = self.portal(&mut conn, portal).await?;
        let (link, person) = link::working(&mut conn, portal, &token_hash, self.clock.now()).await?;
        drop(conn);
        if link.kind != LinkKind::PasswordReset {
            return Err(invalid());
        }
        let password = chosen("password", password, &place, &person)?;
        let password_hash = self.hasher.hash(&password, self.random.bytes(), ask.deadline).await?;
        self.run(ask, &ResetPassword { token_hash, password_hash }).await?;
        // The way out of a locked account (S17).
        self.forget_attempts(ask, person.email.as_str()).await
    }

    /// Proves that the holder of an auto-invite reads the address.
    pub async fn confirm_address(&self, ask: &Ask, token: &str) -> Result<(), Error> {
        self.run(ask, &ConfirmAddress { token_hash: secrets::hash(token) }).await
    }

    async fn forget_attempts(&self, ask: &Ask, account: &str) -> Result<(), Error> {
        let mut conn = self.db.read(&ask.portal, ask.deadline).await?;
        store::throttle::clear(&mut conn, &ask.portal, &self.throttle_key(&ask.portal, account, None)).await
    }
}

/// Takes the place of older links of a kind: only the newest works (S06).
pub async fn replace_older(conn: &mut PgConnection, draft: &mut Draft, subject: &mut Subject, kind: LinkKind) -> Result<(), Error> {
    for link in store::link::pending_of(conn, &draft.portal, subject.person.id).await? {
        if link.kind == kind {
            draft.end_link(subject, link, LinkState::Replaced);
        }
    }
    Ok(())
}

/// Whether a person may get mails with links: suspended people get none, so that no link can revive them (S12).
pub fn may_be_mailed(subject: &Subject) -> bool {
    subject.person.status == Status::Active
}

/// The moment before which mails don't count any more towards the hourly limit.
pub fn an_hour_before(now: OffsetDateTime) -> OffsetDateTime {
    now - time::Duration::hours(1)
}
