//! What a list is asked for.

use time::OffsetDateTime;

use super::ids::{CategoryId, DepartmentId, GroupId, PersonId, ProductId};
use super::kinds::Priority;
use super::status::{Status, StatusCategory};

/// Which part of the visible tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Asked by the caller.
    Mine,
    /// Of the caller's organisation.
    Organization,
    /// Shared with the caller.
    Collaborating,
    /// Asked by the caller and shared with others.
    Shared,
    /// All that the caller may see.
    Visible,
}

/// Who works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssigneeFilter {
    /// This person.
    Person(PersonId),
    /// Nobody.
    Nobody,
}

/// What is asked for; `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of the visible tickets; `None`: all of them.
    pub scope: Option<Scope>,
    /// The list.
    pub category: Option<StatusCategory>,
    /// Any of these.
    pub statuses: Vec<Status>,
    /// A tsquery of `domain::words`.
    pub words: Option<String>,
    /// The question had no word that could be found.
    pub nothing: bool,
    /// Exact, in capitals.
    pub number: Option<String>,
    /// Contained in the subject.
    pub subject: Option<String>,
    /// Exact.
    pub priority: Option<Priority>,
    /// The requester's or guest's address, in lower case.
    pub email: Option<String>,
    /// Exact.
    pub product: Option<ProductId>,
    /// Exact.
    pub category_id: Option<CategoryId>,
    /// Exact.
    pub department: Option<DepartmentId>,
    /// Exact.
    pub requester: Option<PersonId>,
    /// Exact.
    pub assignee: Option<AssigneeFilter>,
    /// Exact.
    pub group: Option<GroupId>,
    /// Created at or after.
    pub created_after: Option<OffsetDateTime>,
    /// Created before.
    pub created_before: Option<OffsetDateTime>,
    /// Closed at or after.
    pub closed_after: Option<OffsetDateTime>,
    /// Closed before.
    pub closed_before: Option<OffsetDateTime>,
    /// The queue of unproven addresses.
    pub unverified: bool,
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// When it was made.
    Created,
    /// The last event that the caller may know of.
    Updated,
    /// Along the lifecycle.
    Status,
    /// By weight.
    Priority,
    /// By number.
    Number,
}
