//! Copies of identity's facts about people.

use super::ids::{OrganizationId, PersonId, PortalId};
use super::kinds::Role;

/// What tickets keeps about a person. The copy with the higher version wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFacts {
    /// In which portal.
    pub portal: PortalId,
    /// Who.
    pub id: PersonId,
    /// Display name.
    pub name: String,
    /// In lower case.
    pub email: String,
    /// What they are.
    pub role: Role,
    /// Not suspended.
    pub active: bool,
    /// Has signed up.
    pub registered: bool,
    /// Where they belong.
    pub organization: Option<(OrganizationId, String)>,
    /// Sees all tickets of the organisation.
    pub sees_organization: bool,
    /// BCP 47.
    pub locale: String,
    /// IANA name.
    pub time_zone: String,
    /// Identity's version of these facts.
    pub version: i64,
}

impl PersonFacts {
    /// Agent or administrator.
    pub const fn is_staff(&self) -> bool {
        matches!(self.role, Role::Agent | Role::Admin)
    }
}
