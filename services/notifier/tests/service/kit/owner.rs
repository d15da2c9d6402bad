//! A peer that owns events: it tells them, renders them, and takes inbound mail as tickets does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    dead_code,
    reason = "tests end at the first surprise; each test file uses its part of the kit"
)]

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::testing::{Producer, serve};
use portico_proto::common::v1::render_service_server::{RenderService, RenderServiceServer};
use portico_proto::common::v1::{RenderForRequest, RenderForResponse};
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::{Envelope, TicketNotice, TicketsEvent};
use portico_proto::tickets::v1::inbound_service_server::{InboundService, InboundServiceServer};
use portico_proto::tickets::v1::{MailOutcome, SubmitMailRequest, SubmitMailResponse};
use time::OffsetDateTime;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// A ticket of the tests.
pub const TICKET: &str = "0190b000-0000-7000-8000-000000000007";

/// What the peer says and heard.
#[derive(Default)]
pub struct State {
    /// Where each recipient's mail goes.
    pub addresses: HashMap<String, String>,
    /// Recipients who may not see anything any more.
    pub hidden: HashSet<String>,
    /// The service is away.
    pub down: bool,
    /// What every rendering says; address and number are filled in.
    pub words: RenderForResponse,
    pub rendered: Vec<RenderForRequest>,
    pub submitted: Vec<SubmitMailRequest>,
    /// What tickets makes of the next messages; a new ticket when empty.
    pub outcomes: Vec<Result<SubmitMailResponse, Status>>,
}

/// The peer.
#[derive(Clone)]
pub struct Owner {
    pub address: SocketAddr,
    pub events: Producer,
    pub state: Arc<Mutex<State>>,
}

impl Owner {
    pub async fn start(name: &'static str) -> Self {
        let words = RenderForResponse {
            to_name: "Alice".into(),
            locale: "en".into(),
            portal_title: "ACME Help".into(),
            subject: "Printer on fire".into(),
            intro: vec!["Support answered your request.".into()],
            author_name: "Ann Agent".into(),
            body_markdown: "Please **unplug** it.".into(),
            action_label: "Open the request".into(),
            action_path: "/requests/DEMO-7".into(),
            ticket_number: "DEMO-7".into(),
            thread_root: TICKET.into(),
            answerable: true,
            ..RenderForResponse::default()
        };
        let state = Arc::new(Mutex::new(State { words, ..State::default() }));
        let owner = Self { address: SocketAddr::from(([0; 4], 0)), events: Producer::new(name), state };
        Self { address: serve(owner.routes()).await, ..owner }
    }

    /// What it serves.
    pub fn routes(&self) -> Routes {
        Routes::new(self.events.service())
            .add_service(RenderServiceServer::new(self.clone()))
            .add_service(InboundServiceServer::new(self.clone()))
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// From now on mail for `recipient` goes to `address`.
    pub fn knows(&self, recipient: impl ToString, address: &str) {
        self.with(|state| state.addresses.insert(recipient.to_string(), address.to_owned()));
    }

    /// Tells a ticket's event with one notice; returns the event's id.
    pub fn notice(&self, kind: &str, people: &[String], mail: bool, bell: bool) -> Uuid {
        let notice = TicketNotice { kind: kind.into(), person_ids: people.to_vec(), mail, bell };
        let event = TicketsEvent { notices: vec![notice], ..TicketsEvent::default() };
        self.tell(Body::Tickets(event), "guest", OffsetDateTime::now_utc())
    }

    /// Tells an event.
    pub fn tell(&self, body: Body, actor: &str, at: OffsetDateTime) -> Uuid {
        let event = Envelope {
            portal: super::PORTAL.into(),
            aggregate_kind: "ticket".into(),
            aggregate_id: TICKET.into(),
            at: Some(to_proto(at)),
            actor: actor.into(),
            ..Envelope::default()
        };
        self.events.tell(body, event)
    }

    /// How often something was rendered.
    pub fn renderings(&self) -> usize {
        self.with(|state| state.rendered.len())
    }
}

#[tonic::async_trait]
impl RenderService for Owner {
    async fn render_for(&self, request: Request<RenderForRequest>) -> Result<Response<RenderForResponse>, Status> {
        let request = request.into_inner();
        self.with(|state| {
            if state.down {
                return Err(Error::Unavailable("the test").into());
            }
            state.rendered.push(request.clone());
            let address = state.addresses.get(&request.recipient).cloned();
            let address = address.filter(|_| !state.hidden.contains(&request.recipient)).ok_or_else(|| Status::from(Error::NOT_FOUND))?;
            Ok(Response::new(RenderForResponse { to_address: address, ..state.words.clone() }))
        })
    }
}

#[tonic::async_trait]
impl InboundService for Owner {
    async fn submit_mail(&self, request: Request<SubmitMailRequest>) -> Result<Response<SubmitMailResponse>, Status> {
        self.with(|state| {
            if state.down {
                return Err(Error::Unavailable("the test").into());
            }
            state.submitted.push(request.into_inner());
            if state.outcomes.is_empty() {
                let number = format!("DEMO-{}", state.submitted.len());
                let outcome = MailOutcome::TicketCreated.into();
                return Ok(Response::new(SubmitMailResponse { outcome, number, ..SubmitMailResponse::default() }));
            }
            state.outcomes.remove(0).map(Response::new)
        })
    }
}
