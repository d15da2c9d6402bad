//! Announcements.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::audience::{Audience, Viewer};
use super::ids::AnnouncementId;
use super::problem::{Problem, check_text};

/// Characters of a title.
const LONGEST_TITLE: usize = 200;
/// Characters of a body.
const LONGEST_BODY: usize = 20_000;

/// How urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something may not work.
    Warning,
    /// Something does not work.
    Critical,
}

impl Severity {
    /// The word in tables and events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "critical" => Self::Critical,
            "warning" => Self::Warning,
            _ => Self::Info,
        }
    }
}

/// A message to everybody of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its id.
    pub id: AnnouncementId,
    /// Plain text.
    pub title: String,
    /// Markdown, may be empty.
    pub body: String,
    /// How urgent.
    pub severity: Severity,
    /// For whom.
    pub audience: Audience,
    /// From when.
    pub valid_from: OffsetDateTime,
    /// Until when; no end when absent.
    pub valid_until: Option<OffsetDateTime>,
    /// The journal's version.
    pub version: i64,
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// An announcement as one person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncementView {
    /// The announcement.
    pub announcement: Announcement,
    /// Whether this person has put it away.
    pub dismissed: bool,
}

/// What a change sets; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnnouncementChange {
    /// New title.
    pub title: Option<String>,
    /// New body.
    pub body: Option<String>,
    /// New severity.
    pub severity: Option<Severity>,
    /// New audience.
    pub audience: Option<Audience>,
    /// New beginning.
    pub valid_from: Option<OffsetDateTime>,
    /// New end; `Some(None)` removes it.
    pub valid_until: Option<Option<OffsetDateTime>>,
}

impl Announcement {
    /// Whether somebody sees it at `now`. Agents see all.
    #[must_use]
    pub fn is_readable(&self, viewer: &Viewer, now: OffsetDateTime) -> bool {
        viewer.is_staff() || (self.is_valid(now) && viewer.may_read(&self.audience))
    }

    /// Whether it has begun and not ended.
    #[must_use]
    pub fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.valid_from <= now && self.valid_until.is_none_or(|until| now < until)
    }

    /// The announcement after a change and the names of what is different.
    ///
    /// # Errors
    /// The fields whose values are not taken, all at once.
    pub fn changed(&self, change: AnnouncementChange, now: OffsetDateTime) -> Result<(Self, Vec<&'static str>), Vec<Problem>> {
        let mut after = self.clone();
        if let Some(title) = change.title {
            title.trim().clone_into(&mut after.title);
        }
        after.body = change.body.unwrap_or(after.body);
        after.severity = change.severity.unwrap_or(after.severity);
        after.audience = change.audience.unwrap_or(after.audience);
        after.valid_from = change.valid_from.unwrap_or(after.valid_from);
        after.valid_until = change.valid_until.unwrap_or(after.valid_until);
        let problems = after.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let different = [
            ("title", after.title != self.title),
            ("body", after.body != self.body),
            ("severity", after.severity != self.severity),
            ("audience", after.audience != self.audience),
            ("valid_from", after.valid_from != self.valid_from),
            ("valid_until", after.valid_until != self.valid_until),
        ];
        let fields: Vec<&'static str> = different.into_iter().filter(|(_, different)| *different).map(|(name, _)| name).collect();
        if !fields.is_empty() {
            after.version += 1;
            after.updated_at = now;
        }
        Ok((after, fields))
    }

    /// Everything that is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_text(&mut problems, "title", &self.title, true, LONGEST_TITLE);
        check_text(&mut problems, "body", &self.body, false, LONGEST_BODY);
        self.audience.check(&mut problems);
        if self.valid_until.is_some_and(|until| until <= self.valid_from) {
            problems.push(Problem::new("valid_until", "invalid", "The end must be after the beginning."));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::{Announcement, AnnouncementChange, Severity};
    use crate::domain::audience::{Audience, Viewer};
    use crate::domain::ids::AnnouncementId;
    use time::{Duration, OffsetDateTime};
    use uuid::Uuid;

    fn announcement() -> Announcement {
        let now = OffsetDateTime::UNIX_EPOCH;
        Announcement {
            id: AnnouncementId::new(Uuid::from_u128(1)),
            title: "Maintenance".into(),
            body: String::new(),
            severity: Severity::Info,
            audience: Audience::Public,
            valid_from: now,
            valid_until: Some(now + Duration::hours(2)),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn it_is_seen_while_it_is_valid_and_by_agents_always() {
        let (it, start) = (announcement(), OffsetDateTime::UNIX_EPOCH);
        assert!(it.is_readable(&Viewer::Guest, start));
        assert!(!it.is_readable(&Viewer::Guest, start + Duration::hours(2)));
        assert!(!it.is_readable(&Viewer::Guest, start - Duration::seconds(1)));
        assert!(it.is_readable(&Viewer::Staff, start + Duration::days(9)));
    }

    #[test]
    fn an_end_before_the_beginning_is_refused_and_an_end_can_be_removed() {
        let early = AnnouncementChange { valid_until: Some(Some(OffsetDateTime::UNIX_EPOCH)), ..AnnouncementChange::default() };
        assert_eq!(announcement().changed(early, OffsetDateTime::UNIX_EPOCH).unwrap_err()[0].field, "valid_until");
        let open = AnnouncementChange { valid_until: Some(None), ..AnnouncementChange::default() };
        let (after, fields) = announcement().changed(open, OffsetDateTime::UNIX_EPOCH).unwrap();
        assert_eq!((after.valid_until, fields, after.version), (None, vec!["valid_until"], 2));
    }
}
