//! Events of other services.

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::events;
use portico_chassis::foundation::Foundation;
use portico_chassis::ids::parse_uuid;
use portico_chassis::inbox::{self, Connection, Consumer};
use portico_chassis::journal::Writes;
use portico_chassis::run::Boot;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::identity_event::Event;
use portico_proto::events::v1::{Envelope, IdentityEvent};
use uuid::Uuid;

use crate::app::{Knowledge, person, topic};

/// A copy that is older than what an event told: portal, id, version.
type Mark = (String, Uuid, i64);

/// Follows the community and identity.
///
/// # Errors
/// When the configuration names no address for one of them.
pub fn start<C, W: Writes>(boot: &Boot<C>, foundation: &Foundation<W>, knowledge: &Knowledge) -> anyhow::Result<()> {
    let consumers: [Arc<dyn Consumer>; 2] = [Arc::new(CommunityEvents(knowledge.clone())), Arc::new(IdentityEvents)];
    for consumer in consumers {
        inbox::start(boot, &foundation.db, &foundation.peers, foundation.nats.clone(), consumer)?;
    }
    Ok(())
}

/// Topics that may have changed. The community says what is there when it is asked.
struct CommunityEvents(Knowledge);

#[async_trait]
impl Consumer for CommunityEvents {
    fn producer(&self) -> &'static str {
        "community"
    }

    async fn apply(&self, conn: &mut Connection, events: &[Envelope]) -> Result<(), Error> {
        let topics = events.iter().filter(|event| event.aggregate_kind == "topic");
        let marks: Vec<Mark> = topics.filter_map(|event| mark(event, &event.aggregate_id)).collect();
        topic::mark(conn, &marks).await
    }

    async fn outdate(&self, conn: &mut Connection) -> Result<(), Error> {
        topic::outdate(conn).await
    }

    fn applied(&self) {
        self.0.topics_marked();
    }
}

/// People whose names stand under comments.
struct IdentityEvents;

#[async_trait]
impl Consumer for IdentityEvents {
    fn producer(&self) -> &'static str {
        "identity"
    }

    async fn apply(&self, conn: &mut Connection, events: &[Envelope]) -> Result<(), Error> {
        let marks: Vec<Mark> = events.iter().filter_map(changed_person).collect();
        person::mark(conn, &marks).await
    }

    async fn outdate(&self, conn: &mut Connection) -> Result<(), Error> {
        person::outdate(conn).await
    }
}

/// The person of whom something new was told. An unknown variant about a person marks too, and so does a snapshot.
fn changed_person(event: &Envelope) -> Option<Mark> {
    match events::body(event) {
        Some(Body::Identity(IdentityEvent { event: Some(Event::PersonChanged(changed)) })) => mark(event, &changed.person_id),
        None | Some(Body::Identity(IdentityEvent { event: None })) if event.aggregate_kind == "person" => mark(event, &event.aggregate_id),
        _ => None,
    }
}

fn mark(event: &Envelope, id: &str) -> Option<Mark> {
    Some((event.portal.clone(), parse_uuid(id).ok()?, event.version))
}
