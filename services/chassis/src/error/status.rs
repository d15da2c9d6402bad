//! Errors on their way between services: the gRPC status with its details, there and back.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::{Error, FieldError};
use crate::grpc::SAME_ELSEWHERE;

/// The domain of google.rpc.ErrorInfo in every answer of Portico.
const DOMAIN: &str = "portico";

impl Error {
    /// Reads what another service answered.
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        let meta: BTreeMap<String, String> =
            details.error_info().map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default();
        let retry_after = details.retry_info().and_then(|info| info.retry_delay).unwrap_or(Duration::from_secs(1));
        let code = |default: &'static str| if reason.is_empty() { Cow::Borrowed(default) } else { Cow::Owned(reason.clone()) };
        match status.code() {
            Code::InvalidArgument => Self::from_invalid(status, &details, &reason),
            Code::OutOfRange => Self::TooLarge { field: meta.get("field").cloned().unwrap_or_else(|| "body".into()) },
            Code::Unauthenticated => Self::Unauthenticated { code: code("sign_in_required") },
            Code::PermissionDenied => Self::Forbidden { code: code("forbidden") },
            Code::NotFound if reason == "gone" => Self::Gone,
            Code::NotFound => Self::NotFound { code: code("not_found") },
            Code::FailedPrecondition | Code::Aborted | Code::AlreadyExists => {
                Self::Conflict { code: code("conflict"), detail: status.message().to_owned(), meta }
            }
            Code::ResourceExhausted if reason == "overloaded" || reason.is_empty() => Self::Overloaded { retry_after },
            Code::ResourceExhausted => Self::RateLimited { code: code("rate_limited"), retry_after },
            Code::Unavailable | Code::Cancelled => Self::Unavailable("a peer"),
            Code::DeadlineExceeded => Self::Deadline,
            _ => Self::Internal(format!("a peer answered {}: {}", status.code(), status.message())),
        }
    }

    fn from_invalid(status: &Status, details: &ErrorDetails, reason: &str) -> Self {
        match reason {
            "idempotency_key_reused" => Self::KeyReused,
            "malformed" => {
                let field = details.error_info().and_then(|info| info.metadata.get("field").cloned()).unwrap_or_default();
                Self::Malformed { field, message: status.message().to_owned() }
            }
            _ => {
                let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
                Self::Invalid(
                    violations.into_iter().map(|v| FieldError::new(v.field, v.reason.to_ascii_lowercase(), v.description)).collect(),
                )
            }
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        error.log();
        let mut details = ErrorDetails::new();
        let mut meta = HashMap::new();
        match &error {
            Error::Invalid(fields) => {
                let violations: Vec<FieldViolation> = fields
                    .iter()
                    .map(|field| {
                        let mut violation = FieldViolation::new(field.field.clone(), field.message.clone());
                        violation.reason = field.code.to_ascii_uppercase();
                        violation
                    })
                    .collect();
                details.set_bad_request(violations);
            }
            Error::Conflict { meta: members, .. } => meta.extend(members.clone()),
            Error::Malformed { field, .. } | Error::TooLarge { field } => {
                meta.insert("field".to_owned(), field.clone());
            }
            _ => {}
        }
        details.set_error_info(error.code(), DOMAIN, meta);
        if let Some(delay) = error.retry_after() {
            details.set_retry_info(Some(delay));
        }
        let mut status = Status::with_error_details(error.grpc_code(), error.detail(), details);
        if matches!(error, Error::Unavailable(_)) {
            status.metadata_mut().insert(SAME_ELSEWHERE, MetadataValue::from_static("yes"));
        }
        status
    }
}
