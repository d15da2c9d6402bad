//! Somebody writes who has no account yet (IA-8, IA-9, S13): identity hears of it by event and asks tickets for the address.

use std::sync::{Arc, Mutex};

use portico_chassis::testing::{Producer, eventually, serve};
use portico_proto::common::v1::RenderForResponse;
use portico_proto::common::v1::settings_service_server::SettingsServiceServer;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::identity_event::Event;
use portico_proto::events::v1::tickets_event::Event as Tickets;
use portico_proto::events::v1::{CollaboratorAdded, Envelope, TicketCreated, TicketState, TicketsEvent};
use portico_proto::identity::v1::*;
use portico_proto::tickets::v1::guest_service_server::{GuestService, GuestServiceServer};
use portico_proto::tickets::v1::{GetUnverifiedAddressRequest, GetUnverifiedAddressResponse};
use serde_json::json;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::kit::*;
use crate::readers::{self, Reader};

/// The tickets service as far as identity meets it: a journal, and the addresses of unverified tickets.
#[derive(Clone)]
struct Neighbour {
    events: Producer,
    addresses: Arc<Mutex<Vec<(String, String)>>>,
}

#[tonic::async_trait]
impl GuestService for Neighbour {
    async fn get_unverified_address(
        &self,
        request: Request<GetUnverifiedAddressRequest>,
    ) -> Result<Response<GetUnverifiedAddressResponse>, Status> {
        let known = self.addresses.lock().unwrap();
        let found = known.iter().find(|(ticket, _)| *ticket == request.get_ref().ticket_id);
        let (_, email) = found.ok_or_else(|| Status::not_found("verified"))?;
        Ok(Response::new(GetUnverifiedAddressResponse { email: email.clone(), name: "Gwen".into() }))
    }
}

impl Neighbour {
    fn new() -> Self {
        Self { events: Producer::new("tickets"), addresses: Arc::default() }
    }

    fn created(&self, ticket: Uuid, created: TicketCreated, requester: &str) {
        let state = TicketState { requester_id: requester.into(), verified: created.verified, ..Default::default() };
        self.tell(ticket, state, Tickets::TicketCreated(created));
    }

    fn tell(&self, ticket: Uuid, state: TicketState, event: Tickets) {
        let body = TicketsEvent { ticket: Some(state), event: Some(event), ..Default::default() };
        let envelope = Envelope {
            portal: "demo".into(),
            aggregate_kind: "ticket".into(),
            aggregate_id: ticket.to_string(),
            version: 1,
            ..Default::default()
        };
        self.events.tell(Body::Tickets(body), envelope);
    }

    /// A guest writes.
    fn guest_writes(&self, email: &str) {
        let ticket = Uuid::now_v7();
        self.addresses.lock().unwrap().push((ticket.to_string(), email.into()));
        self.created(ticket, TicketCreated { verified: false, channel: "portal".into(), ..Default::default() }, "");
    }

    /// Somebody without an account asks, by a mail whose sender is proven or through an agent.
    fn unregistered_asks(&self, person: &str, channel: &str) {
        let created = TicketCreated { verified: true, channel: channel.into(), requester_unregistered: true, ..Default::default() };
        self.created(Uuid::now_v7(), created, person);
    }

    /// A ticket is shared with somebody without an account.
    fn shared(&self, person: &str, pending: bool) {
        let collaborator_id = Uuid::now_v7().to_string();
        let added = CollaboratorAdded { collaborator_id, person_id: person.into(), pending, unregistered: true };
        self.tell(Uuid::now_v7(), TicketState::default(), Tickets::CollaboratorAdded(added));
    }
}

async fn beside(neighbour: &Neighbour) -> Place {
    let mut stage = readers::agreeing().await;
    let routes = Routes::new(neighbour.events.service())
        .add_service(GuestServiceServer::new(neighbour.clone()))
        .add_service(SettingsServiceServer::new(Reader::default()));
    stage.peer("tickets", serve(routes).await);
    let place = Place::start(stage).await;
    place.create_portal("demo", "helpdesk").await;
    place.import("admin@demo.test", portico_proto::common::v1::Role::Admin, "", Default::default()).await;
    place
}

