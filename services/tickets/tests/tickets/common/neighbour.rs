//! Identity as tickets meets it: settings, people, captchas, events. It speaks the real contract over real gRPC and remembers what it was told.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use portico_chassis::auth::{Person, Visibility};
use portico_chassis::deadline::parse_grpc_timeout;
use portico_chassis::testing::{Producer, serve};
use portico_proto::common::v1::{Role, Visibility as WireVisibility};
use portico_proto::events::v1::{AddressProven, Envelope, IdentityEvent, PersonChanged, event_body, identity_event};
use portico_proto::identity::v1 as wire;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;
use tonic::{Response, Status};
use uuid::Uuid;

/// What the neighbour knows.
#[derive(Default)]
pub struct Known {
    pub settings: Vec<wire::Settings>,
    pub people: BTreeMap<String, wire::PersonFacts>,
    /// Captcha tokens that were spent, with the request id that spent them.
    pub spent: BTreeMap<String, String>,
    /// How long it thinks about an address.
    pub pause: Duration,
    /// How much time each question about an address left it.
    pub left: Vec<Duration>,
}

/// A handle on the running neighbour.
#[derive(Clone)]
pub struct Neighbour {
    pub known: Arc<Mutex<Known>>,
    events: Producer,
}

/// The facts of a person of the test kit.
pub fn facts(person: &Person) -> wire::PersonFacts {
    wire::PersonFacts {
        id: person.id.to_string(),
        portal: person.portal.to_string(),
        name: person.name.clone(),
        email: person.email.clone(),
        role: match person.role.as_str() {
            "agent" => Role::Agent.into(),
            "admin" => Role::Admin.into(),
            _ => Role::Customer.into(),
        },
        status: wire::PersonStatus::Active.into(),
        origin: wire::Origin::Internal.into(),
        registered: true,
        organization_id: person.organization.as_ref().map(|own| own.id.to_string()).unwrap_or_default(),
        organization_name: person.organization.as_ref().map(|own| own.name.clone()).unwrap_or_default(),
        visibility: match person.visibility {
            Visibility::Own => WireVisibility::Own.into(),
            Visibility::Organization => WireVisibility::Organization.into(),
        },
        locale: person.locale.clone(),
        time_zone: person.time_zone.clone(),
        version: person.version,
    }
}

impl Neighbour {
    /// Knows nothing.
    pub fn new() -> Self {
        Self { known: Arc::default(), events: Producer::new("identity") }
    }

    /// Sets a portal's settings document.
    pub fn set(&self, portal: &str, document: &serde_json::Value) {
        let mut known = self.known.lock().unwrap();
        let version = known.settings.iter().map(|settings| settings.version).max().unwrap_or(0) + 1;
        known.settings.retain(|settings| settings.portal != portal);
        known.settings.push(wire::Settings {
            portal: portal.to_owned(),
            version,
            title: "Demo".to_owned(),
            settings_json: document.to_string(),
            etag: String::new(),
        });
    }

    /// Adds a person and tells it by an event.
    pub fn add(&self, person: wire::PersonFacts) {
        let id = person.id.clone();
        let portal = person.portal.clone();
        self.known.lock().unwrap().people.insert(id.clone(), person);
        let fields = vec!["created".to_owned()];
        self.tell(
            &portal,
            &id,
            identity_event::Event::PersonChanged(PersonChanged { person_id: id.clone(), fields, organization_id: String::new() }),
        );
    }

    /// Whether there is a person of an address.
    pub fn knows(&self, email: &str) -> bool {
        self.known.lock().unwrap().people.values().any(|person| person.email == email)
    }

    /// Tells that a person proved their address.
    pub fn proven(&self, portal: &str, person: &str) {
        self.tell(portal, person, identity_event::Event::AddressProven(AddressProven { person_id: person.to_owned() }));
    }

    fn tell(&self, portal: &str, aggregate: &str, event: identity_event::Event) {
        let event_of_person = Envelope {
            portal: portal.to_owned(),
            aggregate_kind: "person".to_owned(),
            aggregate_id: aggregate.to_owned(),
            actor: "system".to_owned(),
            ..Envelope::default()
        };
        self.events.tell(event_body::Body::Identity(IdentityEvent { event: Some(event) }), event_of_person);
    }

    /// Notes how much time there is for an answer; tells how long it takes.
    fn pause(&self, headers: &http::HeaderMap) -> Duration {
        let left = headers.get("grpc-timeout").and_then(|value| parse_grpc_timeout(value.to_str().ok()?));
        let mut known = self.known.lock().unwrap();
        known.left.push(left.expect("every question has a deadline"));
        known.pause
    }

