//! Clients of the other services: balanced channels that say which service speaks.

mod budget;
mod names;
mod repeat;
mod replicas;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue};
use portico_proto::identity::v1::revocation_service_client::RevocationServiceClient;
use portico_proto::identity::v1::{ListRevocationsRequest, ListRevocationsResponse};
use time::OffsetDateTime;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tower::Service;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use self::repeat::{Once, Repeats};
use self::replicas::Replicas;
use crate::auth::Tokens;
use crate::clock::{self, Clock};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::grpc::{Context, NOW, SERVICE_TOKEN, SOURCE, grpc_code};
use crate::run::{Boot, Phase};
use crate::telemetry;

/// A channel to one service, in this service's name: adds the service's own token and the trace context to every call, and a span of its
/// own to every call that belongs to a trace. Cheap to clone.
#[derive(Clone)]
pub struct PeerChannel {
    replicas: Replicas,
    tokens: Tokens,
    peer: Arc<str>,
    repeats: Option<Repeats>,
}

impl Service<http::Request<Body>> for PeerChannel {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Which process is asked, and whether it can be, is seen with each call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let Ok(token) = self.tokens.service_token(&self.peer) else {
            let refused = Status::from(Error::internal("the service token could not be signed")).into_http();
            return Box::pin(async move { Ok(refused) });
        };
        put(request.headers_mut(), SERVICE_TOKEN, &token);
        #[cfg(feature = "failpoints")]
        crate::next_version::call(&mut request);
        let span = self.span(request.uri().path());
        let traceparent = span.in_scope(telemetry::traceparent);
        if !traceparent.is_empty() {
            put(request.headers_mut(), "traceparent", &traceparent);
        }
        let (replicas, repeats) = (self.replicas.clone(), self.repeats.clone());
        Box::pin(
            async move {
                let answer = match repeats {
                    Some(repeats) => repeat::send_again(&replicas, &repeats, request).await,
                    None => repeat::send(&replicas, replicas.next(None), request).await,
                };
                let code = answer.as_ref().map_or(Code::Unavailable, |answer| grpc_code(answer.headers()));
                telemetry::record_rpc(&Span::current(), code);
                answer
            }
            .instrument(span),
        )
    }
}

impl PeerChannel {
    /// The same channel for unary calls that are sent again when a process does not answer: reads, and mutations with a request id. Their messages
    /// are held in memory meanwhile.
    #[must_use]
    pub fn repeating(self) -> Self {
        Self { repeats: Some(Repeats::new()), ..self }
    }

    /// None outside of any trace: what is asked every second would fill the collector and help nobody.
    fn span(&self, path: &str) -> Span {
        if Span::current().is_none() {
            return Span::none();
        }
        let method = path.trim_start_matches('/');
        tracing::info_span!(
            "call",
            otel.name = method,
            otel.kind = "client",
            rpc.system.name = "grpc",
            rpc.method = method,
            server.address = &*self.peer,
            rpc.response.status_code = Empty,
            otel.status_code = Empty,
            error.type = Empty,
        )
    }
}

fn put(headers: &mut HeaderMap, key: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(key, value);
    }
}

fn insert<T>(request: &mut Request<T>, key: &'static str, value: &str) {
    if let Ok(value) = MetadataValue::from_str(value) {
        request.metadata_mut().insert(key, value);
    }
}

/// The other services. Cheap to clone; connections are made when first used.
#[derive(Clone)]
pub struct Peers {
    services: HashMap<String, Replicas>,
    tokens: Tokens,
}

impl Peers {
    /// One channel for each configured peer; calls take turns among several addresses of one, or among those that its one name stands for.
    pub fn new<C>(boot: &Boot<C>) -> anyhow::Result<Self> {
        let mut services = HashMap::new();
        for (name, addresses) in &boot.common.peers {
            let addresses: Vec<&str> = addresses.split(',').map(str::trim).filter(|address| !address.is_empty()).collect();
            let endpoints = addresses.iter().map(|address| endpoint(address)).collect::<Result<Vec<_>, _>>()?;
            let replicas = Replicas::new(&endpoints);
            if let [address] = addresses.as_slice()
                && let Some((host, port)) = names::named(address)
            {
                names::follow(boot, replicas.clone(), host, port);
            }
            services.insert(name.clone(), replicas);
        }
        Ok(Self { services, tokens: boot.tokens.clone() })
    }

