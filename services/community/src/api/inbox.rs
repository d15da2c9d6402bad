//! Events of other services.

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::events;
use portico_chassis::inbox::{Connection, Consumer};
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::identity_event::Event;
use portico_proto::events::v1::{Envelope, IdentityEvent};
use tokio::sync::Notify;

use crate::app::person::{self, PersonMark};

/// Follows identity: people whose names stand under texts here.
pub struct IdentityEvents {
    /// Wakes the keeper of people.
    pub wake: Arc<Notify>,
}

#[async_trait]
impl Consumer for IdentityEvents {
    fn producer(&self) -> &'static str {
        "identity"
    }

    async fn apply(&self, conn: &mut Connection, events: &[Envelope]) -> Result<(), Error> {
        let marks: Vec<PersonMark> = events.iter().filter_map(mark).collect();
        person::mark_known(conn, &marks).await
    }

    async fn outdate(&self, conn: &mut Connection) -> Result<(), Error> {
        person::outdate(conn).await
    }

    fn applied(&self) {
        self.wake.notify_one();
    }
}

/// A person of whom something new was told. An unknown variant about a person marks too, and so does a snapshot.
fn mark(envelope: &Envelope) -> Option<PersonMark> {
    let changed = match events::body(envelope) {
        Some(Body::Identity(IdentityEvent { event: Some(Event::PersonChanged(changed)) })) => changed.person_id,
        None | Some(Body::Identity(IdentityEvent { event: None })) if envelope.aggregate_kind == "person" => envelope.aggregate_id.clone(),
        _ => return None,
    };
    Some(PersonMark { portal: envelope.portal.clone(), id: changed.parse().ok()?, version: envelope.version })
}
