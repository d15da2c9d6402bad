//! Why the rules say no.

use super::status::Status;

/// A refusal changes nothing and is given on fresh state only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Absent, or not for this caller to see.
    #[error("not found")]
    NotFound,
    /// The role may never do this.
    #[error("forbidden")]
    Forbidden,
    /// The ticket's state says no.
    #[error("not possible while the ticket is {}", .from.name())]
    InvalidTransition {
        /// The present status.
        from: Status,
        /// A sentence for the caller.
        detail: &'static str,
    },
    /// The portal's policy says no.
    #[error("not allowed by policy: {0}")]
    Policy(&'static str),
    /// A customer's comment on a closed ticket.
    #[error("the ticket is closed")]
    TicketClosed {
        /// A follow-up is offered instead.
        follow_up: bool,
    },
    /// Nobody is asked for satisfaction here.
    #[error("no survey")]
    SurveyOff,
    /// The first rating is more than 30 days old.
    #[error("the rating can't be changed any more")]
    RatingClosed,
    /// The caller saw another version.
    #[error("version conflict")]
    VersionConflict,
    /// A field does not fit.
    #[error("{field}: {code}")]
    Field {
        /// JSON name.
        field: &'static str,
        /// Stable code.
        code: &'static str,
        /// A sentence for the person.
        message: &'static str,
    },
}

impl Refusal {
    /// The state says no.
    pub(crate) const fn state(from: Status, detail: &'static str) -> Self {
        Self::InvalidTransition { from, detail }
    }

    /// One field does not fit.
    pub(crate) const fn field(field: &'static str, code: &'static str, message: &'static str) -> Self {
        Self::Field { field, code, message }
    }
}
