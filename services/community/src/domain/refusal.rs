//! Why a command is refused.

/// What is wrong with one field, named as the JSON API names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field.
    pub field: &'static str,
    /// Stable and snake_case.
    pub code: &'static str,
    /// A sentence for the person at the form.
    pub message: String,
}

impl Problem {
    /// One field, one reason.
    pub fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field, code, message: message.into() }
    }
}

/// Why a command has no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Absent, deleted, or not for the eyes of whoever asks.
    #[error("not found")]
    NotFound,
    /// Somebody who sees it, but may not do this.
    #[error("forbidden")]
    Forbidden,
    /// The etag is an older one.
    #[error("version conflict")]
    VersionConflict,
    /// An agent has locked the topic.
    #[error("the topic is locked")]
    Locked,
    /// Answers are accepted on questions and problems only.
    #[error("not answerable")]
    NotAnswerable,
    /// The writer deletes a topic that others have answered.
    #[error("others have answered")]
    HasReplies,
    /// The topic has as many followers as a topic can have.
    #[error("too many followers")]
    FollowersFull,
    /// The state does not allow it; the text says why.
    #[error("invalid transition: {0}")]
    InvalidTransition(&'static str),
    /// A sibling has this name.
    #[error("the name is taken")]
    NameTaken,
    /// The writer sent too many copies; seconds until the next may go out.
    #[error("too many copies")]
    TooManyCopies {
        /// Seconds.
        retry_after: u64,
    },
    /// Some fields are wrong; all of them at once.
    #[error("fields")]
    Fields(Vec<Problem>),
}

impl Refusal {
    /// One wrong field.
    pub fn field(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Fields(vec![Problem::new(field, code, message)])
    }
}
