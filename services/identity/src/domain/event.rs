//! What happened, as the domain says it. `store/events.rs` turns these into the contract's messages.

use super::ids::{LinkId, OrganizationId, PersonId, SessionId};
use super::link::{LinkKind, LinkState};
use super::session::EndReason;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A portal was made.
    PortalCreated,
    /// Its settings changed, in these members.
    SettingsChanged {
        /// Top-level members.
        fields: Vec<String>,
    },
    /// A person was made or changed.
    PersonChanged {
        /// Who.
        person: PersonId,
        /// `created`, or what changed.
        fields: Vec<&'static str>,
        /// The organisation now.
        organization: Option<OrganizationId>,
    },
    /// An organisation was made or changed.
    OrganizationChanged {
        /// Which.
        organization: OrganizationId,
        /// `created`, or what changed.
        fields: Vec<&'static str>,
    },
    /// A link is to be mailed.
    LinkIssued {
        /// Which.
        link: LinkId,
        /// What it is for.
        kind: LinkKind,
        /// For whom.
        person: PersonId,
        /// Which sending.
        generation: i32,
    },
    /// A link does not work any more.
    LinkEnded {
        /// Which.
        link: LinkId,
        /// Why.
        state: LinkState,
    },
    /// The person proved that the address is theirs.
    AddressProven {
        /// Who.
        person: PersonId,
    },
    /// Somebody signed in.
    SessionStarted {
        /// Which session.
        session: SessionId,
        /// Who.
        person: PersonId,
    },
    /// A session ended before its time.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Whose.
        person: PersonId,
        /// Why.
        reason: EndReason,
    },
    /// Tokens of a lower generation are void.
    GenerationRaised {
        /// Whose.
        person: PersonId,
        /// The lowest that is believed.
        generation: i64,
    },
    /// The password was changed or reset.
    PasswordChanged {
        /// Whose.
        person: PersonId,
    },
}
