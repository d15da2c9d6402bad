//! The one place that calls other services.

use std::collections::HashMap;
use std::time::Duration;

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::peers::{PeerChannel, Peers, own};
use portico_proto::common::v1::render_service_client::RenderServiceClient;
use portico_proto::common::v1::{RenderForRequest, RenderForResponse, Role, UploadTicket};
use portico_proto::identity::v1::people_service_client::PeopleServiceClient;
use portico_proto::identity::v1::portals_service_client::PortalsServiceClient;
use portico_proto::identity::v1::{BatchGetPeopleRequest, GetInboundSecretRequest, PersonStatus};
use portico_proto::tickets::v1::inbound_service_client::InboundServiceClient;
use portico_proto::tickets::v1::{MailOutcome, SubmitMailRequest};
use uuid::Uuid;

use super::content::Content;
use crate::domain::inbound::{Outcome, State, beginning};

/// The services whose events make deliveries.
pub const PRODUCERS: [&str; 3] = ["identity", "tickets", "community"];
/// What an owner may take to render: a delivery waits rather than a worker.
const RENDER: Duration = Duration::from_secs(4);
/// What tickets may take for a message with files.
const SUBMIT: Duration = Duration::from_secs(10);
const LOOK_UP: Duration = Duration::from_secs(3);

/// The other services. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    render: HashMap<&'static str, RenderServiceClient<PeerChannel>>,
    portals: PortalsServiceClient<PeerChannel>,
    people: PeopleServiceClient<PeerChannel>,
    inbound: Option<InboundServiceClient<PeerChannel>>,
}

/// What identity tells of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// The mail address.
    pub email: String,
    /// The display name.
    pub name: String,
    /// BCP 47.
    pub locale: String,
    /// An agent or administrator who may act.
    pub is_team: bool,
}

/// A message for tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Whose door it came to.
    pub portal: PortalId,
    /// The same for every try.
    pub request_id: String,
    /// Without angle brackets.
    pub message_id: String,
    /// Lower case.
    pub from_address: String,
    /// One line.
    pub from_name: String,
    /// Whether the sender may be believed.
    pub proven: bool,
    /// Ticket and reader of the reply address.
    pub reply: Option<(String, String)>,
    /// One line.
    pub subject: String,
    /// What the writer added.
    pub body: String,
    /// Signed uploads.
    pub uploads: Vec<String>,
    /// Other addresses.
    pub cc: Vec<String>,
    /// The agent who accepted a claim.
    pub accepted_by: Option<String>,
}

/// What tickets made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// State, ticket, reason.
    pub outcome: Outcome,
    /// The writer, when known.
    pub person_id: Option<String>,
    /// Of a claim: the people to tell that it waits for them.
    pub deciders: Vec<String>,
    /// The beginning of what was submitted, for whoever decides.
    pub excerpt: String,
}

impl Submitted {
    /// What was settled without asking tickets.
    pub fn unasked(outcome: Outcome) -> Self {
        Self { outcome, person_id: None, deciders: Vec::new(), excerpt: String::new() }
    }
}

