//! What the domain's refusals mean to a caller.

use std::time::Duration;

use portico_chassis::error::{Error, FieldError};

use crate::domain::refusal::{Problem, Refusal};

impl From<Problem> for FieldError {
    fn from(problem: Problem) -> Self {
        Self::new(problem.field, problem.code, problem.message)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NOT_FOUND,
            Refusal::Forbidden => Self::forbidden(),
            Refusal::VersionConflict => Self::version_conflict(),
            Refusal::Locked => Self::conflict("topic_locked", "The team has locked this topic."),
            Refusal::NotAnswerable => Self::conflict("not_answerable", "Answers are accepted on questions and problems only."),
            Refusal::HasReplies => Self::conflict("has_replies", "Others have answered; ask the team to delete it."),
            Refusal::FollowersFull => Self::conflict("followers_full", "This topic has as many followers as a topic can have."),
            Refusal::InvalidTransition(why) => Self::conflict("invalid_transition", why),
            Refusal::NameTaken => Self::conflict("name_taken", "There is a forum of this name."),
            Refusal::TooManyCopies { retry_after } => {
                Self::RateLimited { code: "rate_limited".into(), retry_after: Duration::from_secs(retry_after) }
            }
            Refusal::Fields(problems) => Self::Invalid(problems.into_iter().map(FieldError::from).collect()),
        }
    }
}
