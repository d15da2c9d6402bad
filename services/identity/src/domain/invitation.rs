//! Invitations: who may invite whom, and what becomes of it.

use time::OffsetDateTime;

use super::ids::{InvitationId, LinkId, OrganizationId, PersonId};
use super::person::{Role, Visibility};

/// What became of an invitation, as stored. Expiry follows from the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// Nobody used it yet.
    Pending,
    /// The person registered.
    Accepted,
    /// It was taken back.
    Revoked,
}

impl InvitationState {
    const ALL: [Self; 3] = [Self::Pending, Self::Accepted, Self::Revoked];

    /// The name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What an invitation is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationStatus {
    /// It may be used.
    Pending,
    /// The person registered.
    Accepted,
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
}

/// An invitation. What it grants is granted when the person registers, not before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Whom it is for.
    pub person: PersonId,
    /// Who invited; `None` for the operator.
    pub invited_by: Option<PersonId>,
    /// The address, as it was invited.
    pub email: String,
    /// The name given; empty for none.
    pub name: String,
    /// The role that the person gets.
    pub role: Role,
    /// The organisation that the person joins.
    pub organization: Option<OrganizationId>,
    /// What the person sees.
    pub visibility: Visibility,
    /// What became of it.
    pub state: InvitationState,
    /// The link that was mailed; `None` when the address had an account already, which a customer who invites is not told.
    pub link: Option<LinkId>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Until when it may be used.
    pub expires_at: OffsetDateTime,
}

impl Invitation {
    /// What it is shown as at this moment.
    pub fn status(&self, now: OffsetDateTime) -> InvitationStatus {
        match self.state {
            InvitationState::Accepted => InvitationStatus::Accepted,
            InvitationState::Revoked => InvitationStatus::Revoked,
            InvitationState::Pending if now >= self.expires_at => InvitationStatus::Expired,
            InvitationState::Pending => InvitationStatus::Pending,
        }
    }

    /// Whether registering grants what it says.
    pub fn is_open(&self, now: OffsetDateTime) -> bool {
        self.status(now) == InvitationStatus::Pending
    }
}

/// Who invites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inviter {
    /// The role.
    pub role: Role,
    /// The organisation of a customer.
    pub organization: Option<OrganizationId>,
    /// What a customer sees.
    pub visibility: Visibility,
}

/// Whom somebody wants to invite as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The role.
    pub role: Role,
    /// The organisation to join.
    pub organization: Option<OrganizationId>,
    /// What the person would see.
    pub visibility: Option<Visibility>,
}

/// Why an invitation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The role may never do this.
    Forbidden,
    /// Only into the own organisation.
    ForeignOrganization,
}

/// What the inviter may grant of what is wanted: agents invite customers, only administrators invite staff, a customer with organisation
/// visibility invites into the own organisation.
pub fn granted(inviter: Inviter, wanted: Wanted) -> Result<Wanted, Refusal> {
    match inviter.role {
        Role::Admin => Ok(wanted),
        Role::Agent if wanted.role == Role::Customer => Ok(wanted),
        Role::Agent => Err(Refusal::Forbidden),
        Role::Customer => {
            let own = inviter.organization.filter(|_| inviter.visibility == Visibility::Organization).ok_or(Refusal::Forbidden)?;
            if wanted.role != Role::Customer {
                return Err(Refusal::Forbidden);
            }
            if wanted.organization.is_some_and(|organization| organization != own) {
                return Err(Refusal::ForeignOrganization);
            }
            Ok(Wanted { organization: Some(own), ..wanted })
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn organization(n: u128) -> Option<OrganizationId> {
        Some(OrganizationId::new(Uuid::from_u128(n)))
    }

    fn wanted(role: Role, organization: Option<OrganizationId>) -> Wanted {
        Wanted { role, organization, visibility: None }
    }

    #[test]
    fn agents_invite_customers_and_only_administrators_invite_staff() {
        let inviter = |role| Inviter { role, organization: None, visibility: Visibility::Own };
        assert!(granted(inviter(Role::Agent), wanted(Role::Customer, organization(1))).is_ok());
        assert_eq!(granted(inviter(Role::Agent), wanted(Role::Agent, None)), Err(Refusal::Forbidden));
        assert!(granted(inviter(Role::Admin), wanted(Role::Admin, None)).is_ok());
        assert_eq!(granted(inviter(Role::Customer), wanted(Role::Customer, None)), Err(Refusal::Forbidden));
    }

    #[test]
    fn a_power_user_invites_into_the_own_organisation_alone() {
        let bob = Inviter { role: Role::Customer, organization: organization(1), visibility: Visibility::Organization };
        assert_eq!(granted(bob, wanted(Role::Customer, None)).unwrap().organization, organization(1));
        assert_eq!(granted(bob, wanted(Role::Customer, organization(2))), Err(Refusal::ForeignOrganization));
        assert_eq!(granted(bob, wanted(Role::Agent, organization(1))), Err(Refusal::Forbidden));
    }
}
