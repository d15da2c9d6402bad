//! What happened to a ticket. Each event raises the ticket's version by one.

use time::OffsetDateTime;

use super::change::{FieldChange, Patch};
use super::collaborator::Collaborator;
use super::ids::{CollaboratorId, ItemId, OrganizationId, PersonId, TicketId};
use super::kinds::{Channel, DueKind, Reason, Visibility};
use super::status::Status;
use super::ticket::Ticket;
use super::timer::Due;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The ticket came to be.
    Created {
        /// Its first state, version 0.
        ticket: Box<Ticket>,
        /// Markdown.
        description: String,
        /// Names the `created` item of the timeline: the description's files hang on it.
        item: ItemId,
    },
    /// The writer's address was proven.
    Verified {
        /// Whose it is now.
        requester: PersonId,
        /// And whose members see it.
        organization: Option<OrganizationId>,
    },
    /// A public comment or an internal note.
    Commented {
        /// Names the item.
        item: ItemId,
        /// Markdown.
        body: String,
        /// Who reads it.
        visibility: Visibility,
        /// How it came in.
        channel: Channel,
        /// The same command also moves the status.
        with_status: bool,
    },
    /// The status moved.
    StatusChanged {
        /// From.
        from: Status,
        /// To.
        to: Status,
        /// The party, for `waiting_third_party`.
        sub_status: Option<String>,
        /// Why, for `resolved` and `closed`.
        reason: Option<Reason>,
        /// The timers of the new status.
        due: Vec<Due>,
        /// Counts as a reopening.
        reopens: bool,
        /// Nobody is told apart from who looks (an agent's change of fields, and what a comment's mail says already).
        silent: bool,
    },
    /// Fields were changed.
    Changed {
        /// The new values.
        patch: Patch,
        /// What the history says.
        history: Vec<FieldChange>,
    },
    /// The customer rated.
    Rated {
        /// 1 to 5.
        score: u8,
        /// May be empty.
        comment: String,
    },
    /// The customer started the timers anew.
    KeptOpen {
        /// When the state would have ended by itself.
        before: Option<OffsetDateTime>,
        /// The timers from now on.
        due: Vec<Due>,
    },
    /// A reminder fell due, or several that were missed.
    Reminded {
        /// `Reminder` or `CloseReminder`.
        kind: DueKind,
        /// What stays armed.
        due: Vec<Due>,
    },
    /// A follow-up was made of it.
    FollowedUp {
        /// The new ticket.
        follow_up: TicketId,
    },
    /// Somebody got a share, or another one than before.
    Shared {
        /// The share as it is now.
        share: Collaborator,
        /// They had none before.
        new: bool,
        /// They have no account yet.
        unregistered: bool,
    },
    /// A share was taken away.
    Unshared {
        /// Which.
        id: CollaboratorId,
        /// Whose.
        person: PersonId,
    },
}

impl Event {
    /// Whether customers may know of it. What is not public moves neither the customer's version nor their time of the last update.
    pub fn is_public(&self) -> bool {
        match self {
            Self::Commented { visibility, .. } => *visibility == Visibility::Public,
            Self::Changed { patch, .. } => !patch.is_internal(),
            Self::Reminded { .. } => false,
            Self::Created { .. }
            | Self::Verified { .. }
            | Self::StatusChanged { .. }
            | Self::Rated { .. }
            | Self::KeptOpen { .. }
            | Self::FollowedUp { .. }
            | Self::Shared { .. }
            | Self::Unshared { .. } => true,
        }
    }

    /// Whether the timers changed: then they are armed anew. An event that is forgotten here is one that never wakes.
    pub const fn moves_timers(&self) -> bool {
        match self {
            Self::StatusChanged { .. } | Self::KeptOpen { .. } | Self::Reminded { .. } => true,
            Self::Created { .. }
            | Self::Verified { .. }
            | Self::Commented { .. }
            | Self::Changed { .. }
            | Self::Rated { .. }
            | Self::FollowedUp { .. }
            | Self::Shared { .. }
            | Self::Unshared { .. } => false,
        }
    }
}
