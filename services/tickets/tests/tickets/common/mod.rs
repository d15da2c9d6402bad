//! The stage of the tickets tests: the service as a whole over gRPC, real PostgreSQL, and identity as its neighbour.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod neighbour;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use neighbour::{Neighbour, facts};
use portico_chassis::auth::{Keys, Person, Role, Visibility};
use portico_chassis::blobs::{Blobs, Upload};
use portico_chassis::error::Error;
use portico_chassis::run::Running;
use portico_chassis::testing::{Stage, organization, person};
use portico_proto::common::v1::render_service_client::RenderServiceClient;
use portico_proto::common::v1::{RenderForRequest, RenderForResponse, UploadTicket};
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use portico_proto::events::v1::tickets_event::Event;
use portico_proto::events::v1::{Envelope, PullRequest, TicketsEvent, event_body};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::attachments_service_client::AttachmentsServiceClient;
use portico_proto::tickets::v1::catalog_service_client::CatalogServiceClient;
use portico_proto::tickets::v1::collaborators_service_client::CollaboratorsServiceClient;
use portico_proto::tickets::v1::conversation_service_client::ConversationServiceClient;
use portico_proto::tickets::v1::guest_service_client::GuestServiceClient;
use portico_proto::tickets::v1::inbound_service_client::InboundServiceClient;
use portico_proto::tickets::v1::tickets_service_client::TicketsServiceClient;
use portico_tickets::config::Config;
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic::{Response, Status};

/// Everything a test works with.
pub struct World {
    pub stage: Stage,
    pub neighbour: Neighbour,
    pub replicas: Vec<Running>,
    pub channel: Channel,
    pub alice: Person,
    pub bob: Person,
    pub carol: Person,
    pub agent: Person,
    pub agent2: Person,
    pub admin: Person,
    keys: AtomicU64,
}

/// The settings of profile `helpdesk`.
pub fn helpdesk() -> Value {
    json!({
        "profile": "helpdesk",
        "policies": {"visibility": "own", "reopen": "on_comment", "customer_close": "any_time", "survey": "ask", "closed_update": "auto_new_case",
            "first_contact": ["invite", "sign_up", "auto_invite"], "guest_requests": true, "priority_entry": "customer", "form_style": "single_page"},
        "timers": {"waiting_reminder_seconds": [86400, 172800, 259200], "auto_resolve_seconds": 345600, "close_reminder_seconds": 86400,
            "auto_close_seconds": 259200, "calendar": "calendar"},
        "status_labels": {"new": "Open", "waiting_customer": "On hold"},
        "limits": {"tickets_per_hour_per_person": 100}
    })
}

fn named(mut person: Person, name: &str, email: &str) -> Person {
    person.name = name.to_owned();
    person.email = email.to_owned();
    person
}

impl World {
    /// One replica, the people of the demo, profile `helpdesk`.
    pub async fn new() -> Self {
        Self::with(helpdesk(), 1).await
    }

    /// The same with other settings and so many replicas.
    pub async fn with(settings: Value, replicas: usize) -> Self {
        Self::with_config(settings, replicas, Config::default()).await
    }

    /// The same with a configuration.
    pub async fn with_config(settings: Value, replicas: usize, config: Config) -> Self {
        let mut stage = Stage::new().await;
        let neighbour = Neighbour::new();
        neighbour.set("demo", &settings);
        let acme = Some(organization(1, "ACME"));
        let mut alice = named(person(1, Role::Customer), "Alice", "alice@acme.test");
        alice.organization.clone_from(&acme);
        let mut bob = named(person(2, Role::Customer), "Bob", "bob@acme.test");
        bob.organization = acme;
        bob.visibility = Visibility::Organization;
        let mut carol = named(person(3, Role::Customer), "Carol", "carol@globex.test");
        carol.organization = Some(organization(2, "Globex"));
        carol.visibility = Visibility::Organization;
        let agent = named(person(10, Role::Agent), "Agnes", "agent@demo.test");
        let agent2 = named(person(11, Role::Agent), "Aron", "agent2@demo.test");
        let admin = named(person(12, Role::Admin), "Ada", "admin@demo.test");
        for person in [&alice, &bob, &carol, &agent, &agent2, &admin] {
            neighbour.add(facts(person));
        }
        stage.peer("identity", neighbour.serve().await);
        let mut running = Vec::new();
        for _ in 0..replicas {
            let mut boot = stage.boot("tickets", config.clone()).await;
            // Limits are as the settings say, not as wide as on a development machine.
            boot.common.limit_factor = 1;
            running.push(portico_tickets::start(boot).await.unwrap());
        }
        let channel = channel(&running[0]).await;
        let keys = AtomicU64::new(1);
        Self { stage, neighbour, replicas: running, channel, alice, bob, carol, agent, agent2, admin, keys }
    }