async fn waits_for(place: &Place, email: &str, count: usize) {
    eventually("auto-invites", || async { (place.links_of(email, "auto_invite").await.len() == count).then_some(()) }).await;
}

/// The latest invitation of that kind.
async fn mail_to(place: &Place, email: &str) -> RenderForResponse {
    let link = place.links_of(email, "auto_invite").await.pop().unwrap();
    place.try_render(&link).await.unwrap().into_inner()
}

fn confirm(token: &str) -> ConfirmAddressRequest {
    ConfirmAddressRequest { portal: "demo".into(), request_id: key(), token: token.into() }
}

fn proofs(happened: &[Event], id: &str) -> usize {
    happened.iter().filter(|event| matches!(event, Event::AddressProven(proven) if proven.person_id == id)).count()
}

#[tokio::test]
async fn a_guests_first_request_brings_an_invitation_for_that_address_and_one_a_day() {
    let neighbour = Neighbour::new();
    let place = beside(&neighbour).await;
    neighbour.guest_writes("gwen@web.test");
    neighbour.guest_writes("gwen@web.test");
    waits_for(&place, "gwen@web.test", 1).await;
    place.settled().await;
    assert_eq!(place.links_of("gwen@web.test", "auto_invite").await.len(), 1);

    let mail = mail_to(&place, "gwen@web.test").await;
    assert_eq!((mail.to_address.as_str(), mail.to_name.as_str()), ("gwen@web.test", ""), "S63: anybody can have typed that name");
    let token = mail.action_path.strip_prefix("/invite/").unwrap().to_owned();
    // The address may be confirmed without an account, once, and the account opened afterwards.
    place.accounts().confirm_address(place.guest(confirm(&token))).await.unwrap();
    assert_eq!(code(place.accounts().confirm_address(place.guest(confirm(&token))).await), (404, "link_invalid".into()));
    let gwen = place.try_register(&token, PASSWORD).await.unwrap().into_inner().user.unwrap();
    assert_eq!((gwen.email.as_str(), gwen.name.as_str()), ("gwen@web.test", "Gwen"));
    assert!(proofs(&place.happened().await, &gwen.id) >= 2);
    place.end().await;
}

#[tokio::test]
async fn a_known_address_is_asked_to_confirm_and_a_suspended_one_is_left_alone() {
    let neighbour = Neighbour::new();
    let place = beside(&neighbour).await;
    let alice = place.customer("alice@acme.test").await;
    let mallory = place.customer("mallory@acme.test").await;
    place.suspend(&mallory.id()).await;
    neighbour.guest_writes("mallory@acme.test");
    neighbour.guest_writes("alice@acme.test");
    waits_for(&place, "alice@acme.test", 1).await;
    place.settled().await;
    assert!(place.links_of("mallory@acme.test", "auto_invite").await.is_empty());

    let mail = mail_to(&place, "alice@acme.test").await;
    assert_eq!(mail.to_name, alice.user().name, "she chose that name herself");
    let token = mail.action_path.strip_prefix("/verify/").unwrap();
    assert_eq!(code(place.try_register(token, OTHER_PASSWORD).await), (404, "link_invalid".into()));
    let before = proofs(&place.happened().await, &alice.id());
    place.accounts().confirm_address(place.guest(confirm(token))).await.unwrap();
    assert_eq!(proofs(&place.happened().await, &alice.id()), before + 1);
    assert_eq!(code(place.accounts().confirm_address(place.guest(confirm(token))).await), (404, "link_invalid".into()));
    place.end().await;
}

#[tokio::test]
async fn a_portal_that_does_not_auto_invite_asks_for_confirmation_only() {
    let neighbour = Neighbour::new();
    let place = beside(&neighbour).await;
    place.patch(json!({"policies": {"first_contact": ["invite"]}})).await;
    neighbour.guest_writes("gwen@web.test");
    waits_for(&place, "gwen@web.test", 1).await;
    assert!(place.mailed_path("gwen@web.test", "auto_invite").await.starts_with("/verify/"));
    place.end().await;
}

