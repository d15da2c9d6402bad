//! Who else sees a ticket.

use time::OffsetDateTime;

use super::ids::{CollaboratorId, PersonId};
use super::kinds::{Access, CollaboratorState};

/// At most this many people share a ticket: each is told about each public comment.
pub const MAX_COLLABORATORS: usize = 50;

/// One person's share in a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collaborator {
    /// Names the share.
    pub id: CollaboratorId,
    /// Who.
    pub person: PersonId,
    /// Whether they see it yet.
    pub state: CollaboratorState,
    /// What they may do.
    pub access: Access,
    /// Until when; `None`: no end.
    pub expires_at: Option<OffsetDateTime>,
    /// Since when.
    pub created_at: OffsetDateTime,
    /// Whether they ever acted on the ticket: before, their name is not shown to customers of other organisations.
    pub acted: bool,
}

impl Collaborator {
    /// Whether the share gives sight of the ticket now.
    pub fn sees(&self, now: OffsetDateTime) -> bool {
        self.state == CollaboratorState::Active && self.expires_at.is_none_or(|end| end > now)
    }
}