    /// A new idempotency key.
    pub fn key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    pub fn tickets(&self) -> TicketsServiceClient<Channel> {
        TicketsServiceClient::new(self.channel.clone())
    }

    pub fn conversation(&self) -> ConversationServiceClient<Channel> {
        ConversationServiceClient::new(self.channel.clone())
    }

    pub fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.channel.clone())
    }

    /// What a person gives for a plain ticket.
    pub fn plain(&self, subject: &str) -> wire::CreateTicketRequest {
        wire::CreateTicketRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            subject: subject.to_owned(),
            description: format!("About: {subject}"),
            ..wire::CreateTicketRequest::default()
        }
    }

    pub async fn create(&self, who: &Person, request: wire::CreateTicketRequest) -> Result<wire::Ticket, Error> {
        let sent = self.tickets().create_ticket(self.stage.as_person(who, request)).await;
        told(sent).map(|answer| answer.ticket.unwrap())
    }

    pub async fn get(&self, who: &Person, number: &str) -> Result<wire::Ticket, Error> {
        let request = wire::GetTicketRequest { portal: "demo".to_owned(), number: number.to_owned() };
        told(self.tickets().get_ticket(self.stage.as_person(who, request)).await)
    }

    pub async fn list(&self, who: &Person, filter: wire::TicketFilter) -> Result<Vec<String>, Error> {
        let request = wire::ListTicketsRequest { portal: "demo".to_owned(), filter: Some(filter), ..wire::ListTicketsRequest::default() };
        let answer = told(self.tickets().list_tickets(self.stage.as_person(who, request)).await)?;
        Ok(answer.tickets.into_iter().map(|ticket| ticket.number).collect())
    }

    pub async fn count(&self, who: &Person, filter: wire::TicketFilter) -> i32 {
        let request = wire::CountTicketsRequest { portal: "demo".to_owned(), filters: vec![filter] };
        told(self.tickets().count_tickets(self.stage.as_person(who, request)).await).unwrap().counts[0].count
    }

    pub async fn timeline(&self, who: &Person, number: &str) -> Result<Vec<wire::TimelineItem>, Error> {
        let page = Some(portico_proto::common::v1::PageRequest { page_size: 100, page_token: String::new() });
        let request = wire::GetTimelineRequest { portal: "demo".to_owned(), number: number.to_owned(), page, newest_first: false };
        Ok(told(self.conversation().get_timeline(self.stage.as_person(who, request)).await)?.items)
    }

    pub fn words(&self, number: &str, body: &str) -> wire::AddCommentRequest {
        wire::AddCommentRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            number: number.to_owned(),
            body: body.to_owned(),
            ..wire::AddCommentRequest::default()
        }
    }

    pub async fn comment(&self, who: &Person, request: wire::AddCommentRequest) -> Result<wire::AddCommentResponse, Error> {
        told(self.conversation().add_comment(self.stage.as_person(who, request)).await)
    }

    /// An agent's public reply that chooses a status.
    pub async fn reply(&self, who: &Person, number: &str, body: &str, status: wire::Status) -> Result<wire::AddCommentResponse, Error> {
        let request = wire::AddCommentRequest { status: status.into(), ..self.words(number, body) };
        self.comment(who, request).await
    }

    /// An agent's internal note.
    pub async fn note(&self, who: &Person, number: &str, body: &str) -> Result<wire::AddCommentResponse, Error> {
        let request = wire::AddCommentRequest { visibility: wire::ItemVisibility::Internal.into(), ..self.words(number, body) };
        self.comment(who, request).await
    }

    pub async fn update(&self, who: &Person, number: &str, paths: &[&str], changes: wire::TicketChanges) -> Result<wire::Ticket, Error> {
        let update_mask = Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        let request = wire::UpdateTicketRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            number: number.to_owned(),
            changes: Some(changes),
            update_mask,
            ..wire::UpdateTicketRequest::default()
        };
        told(self.tickets().update_ticket(self.stage.as_person(who, request)).await)
    }

    pub async fn close(&self, who: &Person, number: &str, score: i32, comment: &str) -> Result<wire::Ticket, Error> {
        let request = wire::CloseTicketRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            number: number.to_owned(),
            score,
            comment: comment.to_owned(),
            ..wire::CloseTicketRequest::default()
        };
        told(self.tickets().close_ticket(self.stage.as_person(who, request)).await)
    }

    pub async fn reopen(&self, who: &Person, number: &str, comment: &str) -> Result<wire::Ticket, Error> {
        let request = wire::ReopenTicketRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            number: number.to_owned(),
            comment: comment.to_owned(),
            ..wire::ReopenTicketRequest::default()
        };
        told(self.tickets().reopen_ticket(self.stage.as_person(who, request)).await)
    }

    pub fn collaborators(&self) -> CollaboratorsServiceClient<Channel> {
        CollaboratorsServiceClient::new(self.channel.clone())
    }

    pub fn attachments(&self) -> AttachmentsServiceClient<Channel> {
        AttachmentsServiceClient::new(self.channel.clone())
    }

    pub fn inbound(&self) -> InboundServiceClient<Channel> {
        InboundServiceClient::new(self.channel.clone())
    }

    pub fn guests(&self) -> GuestServiceClient<Channel> {
        GuestServiceClient::new(self.channel.clone())
    }

    pub async fn share(&self, who: &Person, number: &str, email: &str) -> Result<wire::Collaborator, Error> {
        let request = wire::AddCollaboratorRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            number: number.to_owned(),
            email: email.to_owned(),
            ..wire::AddCollaboratorRequest::default()
        };
        told(self.collaborators().add_collaborator(self.stage.as_person(who, request)).await)
    }

    pub async fn unshare(&self, who: &Person, number: &str, id: &str) -> Result<(), Error> {
        let request = wire::RemoveCollaboratorRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            number: number.to_owned(),
            collaborator_id: id.to_owned(),
        };
        told(self.collaborators().remove_collaborator(self.stage.as_person(who, request)).await).map(|_| ())
    }

    /// What a mail or bell about an event says to somebody.
    pub async fn render(&self, event: &str, recipient: &str, kind: &str) -> Result<RenderForResponse, Error> {
        let request = RenderForRequest {
            portal: "demo".to_owned(),
            event_id: event.to_owned(),
            recipient: recipient.to_owned(),
            kind: kind.to_owned(),
        };
        let mut client = RenderServiceClient::new(self.channel.clone());
        told(client.render_for(self.stage.as_service("notifier", request)).await)
    }

    /// The journal's events of the tickets service, in order.
    pub async fn events(&self) -> Vec<(Envelope, TicketsEvent)> {
        let mut client = EventsServiceClient::new(self.channel.clone());
        let (mut all, mut after_position) = (Vec::new(), 0);
        loop {
            let request = self.stage.as_service("notifier", PullRequest { after_position });
            let page = told(client.pull(request).await).unwrap();
            let Some(last) = page.events.last() else { return all };
            after_position = last.position;
            for envelope in page.events {
                if let Some(event_body::Body::Tickets(event)) = portico_chassis::events::body(&envelope) {
                    all.push((envelope, event));
                }
            }
        }
    }

    /// The ids of people whom identity is to invite: strangers who asked, or with whom something is shared.
    pub async fn to_be_invited(&self) -> Vec<String> {
        let wanted = |event: TicketsEvent| match event.event? {
            Event::TicketCreated(created) if created.requester_unregistered => Some(event.ticket?.requester_id),
            Event::CollaboratorAdded(added) if added.unregistered && !added.pending => Some(added.person_id),
            _ => None,
        };
        self.events().await.into_iter().filter_map(|(_, event)| wanted(event)).collect()
    }

    /// Who is told with a kind of notice, in order.
    pub async fn told_with(&self, kind: &str) -> Vec<String> {
        let notices = self.events().await.into_iter().flat_map(|(_, event)| event.notices);
        notices.filter(|notice| notice.kind == kind).flat_map(|notice| notice.person_ids).collect()
    }

    /// Who shares a ticket.
    pub async fn shares(&self, who: &Person, number: &str) -> Result<Vec<wire::Collaborator>, Error> {
        let page = Some(portico_proto::common::v1::PageRequest { page_size: 100, page_token: String::new() });
        let request = wire::ListCollaboratorsRequest { portal: "demo".to_owned(), number: number.to_owned(), page, newest_first: false };
        let sent = self.collaborators().list_collaborators(self.stage.as_person(who, request)).await;
        told(sent).map(|answer| answer.collaborators)
    }

    /// Confirms a pending share.
    pub async fn confirm(&self, who: &Person, number: &str, id: &str) -> Result<wire::Collaborator, Error> {
        let request = wire::ConfirmCollaboratorRequest {
            portal: "demo".to_owned(),
            request_id: self.key(),
            number: number.to_owned(),
            collaborator_id: id.to_owned(),
        };
        told(self.collaborators().confirm_collaborator(self.stage.as_person(who, request)).await)
    }

    /// Makes a follow-up.
    pub async fn follow_up(&self, who: &Person, number: &str, request: wire::CreateTicketRequest) -> Result<wire::Ticket, Error> {
        let request = wire::CreateFollowUpRequest { number: number.to_owned(), ticket: Some(request) };
        let sent = self.tickets().create_follow_up(self.stage.as_person(who, request)).await;
        told(sent).map(|answer| answer.ticket.unwrap())
    }

    /// Takes an upload in, as the gateway does.
    pub async fn upload(&self, uploader: &str, name: &str, content: &'static [u8]) -> UploadTicket {
        let blobs = Blobs::folder(&self.stage.path("blobs")).unwrap();
        let id = uuid::Uuid::now_v7();
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from_static(content))]);
        let stored = blobs.put(&format!("staging/{id}"), chunks, 1_000_000).await.unwrap();
        let upload = Upload {
            id,
            portal: "demo".parse().unwrap(),
            uploader: uploader.to_owned(),
            sha256: stored.sha256,
            size: stored.size,
            name: name.to_owned(),
            content_type: "text/plain".to_owned(),
            expires: i64::MAX,
        };
        let keys = Keys::read(&self.stage.path("keys"), "gateway").unwrap();
        UploadTicket { token: upload.ticket(&keys).unwrap() }
    }

    /// Waits until the copies of the agents are here: before, nobody of support can be told.
    pub async fn wait_for_agents(&self) {
        portico_chassis::testing::eventually("the copies of the agents", || async {
            let request = wire::ListAssignableAgentsRequest { portal: "demo".to_owned() };
            let told = told(self.catalog().list_assignable_agents(self.stage.as_person(&self.agent, request)).await).unwrap();
            (told.agents.len() == 3).then_some(())
        })
        .await;
    }

    /// Waits until the settings document is in effect.
    pub async fn settle_settings(&self, settings: &Value) {
        self.neighbour.set("demo", settings);
        // Settings are polled each second; what is armed afterwards follows the new ones.
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }

    pub async fn end(self) {
        for running in self.replicas {
            running.stop(Duration::ZERO).await;
        }
        self.stage.clear().await;
    }
}

/// A channel to a replica.
pub async fn channel(running: &Running) -> Channel {
    let address = running.grpc.unwrap();
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// An answer, or what the service said instead.
pub fn told<T>(sent: Result<Response<T>, Status>) -> Result<T, Error> {
    sent.map(Response::into_inner).map_err(|status| Error::from_status(&status))
}

/// The names of the fields that an error is about.
pub fn fields(error: &Error) -> Vec<&str> {
    match error {
        Error::Invalid(fields) => fields.iter().map(|field| field.field.as_str()).collect(),
        _ => Vec::new(),
    }
}
