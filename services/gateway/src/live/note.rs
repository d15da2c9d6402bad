//! What a listener is told, and who is told.

use chassis::auth::{Person, Visibility};
use chassis::events;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::notifier_event::Event as NotifierEvent;
use portico_proto::events::v1::{Envelope, TicketState};
use serde_json::json;

/// One note and its audience.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    portal: String,
    audience: Audience,
}

#[derive(Debug, Clone, PartialEq)]
enum Audience {
    Ticket {
        state: Box<TicketState>,
        version: i64,
    },
    /// `what` names the mark that is new, or the reading of marks.
    Person {
        person: String,
        what: String,
        unread: i32,
    },
}

/// What goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `ticket`, `notification` or `resync`.
    pub event: &'static str,
    /// JSON.
    pub data: String,
}

impl Message {
    /// After a gap: everything should be read again.
    pub fn resync() -> Self {
        Self { event: "resync", data: "{}".into() }
    }
}

impl Note {
    /// The note of an event; `None` for events that nobody is told live.
    pub fn of(envelope: &Envelope) -> Option<Self> {
        let audience = match events::body(envelope)? {
            Body::Tickets(event) => Audience::Ticket { state: Box::new(event.ticket?), version: envelope.version },
            Body::Notifier(event) => match event.event? {
                NotifierEvent::NotificationCreated(created) => {
                    Audience::Person { person: created.person_id, what: created.notification_id, unread: created.unread_count }
                }
                NotifierEvent::NotificationsRead(read) => {
                    Audience::Person { person: read.person_id, what: envelope.aggregate_id.clone(), unread: read.unread_count }
                }
            },
            _ => return None,
        };
        Some(Self { portal: envelope.portal.clone(), audience })
    }

    /// What this person is told; `None` when it is none of their business.
    pub fn for_person(&self, listener: &Person) -> Option<Message> {
        if listener.portal.as_str() != self.portal {
            return None;
        }
        match &self.audience {
            Audience::Ticket { state, version } => {
                let version = if listener.is_staff() { *version } else { customer_version(state, listener)? };
                Some(Message { event: "ticket", data: json!({"number": state.number, "version": version}).to_string() })
            }
            Audience::Person { person, what, unread } => (*person == listener.id.to_string())
                .then(|| Message { event: "notification", data: json!({"id": what, "unread_count": unread}).to_string() }),
        }
    }
}

/// A customer hears of public changes of tickets that they may see, and of nothing else: an internal note sends nothing.
fn customer_version(state: &TicketState, listener: &Person) -> Option<i64> {
    let id = listener.id.to_string();
    let colleague = listener.visibility == Visibility::Organization
        && listener.organization.as_ref().is_some_and(|organization| organization.id.to_string() == state.organization_id);
    let sees = state.requester_id == id || colleague || state.collaborator_ids.contains(&id);
    (state.public && sees).then_some(state.public_version)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use chassis::auth::{Organization, Role};
    use portico_proto::events::v1::{EventBody, NotificationCreated, NotificationsRead, TicketsEvent};
    use prost::Message as _;
    use uuid::Uuid;

    /// A person for tests.
    pub fn person(id: u128, role: Role, organization: Option<u128>, visibility: Visibility) -> Person {
        Person {
            portal: "demo".parse().unwrap(),
            id: Uuid::from_u128(id),
            session: Uuid::from_u128(1000 + id),
            generation: 1,
            role,
            organization: organization.map(|id| Organization { id: Uuid::from_u128(id), name: "ACME".into() }),
            visibility,
            name: String::new(),
            email: String::new(),
            locale: "en".into(),
            time_zone: "UTC".into(),
            internal: true,
            version: 1,
            api_token: false,
        }
    }

    /// A ticket event for tests.
    pub fn ticket_event(position: i64, public: bool) -> Envelope {
        let state = TicketState {
            number: "DEMO-1".into(),
            public_version: 3,
            public,
            requester_id: Uuid::from_u128(1).to_string(),
            organization_id: Uuid::from_u128(9).to_string(),
            collaborator_ids: vec![Uuid::from_u128(4).to_string()],
            ..Default::default()
        };
        let event = TicketsEvent { ticket: Some(state), ..Default::default() };
        Envelope {
            portal: "demo".into(),
            producer: "tickets".into(),
            position,
            version: 5,
            body: EventBody { body: Some(Body::Tickets(event)) }.encode_to_vec(),
            ..Default::default()
        }
    }

    #[test]
    fn a_ticket_note_reaches_exactly_those_who_may_see_the_ticket() {
        let note = Note::of(&ticket_event(1, true)).unwrap();
        let told = |person: &Person| note.for_person(person).map(|message| message.data);
        let public = Some(r#"{"number":"DEMO-1","version":3}"#.to_owned());
        assert_eq!(told(&person(1, Role::Customer, None, Visibility::Own)), public, "the requester");
        assert_eq!(told(&person(2, Role::Customer, Some(9), Visibility::Organization)), public, "a colleague who sees all");
        assert_eq!(told(&person(3, Role::Customer, Some(9), Visibility::Own)), None, "a colleague who sees their own");
        assert_eq!(told(&person(4, Role::Customer, None, Visibility::Own)), public, "a collaborator");
        assert_eq!(told(&person(5, Role::Customer, Some(8), Visibility::Organization)), None, "a stranger");
        assert_eq!(told(&person(6, Role::Agent, None, Visibility::Own)).unwrap(), r#"{"number":"DEMO-1","version":5}"#, "an agent");
        let mut elsewhere = person(6, Role::Agent, None, Visibility::Own);
        elsewhere.portal = "other".parse().unwrap();
        assert_eq!(told(&elsewhere), None, "an agent of another portal");
    }

    #[test]
    fn an_internal_note_sends_a_customer_nothing() {
        let note = Note::of(&ticket_event(1, false)).unwrap();
        assert_eq!(note.for_person(&person(1, Role::Customer, None, Visibility::Own)), None);
        assert!(note.for_person(&person(6, Role::Agent, None, Visibility::Own)).is_some());
    }

    #[test]
    fn a_bell_mark_is_its_owner_s_alone() {
        let created = NotificationCreated { notification_id: "n".into(), person_id: Uuid::from_u128(1).to_string(), unread_count: 2 };
        let event = portico_proto::events::v1::NotifierEvent { event: Some(NotifierEvent::NotificationCreated(created)) };
        let envelope =
            Envelope { portal: "demo".into(), body: EventBody { body: Some(Body::Notifier(event)) }.encode_to_vec(), ..Default::default() };
        let note = Note::of(&envelope).unwrap();
        let told = note.for_person(&person(1, Role::Customer, None, Visibility::Own)).unwrap();
        assert_eq!((told.event, told.data.as_str()), ("notification", r#"{"id":"n","unread_count":2}"#));
        assert_eq!(note.for_person(&person(6, Role::Admin, None, Visibility::Own)), None);

        let read = NotificationsRead { person_id: Uuid::from_u128(1).to_string(), unread_count: 0 };
        let event = portico_proto::events::v1::NotifierEvent { event: Some(NotifierEvent::NotificationsRead(read)) };
        let body = EventBody { body: Some(Body::Notifier(event)) }.encode_to_vec();
        let envelope = Envelope { portal: "demo".into(), aggregate_id: "r".into(), body, ..Default::default() };
        let told = Note::of(&envelope).unwrap().for_person(&person(1, Role::Customer, None, Visibility::Own)).unwrap();
        assert_eq!(told.data, r#"{"id":"r","unread_count":0}"#, "the reading has an id, too");
    }
}
