//! Incoming events of identity: they mark copies and claims, keepers do the work.

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::events;
use portico_chassis::ids::parse_uuid;
use portico_chassis::inbox::{Connection, Consumer};
use portico_chassis::keeper;
use portico_proto::events::v1::{Envelope, event_body, identity_event};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::app::people::{self, PERSON, PROVEN};

/// Marks what identity's events make stale.
pub struct IdentityEvents {
    /// Wakes the keeper of people.
    pub people: Arc<Notify>,
    /// Wakes whoever claims tickets.
    pub proofs: Arc<Notify>,
}

#[async_trait]
impl Consumer for IdentityEvents {
    fn producer(&self) -> &'static str {
        "identity"
    }

    async fn apply(&self, conn: &mut Connection, events: &[Envelope]) -> Result<(), Error> {
        let (mut people, mut proofs) = (Vec::new(), Vec::new());
        for event in events {
            if let Some(person) = changed(event) {
                people.push((event.portal.clone(), person, event.version));
            }
            if let Some(person) = proven(event) {
                proofs.push((event.portal.clone(), person, event.version));
            }
        }
        if !people.is_empty() {
            keeper::mark(conn, PERSON, &people).await?;
        }
        if !proofs.is_empty() {
            keeper::mark(conn, PROVEN, &proofs).await?;
        }
        Ok(())
    }

    async fn outdate(&self, conn: &mut Connection) -> Result<(), Error> {
        people::outdate(conn).await
    }

    fn applied(&self) {
        self.people.notify_one();
        self.proofs.notify_one();
    }
}

/// Whose facts an event makes stale. An event that this build does not know makes its aggregate stale.
fn changed(event: &Envelope) -> Option<Uuid> {
    let known = match events::body(event) {
        Some(event_body::Body::Identity(body)) => body.event,
        _ => None,
    };
    match known {
        Some(identity_event::Event::PersonChanged(changed)) => parse_uuid(&changed.person_id).ok(),
        Some(_) => None,
        None if event.aggregate_kind == "person" => parse_uuid(&event.aggregate_id).ok(),
        None => None,
    }
}

fn proven(event: &Envelope) -> Option<Uuid> {
    match events::body(event)? {
        event_body::Body::Identity(body) => match body.event? {
            identity_event::Event::AddressProven(proven) => parse_uuid(&proven.person_id).ok(),
            _ => None,
        },
        _ => None,
    }
}
