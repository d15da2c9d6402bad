//! What becomes of a message that came in.

use std::fmt;
use std::str::FromStr;

use time::{Duration, OffsetDateTime};

/// How long a claim waits for an agent.
pub const CLAIM_LASTS: Duration = Duration::days(14);
/// How long raw messages are kept; a claim's until it is settled.
pub const RAW_KEPT: Duration = Duration::days(14);
/// A message on which the service died this often, or that fails for good this often, is set aside.
pub const MAX_ATTEMPTS: i32 = 5;
/// The longest Message-ID that names a message; a longer one is replaced by the content's hash.
pub const MESSAGE_ID_BYTES: usize = 250;
/// Characters of a claim's text that an agent reads to decide.
pub const EXCERPT: usize = 2_000;
/// How far the timestamp of the signature may be off.
pub const TOLERANCE: Duration = Duration::minutes(5);

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Stored, not yet worked on, or waiting for a service that is down.
    Queued,
    /// A new ticket of the proven sender.
    TicketCreated,
    /// A comment on the ticket of the reply address.
    CommentAdded,
    /// A ticket that waits until its address is proven.
    UnverifiedTicket,
    /// Refers to a ticket without proof.
    Claimed,
    /// No effect, on purpose.
    Ignored,
    /// Could not be read or delivered.
    Quarantined,
}

impl State {
    /// What can become of a message: every state but the first.
    pub const ENDS: [Self; 6] =
        [Self::TicketCreated, Self::CommentAdded, Self::UnverifiedTicket, Self::Claimed, Self::Ignored, Self::Quarantined];
    const ALL: [Self; 7] =
        [Self::Queued, Self::TicketCreated, Self::CommentAdded, Self::UnverifiedTicket, Self::Claimed, Self::Ignored, Self::Quarantined];

    /// The name in the row and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::TicketCreated => "ticket_created",
            Self::CommentAdded => "comment_added",
            Self::UnverifiedTicket => "unverified_ticket",
            Self::Claimed => "claimed",
            Self::Ignored => "ignored",
            Self::Quarantined => "quarantined",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a state")]
pub struct UnknownState;

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(UnknownState)
    }
}

/// How a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its last state, or `Claimed`.
    pub state: State,
    /// The ticket it concerns.
    pub ticket_number: Option<String>,
    /// Stable and snake_case; empty when there is nothing to say.
    pub reason: String,
}

impl Outcome {
    /// No effect, on purpose.
    pub fn ignored(reason: impl Into<String>) -> Self {
        Self { state: State::Ignored, ticket_number: None, reason: reason.into() }
    }

    /// Set aside for a person to look at.
    pub fn quarantined(reason: impl Into<String>) -> Self {
        Self { state: State::Quarantined, ticket_number: None, reason: reason.into() }
    }
}

/// Whether a message of this state was refused because its ticket is closed.
pub fn is_closed(state: State, reason: &str) -> bool {
    state == State::Ignored && matches!(reason, "ticket_closed" | "ticket_closed_follow_up")
}

/// The first [`EXCERPT`] characters of a text, the last of them an ellipsis when there is more.
pub fn beginning(text: &str) -> String {
    match text.char_indices().nth(EXCERPT).and(text.char_indices().nth(EXCERPT - 1)) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// Strips angle brackets and blanks off a Message-ID as callers write it.
pub fn bare_message_id(text: &str) -> &str {
    text.trim().trim_start_matches('<').trim_end_matches('>')
}

/// Whether a Message-ID can name a message: printable ASCII without blanks, of a bounded length.
pub fn is_usable_message_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MESSAGE_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether the signature's timestamp (Unix seconds) is near enough to `now`.
pub fn is_timely(timestamp: i64, now: OffsetDateTime) -> bool {
    (i128::from(now.unix_timestamp()) - i128::from(timestamp)).abs() <= i128::from(TOLERANCE.whole_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_name_that_reads_back() {
        for state in State::ALL {
            assert_eq!(state.name().parse::<State>(), Ok(state));
        }
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        assert_eq!(beginning(&"ä".repeat(EXCERPT)), "ä".repeat(EXCERPT));
        let cut = beginning(&"ä".repeat(EXCERPT + 1));
        assert!(cut.ends_with("ä…") && cut.chars().count() == EXCERPT, "{}", cut.chars().count());
    }

    #[test]
    fn five_minutes_either_way_are_tolerated() {
        let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
        for near in [0, 300, -300] {
            assert!(is_timely(1_790_000_000 + near, now));
        }
        for far in [301, -301] {
            assert!(!is_timely(1_790_000_000 + far, now));
        }
        assert!(!is_timely(i64::MIN, now) && !is_timely(i64::MAX, now));
    }

    #[test]
    fn a_message_id_is_named_with_or_without_brackets() {
        assert_eq!(bare_message_id(" <a@b> "), "a@b");
        assert!(is_usable_message_id("a@b") && !is_usable_message_id("a b@c") && !is_usable_message_id("ä@b"));
        assert!(!is_usable_message_id(&"a".repeat(MESSAGE_ID_BYTES + 1)));
    }
}