impl Clients {
    /// Clients for the configured peers; identity is required.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        let mut render = HashMap::new();
        for producer in PRODUCERS {
            if peers.knows(producer) {
                render.insert(producer, RenderServiceClient::new(peers.channel(producer)?.repeating()));
            }
        }
        let inbound = peers.knows("tickets").then(|| peers.channel("tickets")).transpose()?;
        let inbound = inbound.map(|tickets| InboundServiceClient::new(tickets.repeating()));
        let identity = peers.channel("identity")?.repeating();
        Ok(Self { render, portals: PortalsServiceClient::new(identity.clone()), people: PeopleServiceClient::new(identity), inbound })
    }

    /// Asks the event's owner for the words for one recipient, as of now. `NotFound`: not to be told.
    pub async fn render_for(&self, producer: &str, portal: &PortalId, event: Uuid, recipient: &str, kind: &str) -> Result<Content, Error> {
        let mut client = self.render.get(producer).cloned().ok_or(Error::Unavailable("a peer that is not configured"))?;
        let request = RenderForRequest {
            portal: portal.to_string(),
            event_id: event.to_string(),
            recipient: recipient.to_owned(),
            kind: kind.to_owned(),
        };
        let deadline = Deadline::within(RENDER);
        let answer = deadline.bound(client.render_for(own(request, deadline)?)).await?;
        answer.map(|answer| content(answer.into_inner())).map_err(|status| Error::from_status(&status))
    }

    /// The secret that signs inbound mail of a portal. `NotFound` when there is no such portal.
    pub async fn inbound_secret(&self, portal: &PortalId) -> Result<String, Error> {
        let request = GetInboundSecretRequest { portal: portal.to_string() };
        let deadline = Deadline::within(LOOK_UP);
        let answer = deadline.bound(self.portals.clone().get_inbound_secret(own(request, deadline)?)).await?;
        answer.map(|answer| answer.into_inner().secret).map_err(|status| Error::from_status(&status))
    }

    /// Where a person's mail goes. `NotFound` when there is no such person.
    pub async fn addressee(&self, portal: &PortalId, person: &str) -> Result<Addressee, Error> {
        let request = BatchGetPeopleRequest { portal: portal.to_string(), ids: vec![person.to_owned()] };
        let deadline = Deadline::within(LOOK_UP);
        let answer = deadline.bound(self.people.clone().batch_get_people(own(request, deadline)?)).await?;
        let people = answer.map_err(|status| Error::from_status(&status))?.into_inner().people;
        let found = people.into_iter().next().ok_or(Error::NOT_FOUND)?;
        let is_team = matches!(found.role(), Role::Agent | Role::Admin) && found.status() == PersonStatus::Active;
        Ok(Addressee { email: found.email, name: found.name, locale: found.locale, is_team })
    }

    /// Gives tickets a message and hears what became of it. Repeating it changes nothing.
    pub async fn submit_mail(&self, mail: Submission) -> Result<Submitted, Error> {
        let mut client = self.inbound.clone().ok_or(Error::Unavailable("a peer that is not configured"))?;
        let (ticket, reader) = mail.reply.unwrap_or_default();
        let excerpt = beginning(&mail.body);
        let request = SubmitMailRequest {
            portal: mail.portal.to_string(),
            request_id: mail.request_id,
            message_id: mail.message_id,
            from_address: mail.from_address,
            from_name: mail.from_name,
            proven: mail.proven,
            reply_ticket_id: ticket,
            reply_reader_id: reader,
            subject: mail.subject,
            body: mail.body,
            uploads: mail.uploads.into_iter().map(|token| UploadTicket { token }).collect(),
            cc: mail.cc,
            accepted_by: mail.accepted_by.unwrap_or_default(),
        };
        let deadline = Deadline::within(SUBMIT);
        let answer = deadline.bound(client.submit_mail(own(request, deadline)?)).await?;
        let answer = answer.map_err(|status| Error::from_status(&status))?.into_inner();
        let state = match answer.outcome() {
            MailOutcome::TicketCreated => State::TicketCreated,
            MailOutcome::CommentAdded => State::CommentAdded,
            MailOutcome::UnverifiedTicket => State::UnverifiedTicket,
            MailOutcome::Claimed => State::Claimed,
            MailOutcome::Ignored => State::Ignored,
            MailOutcome::Unspecified => return Err(Error::internal("tickets did not say what became of a message")),
        };
        let ticket_number = (!answer.number.is_empty()).then_some(answer.number);
        let person_id = (!answer.person_id.is_empty()).then_some(answer.person_id);
        let outcome = Outcome { state, ticket_number, reason: answer.reason };
        Ok(Submitted { outcome, person_id, deciders: answer.decider_ids, excerpt })
    }
}

fn content(answer: RenderForResponse) -> Content {
    Content {
        to_address: answer.to_address,
        to_name: answer.to_name,
        locale: answer.locale,
        portal_title: answer.portal_title,
        subject: answer.subject,
        intro: answer.intro,
        author_name: answer.author_name,
        body_markdown: answer.body_markdown,
        action_label: answer.action_label,
        action_path: answer.action_path,
        ticket_number: answer.ticket_number,
        thread_root: answer.thread_root,
        answerable: answer.answerable,
        facts: answer.facts.into_iter().map(|fact| (fact.label, fact.value)).collect(),
    }
}
