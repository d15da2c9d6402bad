//! What a refusal of the rules means to a caller.

use std::collections::BTreeMap;

use portico_chassis::error::{Error, FieldError};

use crate::domain::refusal::Refusal;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NOT_FOUND,
            Refusal::Forbidden => Self::forbidden(),
            Refusal::InvalidTransition { detail, .. } => Self::conflict("invalid_transition", detail),
            Refusal::Policy(detail) => Self::conflict("not_allowed_by_policy", detail),
            Refusal::TicketClosed { .. } => Self::conflict("ticket_closed", "The ticket is closed."),
            Refusal::SurveyOff => Self::conflict("survey_off", "This portal does not ask for ratings."),
            Refusal::RatingClosed => Self::conflict("rating_closed", "The rating can be changed for 30 days after it was given first."),
            Refusal::VersionConflict => Self::version_conflict(),
            Refusal::Field { field, code, message } => Self::invalid(field, code, message),
        }
    }
}

/// All fields that do not fit, at once.
pub fn fields(refusals: Vec<Refusal>) -> Error {
    let mut errors = Vec::new();
    for refusal in refusals {
        match refusal {
            Refusal::Field { field, code, message } => errors.push(FieldError::new(field, code, message)),
            other => return other.into(),
        }
    }
    Error::Invalid(errors)
}

/// A customer's comment on a closed ticket; where a follow-up is offered, of which ticket.
pub fn closed(number: &str, follow_up: bool) -> Error {
    let mut meta = BTreeMap::new();
    if follow_up {
        meta.insert("follow_up_of".to_owned(), number.to_owned());
    }
    let detail = if follow_up { "The ticket is closed. You can make a follow-up." } else { "The ticket is closed." };
    Error::Conflict { code: "ticket_closed".into(), detail: detail.to_owned(), meta }
}