    fn ensure(&self, request: wire::EnsurePersonRequest) -> Result<wire::PersonFacts, Status> {
        let mut known = self.known.lock().unwrap();
        let email = request.email.to_lowercase();
        let found = known.people.values().find(|person| person.email == email && person.portal == request.portal).cloned();
        let person = found.unwrap_or_else(|| wire::PersonFacts {
            id: Uuid::now_v7().to_string(),
            portal: request.portal.clone(),
            name: if request.name.is_empty() { email.clone() } else { request.name.clone() },
            email: email.clone(),
            role: Role::Customer.into(),
            status: wire::PersonStatus::Active.into(),
            version: 1,
            locale: "en".to_owned(),
            time_zone: "UTC".to_owned(),
            ..wire::PersonFacts::default()
        });
        assert!(!request.invite, "identity invites by events, once nothing was refused");
        known.people.insert(person.id.clone(), person.clone());
        Ok(person)
    }

    fn batch(&self, request: &wire::BatchGetPeopleRequest) -> wire::BatchGetPeopleResponse {
        let known = self.known.lock().unwrap();
        let people = request.ids.iter().filter_map(|id| known.people.get(id).filter(|person| person.portal == request.portal).cloned());
        wire::BatchGetPeopleResponse { people: people.collect() }
    }

    fn verify(&self, request: wire::VerifyCaptchaRequest) -> Result<wire::VerifyCaptchaResponse, Status> {
        let mut known = self.known.lock().unwrap();
        let answer = request.answer.unwrap_or_default();
        let spent_by = known.spent.entry(answer.token.clone()).or_insert_with(|| request.request_id.clone());
        if answer.number != "42" || *spent_by != request.request_id {
            return Err(portico_chassis::error::Error::invalid("captcha", "invalid", "Answer the check again.").into());
        }
        Ok(wire::VerifyCaptchaResponse { challenge_id: answer.token, expires_at: None })
    }

    fn answer(self, request: Request<Body>) -> BoxFuture<http::Response<Body>, std::convert::Infallible> {
        let path = request.uri().path().to_owned();
        match path.rsplit('/').next().unwrap_or_default() {
            "ListSettings" => unary(request, move |asked: wire::ListSettingsRequest| {
                let known = self.known.lock().unwrap();
                let settings = known.settings.iter().filter(|settings| settings.version > asked.after_version).cloned().collect();
                Ok(wire::ListSettingsResponse { settings })
            }),
            "ListRevocations" => unary(request, |_: wire::ListRevocationsRequest| Ok(wire::ListRevocationsResponse::default())),
            "BatchGetPeople" => unary(request, move |asked: wire::BatchGetPeopleRequest| Ok(self.batch(&asked))),
            "FindPeopleByEmail" => unary(request, move |asked: wire::FindPeopleByEmailRequest| {
                let known = self.known.lock().unwrap();
                let wanted = |person: &&wire::PersonFacts| person.portal == asked.portal && asked.emails.contains(&person.email);
                let people = known.people.values().filter(wanted).cloned().collect();
                Ok(wire::FindPeopleByEmailResponse { people })
            }),
            "EnsurePerson" => {
                let pause = self.pause(request.headers());
                Box::pin(async move {
                    tokio::time::sleep(pause).await;
                    unary(request, move |asked| self.ensure(asked)).await
                })
            }
            "VerifyCaptcha" => unary(request, move |asked| self.verify(asked)),
            other => panic!("the neighbour was asked for {other}"),
        }
    }

    /// Serves on a free port.
    pub async fn serve(&self) -> SocketAddr {
        let routes = Routes::new(self.events.service())
            .add_service(Portals(self.clone()))
            .add_service(People(self.clone()))
            .add_service(Captcha(self.clone()))
            .add_service(Revocation(self.clone()));
        serve(routes).await
    }
}

fn unary<Q, A, F>(request: Request<Body>, answer: F) -> BoxFuture<http::Response<Body>, std::convert::Infallible>
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Default + Send + 'static,
    F: Fn(Q) -> Result<A, Status> + Send + 'static,
{
    struct Once<F>(F);
    impl<Q, A, F: Fn(Q) -> Result<A, Status>> UnaryService<Q> for Once<F> {
        type Response = A;
        type Future = Ready<Result<Response<A>, Status>>;
        fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
            ready((self.0)(request.into_inner()).map(Response::new))
        }
    }
    Box::pin(async move {
        let mut grpc = Grpc::new(tonic_prost::ProstCodec::<A, Q>::default());
        Ok(grpc.unary(Once(answer), request).await)
    })
}

macro_rules! door {
    ($name:ident, $path:literal) => {
        #[derive(Clone)]
        struct $name(Neighbour);

        impl NamedService for $name {
            const NAME: &'static str = $path;
        }

        impl Service<Request<Body>> for $name {
            type Response = http::Response<Body>;
            type Error = std::convert::Infallible;
            type Future = BoxFuture<Self::Response, Self::Error>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<Body>) -> Self::Future {
                self.0.clone().answer(request)
            }
        }
    };
}

door!(Portals, "portico.identity.v1.PortalsService");
door!(People, "portico.identity.v1.PeopleService");
door!(Captcha, "portico.identity.v1.CaptchaService");
door!(Revocation, "portico.identity.v1.RevocationService");
