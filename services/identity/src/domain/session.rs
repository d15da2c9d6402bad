//! Sessions: one per sign-in, for a browser with a cookie or for a program with refresh tokens.

use time::{Duration, OffsetDateTime};

use super::ids::{BrowserId, PersonId, SessionId};

/// `last_used_at` is exact to this much, so that reading a page does not write a row each time.
pub const TOUCH: Duration = Duration::seconds(60);

/// One sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, which is in every access token made from it.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonId,
    /// The browser whose cookie holds it; `None` for a program.
    pub browser: Option<BrowserId>,
    /// The refresh token that is good now; every earlier one was used.
    pub refresh_sequence: i64,
    /// The person's epoch when it began: a suspension, a change of role or password raises that and the session is void.
    pub epoch: i64,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it was used last, to a minute.
    pub last_used_at: OffsetDateTime,
    /// The end of its absolute life.
    pub expires_at: OffsetDateTime,
    /// Textual IP address at sign-in.
    pub ip: String,
    /// What the client said it was.
    pub user_agent: String,
    /// When it was ended, if it was.
    pub ended_at: Option<OffsetDateTime>,
    /// The version of the aggregate.
    pub version: i64,
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The person signed out.
    Logout,
    /// The person signed out everywhere.
    LogoutAll,
    /// The person ended it from another session.
    EndedByOwner,
    /// A refresh token came a second time: one of the two holders stole it.
    TokenReused,
    /// The person's password changed.
    PasswordChanged,
    /// The same browser signed in again.
    Replaced,
}

impl EndReason {
    /// The name in rows and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::EndedByOwner => "ended_by_owner",
            Self::TokenReused => "token_reused",
            Self::PasswordChanged => "password_changed",
            Self::Replaced => "replaced",
        }
    }
}

impl Session {
    /// Whether it may still be used: neither ended, nor idle for too long, nor too old, nor overtaken by a change of the account.
    pub fn is_alive(&self, now: OffsetDateTime, epoch: i64, idle: Duration) -> bool {
        self.ended_at.is_none() && self.epoch == epoch && now < self.expires_at && now < self.last_used_at + idle
    }

    /// Whether its use has to be noted.
    pub fn is_stale(&self, now: OffsetDateTime) -> bool {
        now >= self.last_used_at + TOUCH
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn session() -> Session {
        let start = OffsetDateTime::UNIX_EPOCH;
        Session {
            id: SessionId::new(Uuid::from_u128(1)),
            person: PersonId::new(Uuid::from_u128(2)),
            browser: None,
            refresh_sequence: 1,
            epoch: 4,
            created_at: start,
            last_used_at: start,
            expires_at: start + Duration::days(30),
            ip: String::new(),
            user_agent: String::new(),
            ended_at: None,
            version: 1,
        }
    }

    #[test]
    fn a_session_ends_by_idleness_by_age_and_by_a_change_of_the_account() {
        let (idle, start) = (Duration::days(7), OffsetDateTime::UNIX_EPOCH);
        assert!(session().is_alive(start + Duration::days(6), 4, idle));
        assert!(!session().is_alive(start + idle, 4, idle));
        assert!(!session().is_alive(start, 5, idle));
        let used = Session { last_used_at: start + Duration::days(29), ..session() };
        assert!(used.is_alive(start + Duration::days(29), 4, idle));
        assert!(!used.is_alive(start + Duration::days(30), 4, idle));
        assert!(!Session { ended_at: Some(start), ..session() }.is_alive(start, 4, idle));
    }
}
