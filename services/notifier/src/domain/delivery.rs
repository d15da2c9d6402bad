//! A delivery: one message of one event to one recipient over one channel.

use std::fmt;
use std::str::FromStr;

use portico_chassis::ids::PortalId;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::kind::Kind;

portico_chassis::typed_id!(
    /// Names one delivery. Derived from (event, recipient, channel), so that an event read twice makes no second delivery.
    DeliveryId
);

/// Events older than this make no delivery: after a long stand-still nobody wants a week's mail at once.
pub const OLDEST_EVENT: Duration = Duration::days(7);

/// The way a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// SMTP: at least once, always with the same Message-ID.
    Mail,
    /// A mark inside the portal: exactly once.
    Bell,
}

impl Channel {
    /// The name in the row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Bell => "bell",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a channel")]
pub struct UnknownChannel;

impl FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "mail" => Ok(Self::Mail),
            "bell" => Ok(Self::Bell),
            _ => Err(UnknownChannel),
        }
    }
}

/// What an event asks for: somebody is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// A person's id, or whatever id the event's owner renders for (a link's, a copy's).
    pub recipient: String,
    /// Whether `recipient` is a person with preferences.
    pub is_person: bool,
    /// What it is about.
    pub kind: Kind,
    /// Over which way.
    pub channel: Channel,
}

/// A delivery that is due, as the row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Names it, and its mail.
    pub id: DeliveryId,
    /// Whose it is.
    pub portal: PortalId,
    /// The service that owns the event and renders it.
    pub producer: String,
    /// The event that caused it.
    pub event_id: Uuid,
    /// What the event was about: `ticket`, `link`, `topic`, …
    pub aggregate_kind: String,
    /// Which one.
    pub aggregate_id: String,
    /// To whom.
    pub recipient: String,
    /// What it is about.
    pub kind: Kind,
    /// Over which way.
    pub channel: Channel,
    /// Attempts that failed so far.
    pub attempts: i32,
    /// When the event happened.
    pub event_at: OffsetDateTime,
    /// Fences writes of a worker that lost its lease.
    pub lease: Uuid,
    /// Until when it belongs to the worker.
    pub lease_until: OffsetDateTime,
    /// W3C trace context of the event.
    pub traceparent: String,
}

/// Whether an event of `at` is still told to anybody.
pub fn is_fresh(at: OffsetDateTime, now: OffsetDateTime) -> bool {
    now - at <= OLDEST_EVENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_older_than_seven_days_is_not_told() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(100);
        assert!(is_fresh(now - Duration::days(7), now));
        assert!(!is_fresh(now - Duration::days(7) - Duration::SECOND, now));
        // A producer's clock a little ahead of ours is no reason to be silent.
        assert!(is_fresh(now + Duration::minutes(1), now));
    }
}
