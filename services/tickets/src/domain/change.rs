//! Changes of fields by agents, and what the history says about them.

use serde::{Deserialize, Serialize};

use super::ids::{CategoryId, DepartmentId, GroupId, PersonId, ProductId};
use super::kinds::{Level, Priority, Reason, TicketType};
use super::priority::matrix;
use super::ticket::Ticket;

/// New values of fields; `None`: not asked for. Inner `None`: none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// One line.
    pub subject: Option<String>,
    /// Kind of thing.
    pub ticket_type: Option<TicketType>,
    /// How much is hit.
    pub impact: Option<Option<Level>>,
    /// How soon it hurts.
    pub urgency: Option<Option<Level>>,
    /// How soon support should look.
    pub priority: Option<Priority>,
    /// Catalogue.
    pub department: Option<Option<DepartmentId>>,
    /// Catalogue.
    pub product: Option<Option<ProductId>>,
    /// Catalogue.
    pub category: Option<Option<CategoryId>>,
    /// Owner.
    pub group: Option<Option<GroupId>>,
    /// Owner.
    pub assignee: Option<Option<PersonId>>,
    /// On whose behalf.
    pub contact_name: Option<String>,
    /// Agents' words.
    pub tags: Option<Vec<String>>,
    /// The party, where support waits for one already.
    pub sub_status: Option<String>,
    /// Why, where it is resolved already.
    pub reason: Option<Reason>,
}

/// One changed field as the history keeps it: ids and closed words, made readable when read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// JSON name.
    pub field: String,
    /// `None`: none.
    pub before: Option<String>,
    /// `None`: none.
    pub after: Option<String>,
}

impl Patch {
    /// Only what differs from the ticket; impact and urgency pull the priority along unless it is set outright.
    pub fn effective(mut self, ticket: &Ticket) -> Self {
        let weights_move = self.impact.is_some_and(|v| v != ticket.impact) || self.urgency.is_some_and(|v| v != ticket.urgency);
        if weights_move && self.priority.is_none() {
            self.priority = Some(matrix(self.impact.unwrap_or(ticket.impact), self.urgency.unwrap_or(ticket.urgency)));
        }
        keep(&mut self.subject, &ticket.subject);
        keep(&mut self.ticket_type, &ticket.ticket_type);
        keep(&mut self.impact, &ticket.impact);
        keep(&mut self.urgency, &ticket.urgency);
        keep(&mut self.priority, &ticket.priority);
        keep(&mut self.department, &ticket.place.department);
        keep(&mut self.product, &ticket.place.product);
        keep(&mut self.category, &ticket.place.category);
        keep(&mut self.group, &ticket.group);
        keep(&mut self.assignee, &ticket.assignee);
        keep(&mut self.contact_name, &ticket.contact_name);
        keep(&mut self.tags, &ticket.tags);
        if self.sub_status == ticket.sub_status {
            self.sub_status = None;
        }
        if self.reason == ticket.reason {
            self.reason = None;
        }
        self
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether customers may not know of it: tags are the agents' own.
    pub fn is_internal(&self) -> bool {
        let without_tags = Self { tags: None, ..self.clone() };
        without_tags.is_empty()
    }

    /// What the history says, in the order of the contract's fields.
    pub fn history(&self, ticket: &Ticket) -> Vec<FieldChange> {
        let mut all = History(Vec::new());
        all.text("subject", self.subject.as_ref(), &ticket.subject);
        all.value("type", self.ticket_type, Some(ticket.ticket_type), |value| value.name().to_owned());
        all.option("impact", self.impact, ticket.impact, |value| value.name().to_owned());
        all.option("urgency", self.urgency, ticket.urgency, |value| value.name().to_owned());
        all.value("priority", self.priority, Some(ticket.priority), |value| value.name().to_owned());
        all.option("department", self.department, ticket.place.department, |id| id.to_string());
        all.option("product", self.product, ticket.place.product, |id| id.to_string());
        all.option("category", self.category, ticket.place.category, |id| id.to_string());
        all.option("group", self.group, ticket.group, |id| id.to_string());
        all.option("assignee", self.assignee, ticket.assignee, |id| id.to_string());
        all.text("contact_name", self.contact_name.as_ref(), &ticket.contact_name);
        if let Some(tags) = &self.tags {
            all.push("tags", some(ticket.tags.join(", ")), some(tags.join(", ")));
        }
        if let Some(party) = &self.sub_status {
            all.push("sub_status", ticket.sub_status.clone(), Some(party.clone()));
        }
        all.value("reason", self.reason, ticket.reason, |value| value.name().to_owned());
        all.0
    }
}

fn keep<T: PartialEq>(wanted: &mut Option<T>, present: &T) {
    if wanted.as_ref() == Some(present) {
        *wanted = None;
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

struct History(Vec<FieldChange>);

impl History {
    fn push(&mut self, field: &str, before: Option<String>, after: Option<String>) {
        self.0.push(FieldChange { field: field.to_owned(), before, after });
    }

    fn text(&mut self, field: &str, wanted: Option<&String>, present: &str) {
        if let Some(text) = wanted {
            self.push(field, some(present.to_owned()), some(text.clone()));
        }
    }

    fn value<T: Copy>(&mut self, field: &str, wanted: Option<T>, present: Option<T>, show: impl Fn(T) -> String) {
        if let Some(value) = wanted {
            self.push(field, present.map(&show), Some(show(value)));
        }
    }

    fn option<T: Copy>(&mut self, field: &str, wanted: Option<Option<T>>, present: Option<T>, show: impl Fn(T) -> String) {
        if let Some(value) = wanted {
            self.push(field, present.map(&show), value.map(&show));
        }
    }
}
