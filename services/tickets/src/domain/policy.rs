//! What a portal's settings say about tickets. The document is identity's; this is the part that tickets obeys.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::status::Status;

/// How a customer's words reopen a resolved ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reopen {
    /// Any comment does.
    #[default]
    OnComment,
    /// Only the explicit action, which needs a comment.
    ExplicitWithComment,
    /// Nothing does.
    Never,
}

/// When a customer may close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerClose {
    /// Support and timers close.
    Never,
    /// Once it is resolved.
    WhenResolved,
    /// Whenever help is no longer needed.
    #[default]
    AnyTime,
}

/// Whether customers are asked how satisfied they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survey {
    /// No.
    Off,
    /// Yes, and they need not answer.
    #[default]
    Ask,
    /// Yes, and their own close needs a score.
    Require,
}

/// What a customer's comment on a closed ticket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedUpdate {
    /// Refused; a follow-up is offered.
    FollowUpLink,
    /// A new linked ticket.
    #[default]
    AutoNewCase,
    /// Refused.
    Refuse,
}

/// Who enters the priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorityEntry {
    /// The customer.
    #[default]
    Customer,
    /// The customer enters impact and urgency.
    Matrix,
    /// Agents only.
    Agents,
}

/// The switches of a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Policies {
    /// See [`Reopen`].
    pub reopen: Reopen,
    /// See [`CustomerClose`].
    pub customer_close: CustomerClose,
    /// See [`Survey`].
    pub survey: Survey,
    /// See [`ClosedUpdate`].
    pub closed_update: ClosedUpdate,
    /// Whether somebody without an account may ask.
    pub guest_requests: bool,
    /// See [`PriorityEntry`].
    pub priority_entry: PriorityEntry,
}

/// The timers of a portal, in seconds of calendar time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Timers {
    /// After entering `waiting_customer`; those at or after the auto-resolve are dropped.
    pub waiting_reminder_seconds: Vec<u32>,
    /// After entering `waiting_customer`.
    pub auto_resolve_seconds: u32,
    /// Before the close.
    pub close_reminder_seconds: u32,
    /// After entering `resolved`; 0: at once.
    pub auto_close_seconds: u32,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            waiting_reminder_seconds: vec![86_400, 172_800, 259_200],
            auto_resolve_seconds: 345_600,
            close_reminder_seconds: 86_400,
            auto_close_seconds: 259_200,
        }
    }
}

/// How much one caller may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Tickets one person or guest address may create in an hour; 0: the product's default.
    pub tickets_per_hour_per_person: u32,
    /// Comments one person may write in an hour; 0: the product's default.
    pub comments_per_hour_per_person: u32,
}

/// All that tickets obeys of a portal's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// The switches.
    pub policies: Policies,
    /// The timers.
    pub timers: Timers,
    /// The portal's words for the statuses, by name.
    pub status_labels: BTreeMap<String, String>,
    /// What the statuses mean in this portal, by name.
    pub status_definitions: BTreeMap<String, String>,
    /// What stands before the `-` of a number; empty: the slug in capitals.
    pub ticket_prefix: String,
    /// How much one person may do.
    pub limits: Limits,
    /// The portal's own words, such as what it calls a ticket.
    pub words: BTreeMap<String, String>,
}

impl Rules {
    /// The word of this portal for a status.
    pub fn label(&self, status: Status, sub_status: Option<&str>) -> String {
        status.label(self.status_labels.get(status.name()).map(String::as_str), sub_status)
    }

    /// What a status means in this portal, for the customer to read (LC-1).
    pub fn definition(&self, status: Status) -> &str {
        let own = self.status_definitions.get(status.name()).map(String::as_str);
        own.filter(|text| !text.trim().is_empty()).unwrap_or(status.definition())
    }

    /// What this portal calls a ticket, in the middle of a sentence.
    pub fn word(&self) -> String {
        self.words.get("ticket").filter(|word| !word.trim().is_empty()).map_or_else(|| "request".to_owned(), |word| word.to_lowercase())
    }

    /// The prefix of the numbers that this portal gives from now on.
    pub fn prefix(&self, portal: &super::ids::PortalId) -> String {
        if self.ticket_prefix.is_empty() { portal.as_str().to_uppercase() } else { self.ticket_prefix.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_document_gives_its_rules_and_other_members_do_not_matter() {
        let document = r#"{"profile":"service-desk","policies":{"visibility":"own","reopen":"explicit_with_comment","customer_close":"when_resolved",
            "survey":"require","closed_update":"refuse","first_contact":["sso","invite"],"guest_requests":false,"priority_entry":"matrix"},
            "timers":{"waiting_reminder_seconds":[1,2],"auto_resolve_seconds":4,"close_reminder_seconds":1,"auto_close_seconds":0,"calendar":"calendar"},
            "status_labels":{"new":"New","waiting_customer":"Pending"},"ticket_prefix":"SD",
            "status_definitions":{"new":"It waits in our queue."},"limits":{"comments_per_hour_per_person":7}}"#;
        let rules: Rules = serde_json::from_str(document).unwrap();
        assert_eq!(rules.policies.reopen, Reopen::ExplicitWithComment);
        assert_eq!(rules.policies.survey, Survey::Require);
        assert_eq!(rules.timers.auto_close_seconds, 0);
        assert_eq!(rules.label(Status::WaitingCustomer, None), "Pending");
        assert_eq!(rules.prefix(&"desk".parse().unwrap()), "SD");
        assert_eq!(rules.definition(Status::New), "It waits in our queue.");
        assert_eq!(rules.definition(Status::Closed), Status::Closed.definition());
        assert_eq!(rules.limits.comments_per_hour_per_person, 7);
    }

    #[test]
    fn the_first_prefix_is_the_slug_in_capitals() {
        assert_eq!(Rules::default().prefix(&"acme-2".parse().unwrap()), "ACME-2");
    }
}
