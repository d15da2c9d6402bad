//! A peer that speaks the part of identity's contract that the community uses: people, and events about them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use portico_chassis::auth::{Person, Role};
use portico_chassis::testing::{Producer, serve};
use portico_proto::common::v1 as common;
use portico_proto::events::v1::{Envelope, IdentityEvent, PersonChanged, event_body, identity_event};
use portico_proto::identity::v1::{
    BatchGetPeopleRequest, BatchGetPeopleResponse, FindPeopleByEmailRequest, FindPeopleByEmailResponse, PersonFacts, PersonStatus,
};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

/// The peer. Clones share what they know.
#[derive(Clone)]
pub struct Identity {
    people: Arc<Mutex<BTreeMap<String, PersonFacts>>>,
    events: Producer,
}

impl Identity {
    /// Knows nobody.
    pub fn new() -> Self {
        Self { people: Arc::default(), events: Producer::new("identity") }
    }

    /// Serves; ends with the test.
    pub async fn start(self) -> SocketAddr {
        serve(Routes::new(self.events.service()).add_service(People(self))).await
    }

    /// Knows this person from now on, as somebody who has signed up.
    pub fn knows(&self, person: &Person) {
        let role = match person.role {
            Role::Customer => common::Role::Customer,
            Role::Agent => common::Role::Agent,
            Role::Admin => common::Role::Admin,
        };
        let facts = PersonFacts {
            id: person.id.to_string(),
            portal: person.portal.to_string(),
            name: person.name.clone(),
            email: person.email.clone(),
            role: role.into(),
            status: PersonStatus::Active.into(),
            registered: true,
            locale: person.locale.clone(),
            time_zone: person.time_zone.clone(),
            version: person.version,
            ..PersonFacts::default()
        };
        self.people.lock().unwrap().insert(facts.id.clone(), facts);
    }

    /// Changes what is known of a person, or forgets the person, and tells it by an event.
    pub fn changes(&self, person: &Person, change: impl FnOnce(&mut PersonFacts) -> bool) {
        let id = person.id.to_string();
        let mut people = self.people.lock().unwrap();
        let facts = people.get_mut(&id).unwrap();
        facts.version += 1;
        let version = facts.version;
        if !change(facts) {
            people.remove(&id);
        }
        let changed = identity_event::Event::PersonChanged(PersonChanged { person_id: id.clone(), ..PersonChanged::default() });
        let event = Envelope {
            portal: person.portal.to_string(),
            aggregate_kind: "person".into(),
            aggregate_id: id,
            version,
            ..Envelope::default()
        };
        self.events.tell(event_body::Body::Identity(IdentityEvent { event: Some(changed) }), event);
    }
}

/// Answers the two methods of PeopleService that are asked, whatever else that service may have.
#[derive(Clone)]
struct People(Identity);

impl NamedService for People {
    const NAME: &'static str = "portico.identity.v1.PeopleService";
}

impl Service<http::Request<Body>> for People {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let known: Vec<PersonFacts> = self.0.people.lock().unwrap().values().cloned().collect();
        Box::pin(async move {
            let path = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok(match path.as_str() {
                "BatchGetPeople" => {
                    let method = tower::service_fn(move |asked: Request<BatchGetPeopleRequest>| {
                        let ids = asked.into_inner().ids;
                        let people = known.iter().filter(|facts| ids.contains(&facts.id)).cloned().collect();
                        std::future::ready(Ok::<_, Status>(Response::new(BatchGetPeopleResponse { people })))
                    });
                    Grpc::new(ProstCodec::default()).unary(method, request).await
                }
                "FindPeopleByEmail" => {
                    let method = tower::service_fn(move |asked: Request<FindPeopleByEmailRequest>| {
                        let emails = asked.into_inner().emails;
                        let people = known.iter().filter(|facts| emails.contains(&facts.email)).cloned().collect();
                        std::future::ready(Ok::<_, Status>(Response::new(FindPeopleByEmailResponse { people })))
                    });
                    Grpc::new(ProstCodec::default()).unary(method, request).await
                }
                _ => Status::unimplemented("not needed by the community").into_http(),
            })
        })
    }
}
