//! Wishes for a mail, looked at a moment after the answer, so that the answer tells nothing about the address.

use async_trait::async_trait;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::RequestKey;
use portico_chassis::telemetry;
use portico_chassis::timers::{DueTimer, TimerHandler};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::account::{an_hour_before, may_be_mailed, replace_older};
use super::draft::{Draft, Subject};
use super::person::person_of;
use super::{App, Command};
use crate::domain::email::Email;
use crate::domain::ids::IntakeId;
use crate::domain::link::LinkKind;
use crate::domain::portal::Portal;
use crate::domain::text::{NAME_CHARS, one_line};
use crate::store;
use crate::store::intake::{IntakeKind, IntakeRow};

/// Somebody who wrote a ticket and has no account yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newcomer {
    /// The address is unproven: tickets has to be asked for it.
    Writer {
        /// The ticket.
        ticket: Uuid,
    },
    /// The address is proven and the person known.
    Requester {
        /// The ticket.
        ticket: Uuid,
        /// Who asked.
        person: Uuid,
        /// An agent made it for them.
        by_agent: bool,
    },
    /// Somebody shared a ticket with them.
    Collaborator {
        /// The ticket.
        ticket: Uuid,
        /// The share.
        share: Uuid,
        /// With whom.
        person: Uuid,
    },
}

impl Newcomer {
    fn noted(self, portal: &PortalId) -> store::intake::Newcomer {
        let (id, kind, ticket, person) = match self {
            Self::Writer { ticket } => (ticket, IntakeKind::AutoInvite, ticket, None),
            Self::Requester { ticket, person, by_agent: false } => (ticket, IntakeKind::AutoInvite, ticket, Some(person)),
            Self::Requester { ticket, person, by_agent: true } => (ticket, IntakeKind::AgentsRequester, ticket, Some(person)),
            Self::Collaborator { ticket, share, person } => (share, IntakeKind::Collaborator, ticket, Some(person)),
        };
        store::intake::Newcomer { portal: portal.clone(), id, kind, ticket, person }
    }
}

/// Notes who is to be invited; a timer does it a moment later.
pub async fn note_newcomers(conn: &mut PgConnection, newcomers: &[(PortalId, Newcomer)], now: OffsetDateTime) -> Result<(), Error> {
    let rows: Vec<store::intake::Newcomer> = newcomers.iter().map(|(portal, newcomer)| newcomer.noted(portal)).collect();
    store::intake::note_newcomers(conn, &rows, &telemetry::traceparent(), now).await
}

struct Fulfil {
    wish: IntakeRow,
    email: Email,
    name: String,
    timer: Uuid,
}

#[async_trait]
impl Command for Fulfil {
    type Answer = ();

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        let portal = app.portal(conn, &draft.portal).await?;
        draft.intake_done(self.wish.id, self.timer);
        let mut subject = person_of(conn, draft, &portal, &self.email, &self.name).await?;
        if !may_be_mailed(&subject) {
            return Ok(());
        }
        let wanted = match self.wish.kind {
            IntakeKind::SignUp => self.sign_up(conn, draft, &portal, &mut subject).await?,
            IntakeKind::PasswordReset => self.password_reset(conn, draft, &portal, &mut subject).await?,
            IntakeKind::AutoInvite => self.auto_invite(conn, draft, &portal, &mut subject).await?,
            IntakeKind::AgentsRequester if portal.settings.first_contact("auto_invite") => {
                self.auto_invite(conn, draft, &portal, &mut subject).await?
            }
            IntakeKind::AgentsRequester | IntakeKind::Collaborator => self.invite(conn, draft, &portal, &mut subject).await?,
        };
        if wanted {
            draft.person(subject);
        }
        Ok(())
    }
}

impl Fulfil {
    async fn has_mails_left(&self, conn: &mut PgConnection, draft: &Draft, portal: &Portal, subject: &Subject) -> Result<bool, Error> {
        let since = an_hour_before(draft.now);
        let sent = store::link::sent_since(conn, &draft.portal, subject.person.id, None, since).await?;
        Ok(sent < portal.settings.limit("link_mails_per_hour_per_address"))
    }

