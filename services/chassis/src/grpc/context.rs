//! What a handler knows about a request besides its message.

use std::sync::Arc;

use prost::Message;
use tonic::{Request, Status};

use crate::auth::Caller;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::ids::PortalId;
use crate::journal::RequestKey;

/// Who asks, through whom, until when.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who asks.
    pub caller: Caller,
    /// The service that passed it on, if one did.
    pub peer: Option<String>,
    /// Until when an answer is of use.
    pub deadline: Deadline,
    /// Where a guest comes from, as an opaque hash.
    pub source: Option<String>,
    /// The access token, to pass on.
    pub token: Option<Arc<str>>,
}

impl Context {
    /// The portal of a request. A person's token of another portal is worth nothing here.
    pub fn portal(&self, portal: &str) -> Result<PortalId, Error> {
        let portal: PortalId = portal.parse().map_err(|_| Error::NOT_FOUND)?;
        match &self.caller {
            Caller::Person(person) if person.portal != portal => Err(Error::Unauthenticated { code: "wrong_portal".into() }),
            _ => Ok(portal),
        }
    }

    /// The idempotency key of a mutation. A guest's is bound to where it comes from.
    pub fn request_key(&self, operation: &'static str, request_id: &str, request: &impl Message) -> Result<RequestKey, Error> {
        let caller = match (&self.caller, &self.source) {
            (Caller::Guest, Some(source)) => format!("guest:{source}"),
            (caller, _) => caller.actor(),
        };
        RequestKey::new(caller, operation, request_id, request)
    }

    /// For work that no request asked for.
    pub fn system() -> Self {
        Self { caller: Caller::Service("system".into()), peer: None, deadline: Deadline::background(), source: None, token: None }
    }
}

/// The context that the guard attached to a request.
pub fn context<T>(request: &Request<T>) -> Result<Context, Status> {
    request.extensions().get::<Context>().cloned().ok_or_else(|| Error::internal("a request went around the guard").into())
}
