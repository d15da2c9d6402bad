//! One-time links: what each is for, how long it lives, and whether it still works.

use time::{Duration, OffsetDateTime};

use super::ids::{InvitationId, LinkId, PersonId};
use super::secrets::Secrets;

/// What a link is for; also the kind of the mail that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// Somebody invited the person.
    Invite,
    /// The person's first request came from an address without an account.
    AutoInvite,
    /// The person asked for an account.
    SignUp,
    /// The person forgot the password.
    PasswordReset,
}

impl LinkKind {
    const ALL: [Self; 4] = [Self::Invite, Self::AutoInvite, Self::SignUp, Self::PasswordReset];

    /// The name in rows, events and mails.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::AutoInvite => "auto_invite",
            Self::SignUp => "sign_up",
            Self::PasswordReset => "password_reset",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// How long a link lives after it was sent: an invitation at most 7 days (S11), a reset at most 60 minutes (S05).
    pub fn life(self) -> Duration {
        match self {
            Self::Invite | Self::AutoInvite => Duration::days(7),
            Self::SignUp => Duration::days(1),
            Self::PasswordReset => Duration::minutes(60),
        }
    }
}

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It may be used until it expires.
    Pending,
    /// It did its work.
    Used,
    /// Somebody took it back, or the account changed under it.
    Revoked,
    /// A newer link took its place.
    Replaced,
}

impl LinkState {
    const ALL: [Self; 4] = [Self::Pending, Self::Used, Self::Revoked, Self::Replaced];

    /// The name in rows and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Used => "used",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What the link's page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAction {
    /// Register with a password.
    Register,
    /// Confirm the address: nobody can register by it (any more).
    ConfirmAddress,
    /// Choose a new password.
    ResetPassword,
    /// Nothing: the mail only says that the address has an account already.
    SignIn,
}

/// The one-time token of a link's generation.
pub fn token_of(secrets: &Secrets, portal: &str, link: LinkId, generation: i32) -> String {
    secrets.token("link", &[portal.as_bytes(), link.uuid().as_bytes(), &generation.to_be_bytes()])
}

/// A one-time link. It belongs to one person and so to one address and portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What it is for.
    pub kind: LinkKind,
    /// Whose it is.
    pub person: PersonId,
    /// The invitation that it was sent for.
    pub invitation: Option<InvitationId>,
    /// A name to begin with; empty when nobody gave one.
    pub name: String,
    /// Raised by each sending: older tokens are dead.
    pub generation: i32,
    /// Whether it works.
    pub state: LinkState,
    /// When it was sent last.
    pub issued_at: OffsetDateTime,
    /// Until when it works.
    pub expires_at: OffsetDateTime,
    /// Whether it confirmed the address already. Registering by it is still possible.
    pub confirmed: bool,
}

impl Link {
    /// A link for a person, not sent before.
    pub fn new(id: LinkId, kind: LinkKind, person: PersonId, name: &str, now: OffsetDateTime) -> Self {
        Self {
            id,
            kind,
            person,
            invitation: None,
            name: name.to_owned(),
            generation: 1,
            state: LinkState::Pending,
            issued_at: now,
            expires_at: now + kind.life(),
            confirmed: false,
        }
    }

    /// Sent once more: a new token, a new life, and the older token is dead.
    #[must_use]
    pub fn resent(mut self, now: OffsetDateTime) -> Self {
        self.generation += 1;
        self.state = LinkState::Pending;
        self.issued_at = now;
        self.expires_at = now + self.kind.life();
        self
    }

    /// Ended for a reason.
    #[must_use]
    pub fn ended(mut self, state: LinkState) -> Self {
        self.state = state;
        self
    }

    /// The one-time token: the same each time it is made, and another for each generation.
    pub fn token(&self, secrets: &Secrets, portal: &str) -> String {
        token_of(secrets, portal, self.id, self.generation)
    }

    /// Whether it works at this moment.
    pub fn works(&self, now: OffsetDateTime) -> bool {
        self.state == LinkState::Pending && now < self.expires_at
    }

    /// What its page does, for a person who has signed up or not, in a portal that lets auto-invited people register or not.
    pub fn action(&self, registered: bool, auto_invite_allowed: bool) -> LinkAction {
        match self.kind {
            LinkKind::PasswordReset => LinkAction::ResetPassword,
            LinkKind::AutoInvite if registered || !auto_invite_allowed => LinkAction::ConfirmAddress,
            LinkKind::Invite | LinkKind::SignUp if registered => LinkAction::SignIn,
            LinkKind::Invite | LinkKind::AutoInvite | LinkKind::SignUp => LinkAction::Register,
        }
    }

    /// Path of its page below the portal's base URL.
    pub fn path(&self, secrets: &Secrets, portal: &str, action: LinkAction) -> String {
        let page = match (self.kind, action) {
            (_, LinkAction::SignIn) => return "/sign-in".to_owned(),
            (_, LinkAction::ResetPassword) => "reset",
            (LinkKind::SignUp, _) | (_, LinkAction::ConfirmAddress) => "verify",
            _ => "invite",
        };
        format!("/{page}/{}", self.token(secrets, portal))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn link(kind: LinkKind) -> Link {
        Link::new(LinkId::new(Uuid::from_u128(1)), kind, PersonId::new(Uuid::from_u128(2)), "", OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_reset_lives_an_hour_and_an_invitation_a_week_at_most() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let reset = link(LinkKind::PasswordReset);
        assert!(reset.works(start + Duration::minutes(59)) && !reset.works(start + Duration::minutes(60)));
        let invite = link(LinkKind::Invite);
        assert!(invite.works(start + Duration::days(6)) && !invite.works(start + Duration::days(7)));
    }

    #[test]
    fn a_link_that_ended_does_not_work() {
        for state in [LinkState::Used, LinkState::Revoked, LinkState::Replaced] {
            assert!(!link(LinkKind::Invite).ended(state).works(OffsetDateTime::UNIX_EPOCH));
        }
    }

    #[test]
    fn sending_again_kills_the_older_token_and_rendering_again_does_not() {
        let secrets = Secrets::new(b"a root secret of at least 32 bytes length");
        let first = link(LinkKind::Invite);
        assert_eq!(first.token(&secrets, "demo"), first.token(&secrets, "demo"));
        assert_ne!(first.token(&secrets, "demo"), first.token(&secrets, "other"));
        assert_ne!(first.token(&secrets, "demo"), first.clone().resent(OffsetDateTime::UNIX_EPOCH).token(&secrets, "demo"));
    }

    #[test]
    fn the_page_of_a_link_follows_from_what_can_be_done_with_it() {
        assert_eq!(link(LinkKind::AutoInvite).action(false, true), LinkAction::Register);
        assert_eq!(link(LinkKind::AutoInvite).action(true, true), LinkAction::ConfirmAddress);
        assert_eq!(link(LinkKind::AutoInvite).action(false, false), LinkAction::ConfirmAddress);
        assert_eq!(link(LinkKind::SignUp).action(true, true), LinkAction::SignIn);
        let secrets = Secrets::new(b"a root secret of at least 32 bytes length");
        let path = |kind, action| link(kind).path(&secrets, "demo", action);
        assert!(path(LinkKind::SignUp, LinkAction::Register).starts_with("/verify/"));
        assert!(path(LinkKind::AutoInvite, LinkAction::Register).starts_with("/invite/"));
        assert!(path(LinkKind::PasswordReset, LinkAction::ResetPassword).starts_with("/reset/"));
        assert_eq!(path(LinkKind::SignUp, LinkAction::SignIn), "/sign-in");
    }
}
