//! The one place that calls other services: identity, for people and captchas.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::{PortalId, parse_uuid};
use portico_chassis::peers::{PeerChannel, Peers, on_behalf, own};
use portico_proto::common::v1::{Role as WireRole, Visibility};
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::captcha_service_client::CaptchaServiceClient;
use portico_proto::identity::v1::people_service_client::PeopleServiceClient;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::ids::{OrganizationId, PersonId};
use crate::domain::kinds::Role;
use crate::domain::person::PersonFacts;

/// Identity, as tickets needs it. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    people: PeopleServiceClient<PeerChannel>,
    captcha: CaptchaServiceClient<PeerChannel>,
}

/// A guest's answer to a challenge.
#[derive(Debug, Clone, Default)]
pub struct CaptchaAnswer {
    /// Names the challenge.
    pub token: String,
    /// In decimal, or empty.
    pub number: String,
    /// As read or heard, or empty.
    pub code: String,
}

impl Identity {
    /// Clients over the configured peers.
    ///
    /// # Errors
    /// When identity has no address.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        let identity = peers.channel("identity")?.repeating();
        Ok(Self { people: PeopleServiceClient::new(identity.clone()), captcha: CaptchaServiceClient::new(identity) })
    }

    /// Facts by id; unknown ids are left out.
    ///
    /// # Errors
    /// `Unavailable` when identity does not answer.
    pub async fn people(&self, portal: &PortalId, ids: &[Uuid], deadline: Deadline) -> Result<Vec<PersonFacts>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let request = own(wire::BatchGetPeopleRequest { portal: portal.to_string(), ids }, deadline)?;
        let answer = self.people.clone().batch_get_people(request).await.map_err(|status| Error::from_status(&status))?;
        answer.into_inner().people.into_iter().map(facts).collect()
    }

    /// The person of an address, made without an account when there is none. Nobody is mailed: identity invites by our events.
    ///
    /// # Errors
    /// `Invalid` for an address that is none; `Unavailable` when identity does not answer.
    pub async fn ensure(&self, asked: &Ensure<'_>, deadline: Deadline) -> Result<PersonFacts, Error> {
        let message = wire::EnsurePersonRequest {
            portal: asked.portal.to_string(),
            request_id: asked.request_id.clone(),
            email: asked.email.to_owned(),
            name: asked.name.to_owned(),
            ..wire::EnsurePersonRequest::default()
        };
        let answer = self.people.clone().ensure_person(own(message, deadline)?).await;
        facts(answer.map_err(|status| Error::from_status(&status))?.into_inner())
    }

    /// The person of an address, if there is one.
    ///
    /// # Errors
    /// `Unavailable` when identity does not answer.
    pub async fn find(&self, portal: &PortalId, email: &str, deadline: Deadline) -> Result<Option<PersonFacts>, Error> {
        let request = own(wire::FindPeopleByEmailRequest { portal: portal.to_string(), emails: vec![email.to_owned()] }, deadline)?;
        let answer = self.people.clone().find_people_by_email(request).await.map_err(|status| Error::from_status(&status))?;
        answer.into_inner().people.into_iter().next().map(facts).transpose()
    }

    /// Checks and spends a guest's answer; the same answer with the same request id is free.
    ///
    /// # Errors
    /// `Invalid` on the field `captcha`; `Unavailable` when identity does not answer: a guest's request waits for it.
    pub async fn spend_captcha(&self, context: &Context, portal: &PortalId, request_id: &str, answer: &CaptchaAnswer) -> Result<(), Error> {
        let message = wire::VerifyCaptchaRequest {
            portal: portal.to_string(),
            request_id: request_id.to_owned(),
            purpose: wire::CaptchaPurpose::GuestTicket.into(),
            answer: Some(wire::CaptchaAnswer { token: answer.token.clone(), number: answer.number.clone(), code: answer.code.clone() }),
        };
        let sent = self.captcha.clone().verify_captcha(on_behalf(message, context)?).await;
        sent.map(|_| ()).map_err(|status| Error::from_status(&status))
    }
}

/// A request id for a peer, derived from the one of the request that needs it: the same each time, and within the bounds.
pub fn derived(key: &str, what: &str) -> String {
    hex::encode(Sha256::digest(format!("{key}\n{what}")))
}

/// Whose person is wanted.
pub struct Ensure<'a> {
    /// In which portal.
    pub portal: &'a PortalId,
    /// Derived from the request that needs the person.
    pub request_id: String,
    /// The address.
    pub email: &'a str,
    /// The name of a person who is made; may be empty.
    pub name: &'a str,
}

fn facts(person: wire::PersonFacts) -> Result<PersonFacts, Error> {
    let id = |text: &str| parse_uuid(text).map_err(|_| Error::internal("identity told an id that is none"));
    let organization = match person.organization_id.as_str() {
        "" => None,
        text => Some((OrganizationId::new(id(text)?), person.organization_name.clone())),
    };
    Ok(PersonFacts {
        portal: person.portal.parse().map_err(|_| Error::internal("identity told a portal that is none"))?,
        id: PersonId::new(id(&person.id)?),
        role: match person.role() {
            WireRole::Agent => Role::Agent,
            WireRole::Admin => Role::Admin,
            _ => Role::Customer,
        },
        active: person.status() == wire::PersonStatus::Active,
        registered: person.registered,
        organization,
        sees_organization: person.visibility() == Visibility::Organization,
        name: person.name,
        email: person.email.to_lowercase(),
        locale: person.locale,
        time_zone: person.time_zone,
        version: person.version,
    })
}
