//! The one place that turns what happened into stored events, and the rows that the journal writes with them.

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::journal::{AggregateRef, NewEvent, Writes};
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::notifier_event::Event;
use portico_proto::events::v1::{EventBody, NotificationCreated, NotificationsRead, NotifierEvent};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{delivery, notification};
use crate::domain::delivery::DeliveryId;

/// The kind of aggregate that a bell mark is.
pub const NOTIFICATION: &str = "notification";
/// The kind of aggregate that one act of reading is.
pub const READING: &str = "notification_reading";

/// What the journal writes with an event.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new mark; its delivery is thereby sent.
    Notify(notification::NewNotification),
    /// Marks that a person has read.
    Read(notification::Reading),
}

#[async_trait]
impl Writes for Write {
    async fn apply(conn: &mut PgConnection, batch: Vec<Self>) -> Result<(), Error> {
        let mut marks = Vec::new();
        let mut readings = Vec::new();
        for write in batch {
            match write {
                Self::Notify(mark) => marks.push(mark),
                Self::Read(reading) => readings.push(reading),
            }
        }
        if !marks.is_empty() {
            notification::insert(conn, &marks).await?;
            for mark in &marks {
                delivery::mark_sent(conn, DeliveryId::new(mark.id), mark.created_at).await?;
            }
        }
        for reading in &readings {
            notification::mark_read(conn, reading).await?;
        }
        Ok(())
    }
}

/// A person's bell has a new mark.
pub fn notification_created(event_id: Uuid, notification: Uuid, person: &str, unread: i32) -> NewEvent {
    let event = Event::NotificationCreated(NotificationCreated {
        notification_id: notification.to_string(),
        person_id: person.to_owned(),
        unread_count: unread,
    });
    new_event(event_id, AggregateRef { kind: NOTIFICATION, id: notification }, event)
}

/// A person has read marks.
pub fn notifications_read(event_id: Uuid, reading: Uuid, person: &str, unread: i32) -> NewEvent {
    let event = Event::NotificationsRead(NotificationsRead { person_id: person.to_owned(), unread_count: unread });
    new_event(event_id, AggregateRef { kind: READING, id: reading }, event)
}

fn new_event(id: Uuid, aggregate: AggregateRef, event: Event) -> NewEvent {
    NewEvent { id, aggregate, body: EventBody { body: Some(Body::Notifier(NotifierEvent { event: Some(event) })) } }
}
