//! Stands before every method: tracing, deadline, tokens, permission, load.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use subtle::ConstantTimeEq;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::context::Context;
use super::{NOW, OPERATOR_TOKEN, PORTAL, SERVICE_TOKEN, SOURCE};
use crate::auth::{Caller, TokenError, Tokens};
use crate::config::Secret;
use crate::deadline::{self, Deadline};
use crate::error::Error;
use crate::fair::{Share, Shares};
use crate::telemetry::{self, Shed};

/// Requests in work at once in one replica; more is shed before it costs anything. Portals share them.
const IN_FLIGHT: usize = 2048;
/// What the conventions call a method that there is not: guessed names must not become labels.
const OTHER: &str = "_OTHER";

/// Who may call a method at all. What a caller sees is decided behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Anybody for whom a service of Portico speaks, signed in or not.
    Public,
    /// A signed-in person.
    SignedIn,
    /// An agent or administrator.
    Staff,
    /// An administrator.
    Admin,
    /// These services, in their own name.
    Services(&'static [&'static str]),
    /// Whoever runs the installation.
    Operator,
    /// The operator, or an administrator of the portal.
    OperatorOrAdmin,
}

#[derive(Clone)]
pub(super) struct GuardLayer {
    shared: Arc<Shared>,
}

struct Shared {
    permissions: HashMap<&'static str, Permission>,
    tokens: Tokens,
    operator: Option<Secret>,
    in_flight: Shares,
    shed: Shed,
    durations: Histogram<f64>,
}

impl GuardLayer {
    pub(super) fn new(permissions: &[&[(&'static str, Permission)]], tokens: Tokens, operator: Option<Secret>) -> Self {
        let durations = telemetry::meter()
            .f64_histogram("rpc.server.call.duration")
            .with_unit("s")
            .with_description("How long gRPC calls took.")
            .with_boundaries(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
            .build();
        let permissions = permissions.iter().flat_map(|table| table.iter().copied()).collect();
        let in_flight = Shares::new(IN_FLIGHT);
        let held = in_flight.clone();
        telemetry::mailbox("rpc", IN_FLIGHT, move || held.now());
        Self { shared: Arc::new(Shared { permissions, tokens, operator, in_flight, shed: Shed::at("rpc"), durations }) }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, shared: self.shared.clone() }
    }
}

#[derive(Clone)]
pub(super) struct Guard<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let begun = Instant::now();
        let path = request.uri().path().to_owned();
        if path.starts_with("/grpc.health.") || path.starts_with("/grpc.reflection.") {
            return Box::pin(self.inner.call(request));
        }
        let checked = self.shared.check(&path, request.headers()).and_then(|(context, method)| {
            let share = self.shared.admit(&context, request.headers())?;
            Ok((context, method, share))
        });
        let (context, method, share) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                let refusal = self.shared.refusal(error);
                self.shared.record(self.shared.known(&path), grpc_code(refusal.headers()), begun);
                return Box::pin(async move { Ok(refusal) });
            }
        };
        let span = span(method, &context, text(request.headers(), "traceparent"));
        request.extensions_mut().insert(context);
        // The inner service that was polled ready is the one that must be called.
        let mut inner = self.inner.clone();
        std::mem::swap(&mut inner, &mut self.inner);
        let shared = self.shared.clone();
        Box::pin(
            async move {
                let result = inner.call(request).await;
                drop(share);
                let code = result.as_ref().map_or(Code::Unknown, |response| grpc_code(response.headers()));
                telemetry::record_rpc(&Span::current(), code);
                shared.record(method, code, begun);
                result
            }
            .instrument(span),
        )
    }
}

/// The server's span. What a service asks by itself every second, outside of any trace, is not traced.
fn span(method: &'static str, context: &Context, traceparent: Option<&str>) -> Span {
    if traceparent.is_none() && context.peer.is_some() {
        return Span::none();
    }
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        otel.status_code = Empty,
        error.type = Empty,
    );
    if let Some(parent) = traceparent {
        telemetry::continue_trace(&span, parent);
    }
    span
}

