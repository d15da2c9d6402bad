//! A link that expired is sent once more to the address that it was for.

use async_trait::async_trait;
use portico_chassis::error::Error;
use sqlx::PgConnection;

use super::account::{an_hour_before, may_be_mailed};
use super::draft::{Draft, Subject};
use super::{App, Ask, Command};
use crate::domain::invitation::{Invitation, InvitationState};
use crate::domain::link::{Link, LinkKind, LinkState};
use crate::domain::portal::Portal;
use crate::domain::secrets;
use crate::store;

struct RenewLink {
    token_hash: [u8; 32],
}

#[async_trait]
impl Command for RenewLink {
    type Answer = ();

    async fn decide(&self, app: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        let portal = app.portal(conn, &draft.portal).await?;
        let Some(link) = store::link::find_by_token(conn, &draft.portal, &self.token_hash).await? else { return Ok(()) };
        let Some(person) = store::person::find(conn, &draft.portal, link.person).await? else { return Ok(()) };
        let subject = Subject::known(person);
        if !may_be_renewed(&link, &subject, &portal, draft) {
            return Ok(());
        }
        let sent = store::link::sent_since(conn, &draft.portal, link.person, None, an_hour_before(draft.now)).await?;
        if sent >= portal.settings.limit("link_mails_per_hour_per_address") {
            return Ok(());
        }
        let invitation = match link.invitation {
            Some(id) => store::invitation::find(conn, &draft.portal, id).await?,
            None => None,
        };
        if invitation.as_ref().is_some_and(|invitation| invitation.state != InvitationState::Pending) {
            return Ok(());
        }
        send(draft, subject, link, invitation);
        Ok(())
    }
}

/// Only time may have ended it: what was used, taken back or replaced stays dead, and who has an account signs in.
fn may_be_renewed(link: &Link, subject: &Subject, portal: &Portal, draft: &Draft) -> bool {
    let is_for_newcomers = match link.kind {
        LinkKind::Invite | LinkKind::AutoInvite => true,
        LinkKind::SignUp => portal.settings.sign_up_is_open(),
        LinkKind::PasswordReset => false,
    };
    let only_expired = link.state == LinkState::Pending && !link.works(draft.now);
    is_for_newcomers && only_expired && !subject.person.registered && may_be_mailed(subject)
}

fn send(draft: &mut Draft, mut subject: Subject, link: Link, invitation: Option<Invitation>) {
    let link = draft.issue(&mut subject, link.resent(draft.now));
    if let Some(invitation) = invitation {
        draft.invitation(Invitation { expires_at: link.expires_at, ..invitation });
    }
    draft.person(subject);
}

impl App {
    /// Sends an expired link once more. Every token gets the same answer.
    pub async fn renew_link(&self, ask: &Ask, token: &str) -> Result<(), Error> {
        self.find_portal(&ask.portal, ask.deadline).await?;
        self.run(ask, &RenewLink { token_hash: secrets::hash(token) }).await
    }
}
