//! What can be asked of a ticket that exists.

use time::OffsetDateTime;

use super::change::Patch;
use super::ids::{CollaboratorId, ItemId, OrganizationId, PersonId, TicketId};
use super::kinds::{Access, Channel, CollaboratorState, Reason, Visibility};
use super::status::Status;

/// The status that an agent's reply or change of fields asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// To which; `None`: as it comes.
    pub status: Option<Status>,
    /// The party, for `waiting_third_party`.
    pub sub_status: Option<String>,
    /// Why, for `resolved`.
    pub reason: Option<Reason>,
}

impl Next {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A comment or note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Names the item.
    pub item: ItemId,
    /// Markdown.
    pub body: String,
    /// Who reads it; `None`: not said, so public.
    pub visibility: Option<Visibility>,
    /// How it came in.
    pub channel: Channel,
    /// What an agent's reply does to the status.
    pub next: Next,
}

/// A person who gets a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitee {
    /// The share's name if it is new.
    pub id: CollaboratorId,
    /// Who.
    pub person: PersonId,
    /// Whether they have an account.
    pub registered: bool,
    /// Whether they see it at once.
    pub state: CollaboratorState,
    /// What they may do.
    pub access: Access,
    /// Until when.
    pub expires_at: Option<OffsetDateTime>,
}

/// One thing asked of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Say something.
    Comment(Comment),
    /// Change fields; the status moves silently.
    Update {
        /// New values.
        patch: Patch,
        /// The status.
        next: Next,
    },
    /// The customer needs no more help.
    Close {
        /// 1 to 5.
        score: Option<u8>,
        /// May be empty: said with the score, or as a last comment.
        comment: String,
        /// Names the comment's item.
        item: ItemId,
        /// How it came in.
        channel: Channel,
    },
    /// It is not solved.
    Reopen {
        /// Why; mandatory.
        comment: String,
        /// Names the comment's item.
        item: ItemId,
        /// How it came in.
        channel: Channel,
    },
    /// Start the timers anew.
    KeepOpen,
    /// Say how satisfied.
    Rate {
        /// 1 to 5.
        score: u8,
        /// May be empty.
        comment: String,
    },
    /// Timers may be due.
    Tick,
    /// The address was proven by this person.
    Verify {
        /// Whose it is.
        person: PersonId,
        /// Their organisation.
        organization: Option<OrganizationId>,
        /// Their proven address: it must be the guest's.
        email: String,
    },
    /// A follow-up was made in the same entry.
    FollowUp {
        /// The new ticket.
        follow_up: TicketId,
    },
    /// Give somebody a share.
    Share(Invitee),
    /// Take a share away.
    Unshare(CollaboratorId),
    /// Let a pending one see the ticket.
    Confirm {
        /// Which.
        id: CollaboratorId,
        /// Whether they have an account.
        registered: bool,
    },
}
