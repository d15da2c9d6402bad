//! The one closed error enum. gRPC code, HTTP status, log level and retry advice are decided here and nowhere else.

mod status;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use tonic::Code;

/// What was wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name as the JSON API spells it; dots for nesting.
    pub field: String,
    /// Stable and snake_case: `required`, `too_long`, `unknown_field`, `not_allowed`, `invalid`, …
    pub code: Cow<'static, str>,
    /// A sentence for the person who filled in the form.
    pub message: String,
}

impl FieldError {
    /// One field, one reason.
    pub fn new(field: impl Into<String>, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), message: message.into() }
    }
}

/// Why a request was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not understood at all: broken JSON, a tampered cursor. 400.
    #[error("malformed {field}: {message}")]
    Malformed {
        /// Where; `body` when it is the whole.
        field: String,
        /// What was expected.
        message: String,
    },
    /// Understood, but some fields are wrong; all of them at once. 422.
    #[error("invalid: {}", fields_of(.0))]
    Invalid(Vec<FieldError>),
    /// Nobody, or somebody who is no longer believed. 401.
    #[error("unauthenticated: {code}")]
    Unauthenticated {
        /// `sign_in_required`, `token_expired`, `bad_credentials`, …
        code: Cow<'static, str>,
    },
    /// This role may never do this. 403.
    #[error("forbidden: {code}")]
    Forbidden {
        /// `forbidden`, `csrf`, …
        code: Cow<'static, str>,
    },
    /// Absent, or not visible to this caller: the two are not told apart. 404.
    #[error("not found: {code}")]
    NotFound {
        /// `not_found`, or `link_invalid` for one-time links.
        code: Cow<'static, str>,
    },
    /// It was here and was deleted. 410.
    #[error("gone")]
    Gone,
    /// The state, the version or the portal's policy says no. 409.
    #[error("conflict: {code}")]
    Conflict {
        /// `invalid_transition`, `version_conflict`, `not_allowed_by_policy`, …
        code: Cow<'static, str>,
        /// A sentence for the caller.
        detail: String,
        /// Further members of the answer, such as `follow_up_url`.
        meta: BTreeMap<String, String>,
    },
    /// The idempotency key was used for another request. 422.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// More bytes than allowed. 413.
    #[error("{field} is too large")]
    TooLarge {
        /// Which part.
        field: String,
    },
    /// This caller asks too often. 429.
    #[error("rate limited: {code}")]
    RateLimited {
        /// `rate_limited` or a narrower reason.
        code: Cow<'static, str>,
        /// When asking again may help.
        retry_after: Duration,
    },
    /// There is more work than this service takes on; nothing was done. 503.
    #[error("overloaded")]
    Overloaded {
        /// When asking again may help.
        retry_after: Duration,
    },
    /// Something this needs is down; nothing was done, or it is settled by the same request id. 503.
    #[error("unavailable: {0}")]
    Unavailable(&'static str),
    /// Not by this process, or not at this moment: it ends, is not ready yet, or others were faster. Nothing was done, and the same request to
    /// another process may succeed at once. 503.
    #[error("elsewhere: {0}")]
    Elsewhere(&'static str),
    /// The caller's deadline passed before the work began or ended. 504.
    #[error("the deadline passed")]
    Deadline,
    /// A defect of ours. The text goes to the log, never to the caller. 500.
    #[error("internal: {0}")]
    Internal(String),
    /// The schema or the storage below us is not what it should be: in the middle of an upgrade, or broken. It may pass without us. 500.
    #[error("storage: {0}")]
    Storage(String),
}

impl Error {
    /// Absent or not visible.
    pub const NOT_FOUND: Self = Self::NotFound { code: Cow::Borrowed("not_found") };

    /// One wrong field.
    pub fn invalid(field: impl Into<String>, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }

    /// The state or policy says no.
    pub fn conflict(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::Conflict { code: code.into(), detail: detail.into(), meta: BTreeMap::new() }
    }

    /// The caller's etag is not the present version.
    pub fn version_conflict() -> Self {
        Self::conflict("version_conflict", "It was changed meanwhile. Read it again and repeat the change.")
    }

    /// The role may never do this.
    pub fn forbidden() -> Self {
        Self::Forbidden { code: Cow::Borrowed("forbidden") }
    }

    /// A guest on something that needs a signed-in person.
    pub fn sign_in_required() -> Self {
        Self::Unauthenticated { code: Cow::Borrowed("sign_in_required") }
    }

    /// A defect of ours, with what the log should say.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        Self::Internal(what.to_string())
    }

    /// Stable, snake_case, what `code` says in problem+json and ErrorInfo.
    pub fn code(&self) -> &str {
        match self {
            Self::Malformed { .. } => "malformed",
            // One reason for all of them is worth telling without a look at the fields.
            Self::Invalid(fields) if fields.iter().all(|field| field.code == "unknown_field") => "unknown_field",
            Self::Invalid(fields) if fields.iter().all(|field| field.code == "not_allowed") => "not_allowed",
            Self::Invalid(_) => "validation",
            Self::Unauthenticated { code } | Self::Forbidden { code } | Self::NotFound { code } => code,
            Self::Conflict { code, .. } | Self::RateLimited { code, .. } => code,
            Self::Gone => "gone",
            Self::KeyReused => "idempotency_key_reused",
            Self::TooLarge { .. } => "too_large",
            Self::Overloaded { .. } => "overloaded",
            Self::Unavailable(_) | Self::Elsewhere(_) => "unavailable",
            Self::Deadline => "deadline_exceeded",
            Self::Internal(_) | Self::Storage(_) => "internal",
        }
    }

    /// The HTTP status.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::Unauthenticated { .. } => 401,
            Self::Forbidden { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Gone => 410,
            Self::TooLarge { .. } => 413,
            Self::Invalid(_) | Self::KeyReused => 422,
            Self::RateLimited { .. } => 429,
            Self::Internal(_) | Self::Storage(_) => 500,
            Self::Overloaded { .. } | Self::Unavailable(_) | Self::Elsewhere(_) => 503,
            Self::Deadline => 504,
        }
    }

    /// The gRPC code.
    pub fn grpc_code(&self) -> Code {
        match self {
            Self::Malformed { .. } | Self::Invalid(_) | Self::KeyReused => Code::InvalidArgument,
            Self::TooLarge { .. } => Code::OutOfRange,
            Self::Unauthenticated { .. } => Code::Unauthenticated,
            Self::Forbidden { .. } => Code::PermissionDenied,
            Self::NotFound { .. } | Self::Gone => Code::NotFound,
            Self::Conflict { code, .. } if code == "version_conflict" => Code::Aborted,
            Self::Conflict { .. } => Code::FailedPrecondition,
            Self::RateLimited { .. } | Self::Overloaded { .. } => Code::ResourceExhausted,
            Self::Unavailable(_) | Self::Elsewhere(_) => Code::Unavailable,
            Self::Deadline => Code::DeadlineExceeded,
            Self::Internal(_) | Self::Storage(_) => Code::Internal,
        }
    }

    /// How loudly the log says it: a caller's mistake is no news, ours is.
    pub fn log_level(&self) -> tracing::Level {
        match self {
            Self::Internal(_) | Self::Storage(_) => tracing::Level::ERROR,
            Self::Unavailable(_) | Self::Elsewhere(_) | Self::Overloaded { .. } | Self::Deadline => tracing::Level::WARN,
            _ => tracing::Level::DEBUG,
        }
    }

    /// When the same request may be sent again; `None` when that can't help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Overloaded { retry_after } => Some(*retry_after),
            Self::Unavailable(_) | Self::Elsewhere(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether the fault may pass by itself. Only permanent errors count towards parking an event.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Elsewhere(_)
                | Self::Overloaded { .. }
                | Self::RateLimited { .. }
                | Self::Deadline
                | Self::Storage(_)
        )
    }

    /// Writes it to the log as loudly as [`Error::log_level`] says, within the span of the request. What a service refuses over gRPC is
    /// logged on the way out, by the conversion into a [`tonic::Status`]; nobody else need do it.
    pub fn log(&self) {
        let code = self.code();
        match self.log_level() {
            tracing::Level::ERROR => tracing::error!(code, error = %self, "a request failed"),
            tracing::Level::WARN => tracing::warn!(code, error = %self, "a request was not served"),
            _ => tracing::debug!(code, error = %self, "a request was refused"),
        }
    }

    /// What a client is told in words; defects are not described.
    pub fn detail(&self) -> String {
        match self {
            Self::Malformed { message, .. } => message.clone(),
            Self::Invalid(fields) => fields.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join(" "),
            Self::Unauthenticated { code } if code == "bad_credentials" => "The address or the secret that came with it is wrong.".into(),
            Self::Unauthenticated { .. } => "Sign in to go on.".into(),
            Self::Forbidden { .. } => "You may not do this.".into(),
            Self::NotFound { .. } => "There is nothing here, or nothing that you may see.".into(),
            Self::Gone => "It was deleted.".into(),
            Self::Conflict { detail, .. } => detail.clone(),
            Self::KeyReused => "This Idempotency-Key was used for another request.".into(),
            Self::TooLarge { field } => format!("{field} is larger than allowed."),
            Self::RateLimited { .. } => "Too many requests. Wait a moment and try again.".into(),
            Self::Overloaded { .. } | Self::Unavailable(_) | Self::Elsewhere(_) => {
                "This is not available at the moment. Try again shortly.".into()
            }
            Self::Deadline => "It took too long. Try again.".into(),
            Self::Internal(_) | Self::Storage(_) => "Something went wrong on our side.".into(),
        }
    }
}

