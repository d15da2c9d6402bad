//! The one place that turns domain events into stored bytes.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::{AggregateRef, NewEvent};
use portico_proto::events::v1 as wire;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::identity_event::Event as Wire;
use prost::Message;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::Event;
use crate::domain::ids::{LinkId, PersonId};

/// An event in its stored form.
pub fn stored(id: Uuid, aggregate: AggregateRef, event: &Event) -> NewEvent {
    let body = wire::EventBody { body: Some(Body::Identity(wire::IdentityEvent { event: Some(message(event)) })) };
    NewEvent { id, aggregate, body }
}

fn names(fields: &[&'static str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

fn message(event: &Event) -> Wire {
    match event {
        Event::PortalCreated => Wire::PortalCreated(wire::PortalCreated {}),
        Event::SettingsChanged { fields } => Wire::SettingsChanged(wire::SettingsChanged { fields: fields.clone() }),
        Event::PersonChanged { person, fields, organization } => Wire::PersonChanged(wire::PersonChanged {
            person_id: person.to_string(),
            fields: names(fields),
            organization_id: organization.map(|id| id.to_string()).unwrap_or_default(),
        }),
        Event::OrganizationChanged { organization, fields } => {
            Wire::OrganizationChanged(wire::OrganizationChanged { organization_id: organization.to_string(), fields: names(fields) })
        }
        Event::LinkIssued { link, kind, person, generation } => Wire::LinkIssued(wire::LinkIssued {
            link_id: link.to_string(),
            kind: kind.as_str().to_owned(),
            person_id: person.to_string(),
            generation: *generation,
        }),
        Event::LinkEnded { link, state } => {
            Wire::LinkEnded(wire::LinkEnded { link_id: link.to_string(), reason: state.as_str().to_owned() })
        }
        Event::AddressProven { person } => Wire::AddressProven(wire::AddressProven { person_id: person.to_string() }),
        Event::SessionStarted { session, person } => {
            Wire::SessionStarted(wire::SessionStarted { session_id: session.to_string(), person_id: person.to_string() })
        }
        Event::SessionEnded { session, person, reason } => Wire::SessionEnded(wire::SessionEnded {
            session_id: session.to_string(),
            person_id: person.to_string(),
            reason: reason.as_str().to_owned(),
        }),
        Event::GenerationRaised { person, generation } => {
            Wire::GenerationRaised(wire::GenerationRaised { person_id: person.to_string(), generation: *generation })
        }
        Event::PasswordChanged { person } => Wire::PasswordChanged(wire::PasswordChanged { person_id: person.to_string() }),
    }
}

/// What a mail of ours was caused by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A link was issued, in this generation.
    Link(LinkId, i32),
    /// A person's password changed.
    PasswordChanged(PersonId),
}

/// Reads the event that a mail was caused by, and when it happened; `None` when there is none of that id, or one that causes no mail.
pub async fn cause(conn: &mut PgConnection, portal: &PortalId, event: Uuid) -> Result<Option<(Cause, OffsetDateTime)>, Error> {
    let row: Option<(Vec<u8>, OffsetDateTime)> = sqlx::query_as("SELECT body, at FROM journal WHERE event_id = $1 AND portal = $2")
        .bind(event)
        .bind(portal)
        .fetch_optional(conn)
        .await?;
    let Some((bytes, at)) = row else { return Ok(None) };
    let body = wire::EventBody::decode(bytes.as_slice()).map_err(Error::internal)?;
    let Some(Body::Identity(wire::IdentityEvent { event: Some(event) })) = body.body else { return Ok(None) };
    let cause = match event {
        Wire::LinkIssued(issued) => issued.link_id.parse().ok().map(|id| Cause::Link(id, issued.generation)),
        Wire::PasswordChanged(changed) => changed.person_id.parse().ok().map(Cause::PasswordChanged),
        _ => None,
    };
    Ok(cause.map(|cause| (cause, at)))
}
