//! What a message is about: the closed list of `X-Portico-Kind`, and what the bell has besides.

use std::fmt;
use std::str::FromStr;

/// The kind of a mail or of a bell mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Somebody is invited by name.
    Invite,
    /// A first request came from an address without an account.
    AutoInvite,
    /// Somebody asked for an account.
    SignUp,
    /// Somebody asked for a new password.
    PasswordReset,
    /// A password or an address was changed: a notice without a link.
    PasswordChanged,
    /// A ticket was taken in.
    Receipt,
    /// Somebody wrote on a ticket or changed its status.
    TicketUpdate,
    /// Support waits for the requester.
    WaitingReminder,
    /// A timer resolved the ticket.
    AutoResolved,
    /// A resolved ticket will close soon.
    CloseReminder,
    /// A timer or a person closed the ticket.
    Closed,
    /// Somebody may now see and write on a ticket.
    CollaboratorAdded,
    /// The answer to a request for access.
    AccessRequestAnswer,
    /// A copy of a topic, to an address its writer gave.
    TopicCopy,
    /// Several things in one mail.
    Digest,
    /// Somebody wrote on a followed topic. Bell only.
    TopicPost,
    /// An answer on a followed topic was accepted. Bell only.
    TopicAccepted,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Invite,
        Self::AutoInvite,
        Self::SignUp,
        Self::PasswordReset,
        Self::PasswordChanged,
        Self::Receipt,
        Self::TicketUpdate,
        Self::WaitingReminder,
        Self::AutoResolved,
        Self::CloseReminder,
        Self::Closed,
        Self::CollaboratorAdded,
        Self::AccessRequestAnswer,
        Self::TopicCopy,
        Self::Digest,
        Self::TopicPost,
        Self::TopicAccepted,
    ];

    /// The name in the header, in the row and in the preferences.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::AutoInvite => "auto_invite",
            Self::SignUp => "sign_up",
            Self::PasswordReset => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::Receipt => "receipt",
            Self::TicketUpdate => "ticket_update",
            Self::WaitingReminder => "waiting_reminder",
            Self::AutoResolved => "auto_resolved",
            Self::CloseReminder => "close_reminder",
            Self::Closed => "closed",
            Self::CollaboratorAdded => "collaborator_added",
            Self::AccessRequestAnswer => "access_request_answer",
            Self::TopicCopy => "topic_copy",
            Self::Digest => "digest",
            Self::TopicPost => "topic_post",
            Self::TopicAccepted => "topic_accepted",
        }
    }

    /// Whether a person may switch the mail off. Mails about the account itself always go out.
    pub const fn mail_is_optional(self) -> bool {
        matches!(
            self,
            Self::Receipt
                | Self::TicketUpdate
                | Self::WaitingReminder
                | Self::AutoResolved
                | Self::CloseReminder
                | Self::Closed
                | Self::CollaboratorAdded
        )
    }

    /// Whether the bell may show it; all of these can be switched off.
    pub const fn rings(self) -> bool {
        matches!(
            self,
            Self::TicketUpdate
                | Self::WaitingReminder
                | Self::AutoResolved
                | Self::CloseReminder
                | Self::Closed
                | Self::CollaboratorAdded
                | Self::TopicPost
                | Self::TopicAccepted
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of message")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(UnknownKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name_that_reads_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse::<Kind>(), Ok(kind));
        }
        assert!("ticket-update".parse::<Kind>().is_err());
    }

    #[test]
    fn mails_about_the_account_cannot_be_switched_off() {
        for kind in [Kind::Invite, Kind::AutoInvite, Kind::SignUp, Kind::PasswordReset, Kind::PasswordChanged] {
            assert!(!kind.mail_is_optional() && !kind.rings());
        }
    }
}