fn fields_of(fields: &[FieldError]) -> String {
    fields.iter().map(|field| format!("{} {}", field.field, field.code)).collect::<Vec<_>>().join(", ")
}

/// A database that is down is `Unavailable`; anything else that SQL says is our defect.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Overloaded { retry_after: Duration::from_secs(1) },
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
                Self::Unavailable("the database")
            }
            sqlx::Error::Protocol(_) => Self::Unavailable("the database"),
            sqlx::Error::Database(database) => match database.code().as_deref() {
                // query_canceled: the statement time-out that was set from the caller's deadline.
                Some("57014") => Self::Deadline,
                // lock_not_available, deadlock, serialization: nothing was done.
                Some("55P03" | "40P01" | "40001") => Self::Elsewhere("the database is busy"),
                // shutting down, starting up, crashed, too many connections, disk full, read-only, idle-in-transaction time-out.
                Some("57P01" | "57P02" | "57P03" | "57P05" | "53300" | "53100" | "53200" | "25006" | "25P03" | "25P02") => {
                    Self::Unavailable("the database")
                }
                Some(code) if code.starts_with("08") => Self::Unavailable("the database"),
                // A row that the fence refuses is our defect, not the schema's.
                Some("42501") => Self::Internal(format!("database: {database}")),
                // Missing tables and columns; internal and I/O errors.
                Some(code) if ["42", "58", "XX"].iter().any(|class| code.starts_with(class)) => Self::Storage(database.to_string()),
                _ => Self::Internal(format!("database: {database}")),
            },
            _ => Self::Internal(format!("database: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    fn every_kind() -> Vec<Error> {
        let mut meta = BTreeMap::new();
        meta.insert("follow_up_url".to_owned(), "/x".to_owned());
        vec![
            Error::Malformed { field: "cursor".into(), message: "not a cursor".into() },
            Error::Invalid(vec![FieldError::new("subject", "required", "Enter a subject"), FieldError::new("x", "unknown_field", "No")]),
            Error::sign_in_required(),
            Error::forbidden(),
            Error::NOT_FOUND,
            Error::NotFound { code: "link_invalid".into() },
            Error::Gone,
            Error::Conflict { code: "ticket_closed".into(), detail: "It is closed.".into(), meta },
            Error::version_conflict(),
            Error::KeyReused,
            Error::TooLarge { field: "file".into() },
            Error::RateLimited { code: "rate_limited".into(), retry_after: Duration::from_secs(7) },
            Error::Overloaded { retry_after: Duration::from_secs(1) },
            Error::Deadline,
        ]
    }

    #[test]
    fn every_refusal_survives_the_way_over_grpc() {
        for error in every_kind() {
            assert_eq!(Error::from_status(&Status::from(error.clone())), error);
        }
    }

    /// What is logged while `work` runs.
    fn logged(work: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl std::io::Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_defect_is_described_in_the_log_and_a_mistake_of_the_caller_is_no_news() {
        for defect in [Error::internal("relation is empty"), Error::Storage("relation is gone".into())] {
            let log = logged(|| _ = Status::from(defect));
            assert!(log.contains("ERROR") && log.contains("relation"), "{log}");
        }
        assert!(logged(|| _ = Status::from(Error::Unavailable("the database"))).contains("WARN"));
        assert_eq!(logged(|| _ = Status::from(Error::NOT_FOUND)), "");
    }

    #[test]
    fn one_reason_for_all_fields_is_the_code_of_the_whole() {
        let of =
            |codes: &[&'static str]| Error::Invalid(codes.iter().map(|code| FieldError::new("x", *code, "No")).collect()).code().to_owned();
        assert_eq!(of(&["not_allowed", "not_allowed"]), "not_allowed");
        assert_eq!(of(&["unknown_field"]), "unknown_field");
        assert_eq!(of(&["not_allowed", "required"]), "validation");
    }

    #[test]
    fn a_wrong_password_is_not_answered_with_a_call_to_sign_in() {
        let wrong = Error::Unauthenticated { code: "bad_credentials".into() };
        assert_ne!(wrong.detail(), Error::sign_in_required().detail());
    }

    #[test]
    fn a_refusal_says_when_another_process_would_say_the_same() {
        let marked = |error: Error| Status::from(error).metadata().contains_key(crate::grpc::SAME_ELSEWHERE);
        assert!(marked(Error::Unavailable("the database")) && !marked(Error::Elsewhere("the process ends")));
        assert_eq!(Error::from_status(&Error::Elsewhere("the process ends").into()), Error::Unavailable("a peer"));
    }

    #[test]
    fn a_defect_is_never_described_to_the_caller() {
        let status = Status::from(Error::internal("relation \"ticket\" does not exist"));
        assert!(!status.message().contains("relation"));
        assert_eq!(status.code(), Code::Internal);
    }
}