async fn person(place: &Place, email: &str) -> String {
    let ensure = EnsurePersonRequest {
        portal: "demo".into(),
        request_id: key(),
        email: email.into(),
        name: "Mia".into(),
        ..EnsurePersonRequest::default()
    };
    place.people().ensure_person(place.service("tickets", ensure)).await.unwrap().into_inner().id
}

/// Kinds of the links that an address got, once all wishes were looked at.
async fn kinds(place: &Place, email: &str) -> (usize, usize) {
    (place.links_of(email, "invite").await.len(), place.links_of(email, "auto_invite").await.len())
}

/// All that tickets told was taken in: a guest who wrote last has been asked to confirm.
async fn caught_up(place: &Place, neighbour: &Neighbour) {
    neighbour.guest_writes("last@web.test");
    waits_for(place, "last@web.test", 1).await;
    place.settled().await;
}

#[tokio::test]
async fn a_vouched_sender_without_an_account_gets_one_invitation() {
    // IA-8: one, not one for being known and one for the request.
    let neighbour = Neighbour::new();
    let place = beside(&neighbour).await;
    let mia = person(&place, "mail@web.test").await;
    neighbour.unregistered_asks(&mia, "email");
    waits_for(&place, "mail@web.test", 1).await;
    caught_up(&place, &neighbour).await;
    assert_eq!(kinds(&place, "mail@web.test").await, (0, 1));
    let token = place.mailed_token("mail@web.test", "auto_invite").await;
    assert_eq!(place.try_register(&token, PASSWORD).await.unwrap().into_inner().user.unwrap().id, mia);
    place.end().await;
}

#[tokio::test]
async fn who_opens_an_account_is_the_policys_word() {
    // As in the profiles: product-help has single sign-on alone, client-cases and service-desk invite, helpdesk invites those who write by
    // themselves too.
    let neighbour = Neighbour::new();
    let place = beside(&neighbour).await;
    for (ways, by_mail, by_agent, shared) in [
        (json!(["sso"]), (0, 0), (0, 0), (0, 0)),
        (json!(["invite", "sso"]), (0, 0), (1, 0), (1, 0)),
        (json!(["invite", "sign_up", "auto_invite"]), (0, 1), (0, 1), (1, 0)),
    ] {
        place.patch(json!({"policies": {"first_contact": ways}})).await;
        let address = |who: &str| format!("{who}{}@web.test", by_mail.1 * 2 + shared.0);
        neighbour.unregistered_asks(&person(&place, &address("mail")).await, "email");
        neighbour.unregistered_asks(&person(&place, &address("agent")).await, "agent");
        neighbour.shared(&person(&place, &address("share")).await, false);
        neighbour.shared(&person(&place, &address("cc")).await, true);
        let last = format!("last{}@web.test", by_mail.1 * 2 + shared.0);
        neighbour.guest_writes(&last);
        waits_for(&place, &last, 1).await;
        place.settled().await;
        assert_eq!(kinds(&place, &address("mail")).await, by_mail, "{ways}: by mail");
        assert_eq!(kinds(&place, &address("agent")).await, by_agent, "{ways}: through an agent");
        assert_eq!(kinds(&place, &address("share")).await, shared, "{ways}: shared with");
        assert_eq!(kinds(&place, &address("cc")).await, (0, 0), "{ways}: a Cc that nobody confirmed");
    }
    place.end().await;
}

#[tokio::test]
async fn a_collaborator_without_an_account_is_invited_once_a_day() {
    let neighbour = Neighbour::new();
    let place = beside(&neighbour).await;
    let carol = person(&place, "carol@globex.test").await;
    neighbour.shared(&carol, false);
    neighbour.shared(&carol, false);
    caught_up(&place, &neighbour).await;
    assert_eq!(kinds(&place, "carol@globex.test").await, (1, 0));
    let token = place.mailed_token("carol@globex.test", "invite").await;
    place.try_register(&token, PASSWORD).await.unwrap();
    neighbour.shared(&carol, false);
    neighbour.guest_writes("after@web.test");
    waits_for(&place, "after@web.test", 1).await;
    place.settled().await;
    assert_eq!(kinds(&place, "carol@globex.test").await, (1, 0), "who has an account needs no invitation");
    place.end().await;
}