    /// The channel to a service; a defect of the configuration when it has no address.
    pub fn channel(&self, service: &str) -> anyhow::Result<PeerChannel> {
        let replicas =
            self.services.get(service).cloned().ok_or_else(|| anyhow::anyhow!("configuration key `peers.{service}` is missing"))?;
        Ok(PeerChannel { replicas, tokens: self.tokens.clone(), peer: service.into(), repeats: None })
    }

    /// Whether the service has an address.
    pub fn knows(&self, service: &str) -> bool {
        self.services.contains_key(service)
    }
}

fn endpoint(address: &str) -> anyhow::Result<Endpoint> {
    Ok(Endpoint::from_shared(address.to_owned())?
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true))
}

/// A request in this service's own name.
pub fn own<T>(message: T, deadline: Deadline) -> Result<Request<T>, Error> {
    let mut request = Request::new(message);
    request.set_timeout(deadline.remaining()?);
    Ok(request)
}

/// A request on behalf of whoever asked us.
pub fn on_behalf<T>(message: T, context: &Context) -> Result<Request<T>, Error> {
    let mut request = own(message, context.deadline)?;
    if let Some(token) = &context.token {
        insert(&mut request, "authorization", &format!("Bearer {token}"));
    }
    if let Some(source) = &context.source {
        insert(&mut request, SOURCE, source);
    }
    Ok(request)
}

/// The same request for a call that costs its caller something each time a process takes it, as a tried password does: a channel that repeats
/// sends it again while nobody takes it, and asks no second process beside one that keeps silent.
#[must_use]
pub fn once<T>(mut request: Request<T>) -> Request<T> {
    request.extensions_mut().insert(Once);
    request
}

/// Asks identity each second what was revoked, for as long as the process serves. A replica without a database takes identity's time over with
/// the answer, and is not ready before the first one: a wall clock of its own may be wrong.
pub fn follow_revocations<C>(boot: &Boot<C>, peers: &Peers) -> anyhow::Result<()> {
    let client = RevocationServiceClient::new(peers.channel("identity")?);
    let tokens = boot.tokens.clone();
    let clock = boot.common.database_url.is_none().then(|| boot.clock.clone());
    let readiness = boot.readiness.clone();
    if clock.is_some() {
        readiness.expect("clock");
    }
    boot.tasks.spawn_vital(Phase::Serve, "revocations", move |stop| async move {
        let mut after = 0;
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            match poll_revocations(client.clone(), &tokens, clock.as_ref(), after).await {
                Ok(next) => {
                    after = next;
                    readiness.set("clock", Ok(()));
                }
                Err(error) => tracing::debug!(%error, "identity did not tell its revocations"),
            }
        }
    });
    Ok(())
}

async fn poll_revocations(
    mut client: RevocationServiceClient<PeerChannel>,
    tokens: &Tokens,
    clock: Option<&Clock>,
    after: i64,
) -> Result<i64, Error> {
    let request = own(ListRevocationsRequest { portal: String::new(), after }, Deadline::within(Duration::from_secs(2)))?;
    let asked = Instant::now();
    let answered = client.list_revocations(request).await;
    if let Some(clock) = clock
        && let Some(now) = told_time(&answered)
    {
        clock.observe(now + asked.elapsed() / 2);
    }
    let answer = answered.map_err(|status| Error::from_status(&status))?.into_inner();
    for session in answer.ended_sessions.iter().filter_map(|id| crate::ids::parse_uuid(id).ok()) {
        tokens.revocations().end_session(session);
    }
    for raised in &answer.raised_generations {
        if let (Ok(portal), Ok(person)) = (raised.portal.parse(), crate::ids::parse_uuid(&raised.person_id)) {
            tokens.revocations().raise_generation(&portal, person, raised.generation);
        }
    }
    Ok(answer.next)
}

/// The peer's time: in the answer, or with the refusal of a token that it takes for expired, without which a clock that is behind would
/// never be put right.
fn told_time(answered: &Result<tonic::Response<ListRevocationsResponse>, Status>) -> Option<OffsetDateTime> {
    match answered {
        Ok(answer) => answer.get_ref().now.as_ref().and_then(clock::from_proto),
        Err(status) => {
            let milliseconds: i128 = status.metadata().get(NOW)?.to_str().ok()?.parse().ok()?;
            OffsetDateTime::from_unix_timestamp_nanos(milliseconds.checked_mul(1_000_000)?).ok()
        }
    }
}