impl Shared {
    /// A place among the requests in work: of the portal whose token it is, for a guest of the one that the service before us names.
    fn admit(&self, context: &Context, headers: &HeaderMap) -> Result<Share, Error> {
        let portal = match &context.caller {
            Caller::Person(person) => person.portal.as_str(),
            _ if context.peer.is_some() => text(headers, PORTAL).unwrap_or_default(),
            _ => "",
        };
        self.in_flight.take(portal).ok_or_else(|| {
            self.shed.count();
            Error::Overloaded { retry_after: Duration::from_secs(1) }
        })
    }

    /// The method as the conventions write it: without the slash that it has in a path.
    fn known(&self, path: &str) -> &'static str {
        self.permissions.get_key_value(path).map_or(OTHER, |(method, _)| method.trim_start_matches('/'))
    }

    /// Notes how a call ended and how long it took.
    fn record(&self, method: &'static str, code: Code, begun: Instant) {
        let labels = [
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", method),
            KeyValue::new("rpc.response.status_code", telemetry::code_name(code)),
            KeyValue::new("error.type", telemetry::code_name(code)),
        ];
        let labels = if telemetry::is_failure(code) { &labels[..] } else { &labels[..3] };
        self.durations.record(begun.elapsed().as_secs_f64(), labels);
    }

    /// Tells the time with it: a peer whose clock is behind signs tokens that have expired and learns of it here.
    fn refusal(&self, error: Error) -> Response<Body> {
        let mut response = Status::from(error).into_http();
        let now = self.tokens.now().unix_timestamp_nanos() / 1_000_000;
        if let Ok(now) = http::HeaderValue::from_str(&now.to_string()) {
            response.headers_mut().insert(NOW, now);
        }
        response
    }

    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(Context, &'static str), Error> {
        // A method without a row in its service's table is closed to everybody.
        let permission = self.permissions.get(path).copied().ok_or(Error::NOT_FOUND)?;
        let time = text(headers, "grpc-timeout").and_then(deadline::parse_grpc_timeout).unwrap_or(deadline::DEFAULT);
        let peer = text(headers, SERVICE_TOKEN).map(|token| self.tokens.service(token)).transpose().map_err(refused)?;
        let token = text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
        let caller = self.caller(permission, peer.as_deref(), token, text(headers, OPERATOR_TOKEN))?;
        let source = text(headers, SOURCE).filter(|_| peer.is_some()).map(str::to_owned);
        let context = Context { caller, peer, deadline: Deadline::within(time), source, token: token.map(Into::into) };
        Ok((context, self.known(path)))
    }

    fn caller(&self, permission: Permission, peer: Option<&str>, token: Option<&str>, operator: Option<&str>) -> Result<Caller, Error> {
        if let Permission::Services(allowed) = permission {
            return match peer {
                Some(peer) if allowed.contains(&peer) => Ok(Caller::Service(peer.to_owned())),
                Some(_) => Err(Error::forbidden()),
                None => Err(Error::sign_in_required()),
            };
        }
        if let (Permission::Operator | Permission::OperatorOrAdmin, Some(given)) = (permission, operator) {
            let known = self.operator.as_ref().is_some_and(|operator| bool::from(operator.expose().as_bytes().ct_eq(given.as_bytes())));
            return if known { Ok(Caller::Operator) } else { Err(Error::Unauthenticated { code: "bad_credentials".into() }) };
        }
        let person = token.map(|token| self.tokens.person(token)).transpose().map_err(refused)?;
        match (permission, person) {
            (Permission::Public, None) if peer.is_some() => Ok(Caller::Guest),
            (_, None) => Err(Error::sign_in_required()),
            (Permission::Public | Permission::SignedIn, Some(person)) => Ok(Caller::Person(Box::new(person))),
            (Permission::Staff, Some(person)) if person.role.is_staff() => Ok(Caller::Person(Box::new(person))),
            (Permission::Admin | Permission::OperatorOrAdmin, Some(person)) if person.role == crate::auth::Role::Admin => {
                Ok(Caller::Person(Box::new(person)))
            }
            _ => Err(Error::forbidden()),
        }
    }
}

fn refused(error: TokenError) -> Error {
    let code = match error {
        TokenError::Invalid => "token_invalid",
        TokenError::Expired => "token_expired",
        TokenError::Revoked => "token_revoked",
    };
    Error::Unauthenticated { code: code.into() }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The status of an answer without a body; one with a body brings it in the trailers and is counted as OK here.
pub(crate) fn grpc_code(headers: &HeaderMap) -> Code {
    headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