    async fn sign_up(&self, conn: &mut PgConnection, draft: &mut Draft, portal: &Portal, subject: &mut Subject) -> Result<bool, Error> {
        if !portal.settings.sign_up_is_open() || !self.has_mails_left(conn, draft, portal, subject).await? {
            return Ok(false);
        }
        replace_older(conn, draft, subject, LinkKind::SignUp).await?;
        draft.issue_new(subject, LinkKind::SignUp, &self.name);
        Ok(true)
    }

    async fn password_reset(
        &self,
        conn: &mut PgConnection,
        draft: &mut Draft,
        portal: &Portal,
        subject: &mut Subject,
    ) -> Result<bool, Error> {
        if !subject.person.may_sign_in() || !self.has_mails_left(conn, draft, portal, subject).await? {
            return Ok(false);
        }
        replace_older(conn, draft, subject, LinkKind::PasswordReset).await?;
        draft.issue_new(subject, LinkKind::PasswordReset, "");
        Ok(true)
    }

    /// At most one mail an address and day, whatever the number of tickets (S13). An unproven writer is asked to confirm the address in
    /// every portal; somebody who is proven needs the mail only where it opens an account.
    async fn auto_invite(&self, conn: &mut PgConnection, draft: &mut Draft, portal: &Portal, subject: &mut Subject) -> Result<bool, Error> {
        let is_proven = !self.wish.email.is_empty();
        if is_proven && (subject.person.registered || !portal.settings.first_contact("auto_invite")) {
            return Ok(false);
        }
        if was_sent_today(conn, draft, subject, LinkKind::AutoInvite).await? {
            return Ok(false);
        }
        replace_older(conn, draft, subject, LinkKind::AutoInvite).await?;
        draft.issue_new(subject, LinkKind::AutoInvite, "");
        Ok(true)
    }

    /// An invitation because somebody of the portal named the person, where the policy lets invited people open an account.
    async fn invite(&self, conn: &mut PgConnection, draft: &mut Draft, portal: &Portal, subject: &mut Subject) -> Result<bool, Error> {
        let may_register = !subject.person.registered && portal.settings.first_contact("invite");
        if !may_register || was_sent_today(conn, draft, subject, LinkKind::Invite).await? {
            return Ok(false);
        }
        draft.issue_new(subject, LinkKind::Invite, "");
        Ok(true)
    }
}

async fn was_sent_today(conn: &mut PgConnection, draft: &Draft, subject: &Subject, kind: LinkKind) -> Result<bool, Error> {
    let day = draft.now - Duration::days(1);
    Ok(store::link::sent_since(conn, &draft.portal, subject.person.id, Some(kind), day).await? > 0)
}

/// Looks at wishes when their timers fire.
pub struct Fulfiller(pub App);

#[async_trait]
impl TimerHandler for Fulfiller {
    async fn fire(&self, timer: DueTimer) -> Result<(), Error> {
        let app = &self.0;
        let mut conn = app.db.read(&timer.portal, Deadline::background()).await?;
        let wish = store::intake::find(&mut conn, &timer.portal, IntakeId::new(timer.aggregate_id)).await?;
        drop(conn);
        let Some(wish) = wish else { return Ok(()) };
        let (email, name) = match wish.ticket.filter(|_| wish.email.is_empty()) {
            Some(ticket) => match app.clients.unverified_writer(&timer.portal, ticket).await? {
                Some(writer) => (writer.email, writer.name),
                // Verified meanwhile: the wish is done.
                None => (String::new(), String::new()),
            },
            None => (wish.email.clone(), wish.name.clone()),
        };
        let ask = App::own_ask(timer.portal.clone(), RequestKey::internal("FulfilWish", wish.id.to_string()));
        let Some(email) = Email::parse(&email) else { return app.run(&ask, &Drop { id: wish.id, timer: timer.id }).await };
        let name = one_line(&name, NAME_CHARS).unwrap_or_default();
        app.run(&ask, &Fulfil { wish, email, name, timer: timer.id }).await
    }
}

/// Takes away a wish that nobody can be mailed for.
struct Drop {
    id: IntakeId,
    timer: Uuid,
}

#[async_trait]
impl Command for Drop {
    type Answer = ();

    async fn decide(&self, _: &App, _: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        draft.intake_done(self.id, self.timer);
        Ok(())
    }
}
